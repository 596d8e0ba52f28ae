"""Keeping the truth fair: a record so spoilt or so empty that nobody could tell whose it is gets written again.

Without this a measured recall would blame the matcher for what the data does not say. A few hopeless records are left,
because real extracts have them too.
"""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from random import Random

from single_node.population.extracts import Extracted, Record, by_resident, rewritten
from single_node.population.naming import own_place
from single_node.population.residents import Resident

# Of the records that nothing ties to the others of their resident, the share that stays so.
_HOPELESS = 0.1


def mended(rng: Random, records: Sequence[Extracted], *, people: Sequence[Resident]) -> list[Extracted]:
    """Write again, clean and with its birth date, each record that nothing ties to the others of its resident."""
    settled: list[Extracted] = []
    for resident, items in by_resident(records).items():
        for owner in people[resident].owners:
            items = _tied(rng, items, among=[item for item in items if item.owner == owner], resident=people[resident])
        settled += _tied(rng, items, among=items, resident=people[resident])
    return settled


def recognisable(one: Record, other: Record) -> bool:
    """Say whether a careful clerk would take two records for one person's: five points, three of them of one kind."""
    name = _likeness_of_names(one, other)
    born = _likeness_of_dates(one, other)
    identifier = 3 * any(
        one.get(field, "") == other.get(field) for field in ("nhs_number", "national_insurance_number")
    )
    place = 2 * bool(_places(one) & _places(other))
    contact = 2 * bool(_contacts(one) & _contacts(other))
    return name > 0 and max(name, born, identifier) == 3 and name + born + identifier + place + contact >= 5


def _tied(
    rng: Random, items: Sequence[Extracted], *, among: Sequence[Extracted], resident: Resident
) -> list[Extracted]:
    """Walk through `among` from its best tied record, write again what cannot be reached and keep the rest."""
    waiting = sorted(among, key=lambda item: sum(recognisable(item.record, other.record) for other in among))
    reached = [waiting.pop()] if waiting else []
    replaced: dict[int, Extracted] = {}
    while waiting:
        near = next((item for item in waiting if _any_recognisable(item, reached)), None)
        item = near or waiting[0]
        waiting.remove(item)
        if near is None and rng.random() >= _HOPELESS:
            again = replace(item, record=rewritten(rng, item, resident=resident))
            replaced[id(item)] = again
            item = again
        reached.append(item)
    return [replaced.get(id(item), item) for item in items]


def _any_recognisable(item: Extracted, reached: Sequence[Extracted]) -> bool:
    return any(recognisable(item.record, other.record) for other in reached)


def _likeness_of_names(one: Record, other: Record) -> int:
    ratio = max(
        SequenceMatcher(None, mine, theirs, autojunk=False).ratio()
        for mine in _full_names(one)
        for theirs in _full_names(other)
    )
    return 3 if ratio == 1 else int(ratio >= 0.8)


def _full_names(record: Record) -> list[str]:
    """List the forename with the family name and with each former one, words in order of the alphabet."""
    families = (record["family_name"], *record.get("previous_family_names", ()))
    forename = record["given_names"][own_place(record["given_names"])]
    return [" ".join(sorted(f"{forename} {family}".casefold().split())) for family in families]


def _likeness_of_dates(one: Record, other: Record) -> int:
    days = [str(record.get("date_of_birth", "")) for record in (one, other)]
    if "" in days:
        return 0
    if days[0] == days[1]:
        return 3
    swapped = f"{days[0][:4]}-{days[0][8:]}-{days[0][5:7]}" == days[1]
    return int(swapped or sum(mine != theirs for mine, theirs in zip(*days, strict=True)) == 1)


def _places(record: Record) -> set[str]:
    addresses = record.get("addresses", ())
    return {address["uprn"] for address in addresses if "uprn" in address} | {
        "|".join((*address["lines"], address["postcode"])) for address in addresses if "postcode" in address
    }


def _contacts(record: Record) -> set[str]:
    return {*record.get("emails", ())} | {phone.replace(" ", "")[-9:] for phone in record.get("phones", ())}
