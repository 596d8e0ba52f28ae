"""What the councils wrote down: every source's habits, its gaps and its slips, one record at a time.

A record is a dict with the fields of a source record, ready for JSON. The truth behind it is in `residents`, the kinds
of slips in `errors`, and what is done so that the truth stays fair in `fairness`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from single_node.population import errors
from single_node.population.households import AS_OF
from single_node.population.naming import own_place
from single_node.population.residents import Resident, Stay

Record = dict[str, Any]
Key = tuple[str, str, str]

_NEEDS = ("large-print", "braille", "audio", "easy-read", "bsl", "hearing-loop", "step-free-access")
_TITLES = {"female": ("Ms", "Mrs", "Miss", "Dr"), "male": ("Mr", "Mr", "Mr", "Dr")}


@dataclass(frozen=True)
class Extracted:
    """One source record and, for the evaluator only, the id of the resident it is about."""

    owner: str
    source: str
    local_id: str
    resident: int
    record: Record

    @property
    def key(self) -> Key:
        """Owner, source and local id, which name a source record."""
        return self.owner, self.source, self.local_id


@dataclass(frozen=True)
class Habits:
    """How likely a source is to write a thing down, as fractions between 0 and 1."""

    birth_date: float
    uprn: float
    phone: float
    email: float
    middle_names: float
    history: float
    nhs: float = 0.0
    national_insurance: float = 0.0
    language: float = 0.0


HABITS: dict[str, Habits] = {
    "crm": Habits(birth_date=0.94, uprn=0.45, phone=0.85, email=0.75, middle_names=0.35, history=0.15),
    "council-tax": Habits(birth_date=0.65, uprn=0.95, phone=0.5, email=0.4, middle_names=0.5, history=0.35),
    "housing": Habits(
        birth_date=0.97, uprn=1.0, phone=0.7, email=0.45, middle_names=0.6, history=0.4, national_insurance=0.35
    ),
    "benefits": Habits(
        birth_date=0.97, uprn=0.6, phone=0.6, email=0.45, middle_names=0.6, history=0.3, national_insurance=0.93
    ),
    "adult-social-care": Habits(
        birth_date=0.97, uprn=0.5, phone=0.7, email=0.25, middle_names=0.6, history=0.25, nhs=0.9, language=0.5
    ),
}


def written(rng: Random, resident: Resident, *, owner: str, source: str, error_rate: float) -> Record:
    """Write down one resident as one source of one borough would, each field wrong with chance `error_rate`."""
    habits = HABITS[source]
    known = _stays_known(resident, owner)
    observed = _observed(rng, known, not_before=_may_deal_from(resident, source))
    record = _names(rng, resident, habits=habits, on=observed)
    member = resident.member
    if member.subtle or rng.random() < habits.birth_date:
        record["date_of_birth"] = member.born.isoformat()
    record["gender"] = member.gender if rng.random() < 0.9 else "unknown"
    if rng.random() < habits.nhs:
        record["nhs_number"] = resident.nhs_number
    if resident.national_insurance_number and rng.random() < habits.national_insurance:
        record["national_insurance_number"] = resident.national_insurance_number
    if rng.random() >= 0.01 or source == "housing":
        record["addresses"] = _addresses(rng, known, habits=habits, on=observed)
    if resident.phones and rng.random() < habits.phone:
        record["phones"] = [_dialled(rng, number) for number in resident.phones[: 1 + (rng.random() < 0.3)]]
    if resident.emails and rng.random() < habits.email:
        record["emails"] = list(resident.emails)
    _preferences(rng, record, resident=resident, habits=habits, source=source)
    record["observed_at"] = _stamp(rng, observed)
    return _with_slips(rng, record, resident=resident, error_rate=error_rate)


def _stays_known(resident: Resident, owner: str) -> tuple[Stay, ...]:
    """Give what a borough can know: the home borough every stay, another one the stays up to the last in its area.

    A borough that has placed someone in temporary accommodation elsewhere knows that address as well.
    """
    if resident.stays[-1].use == "temporary":
        return resident.stays
    last = max(place for place, stay in enumerate(resident.stays) if stay.address.owner == owner)
    return resident.stays[: last + 1]


def _may_deal_from(resident: Resident, source: str) -> date:
    born = resident.member.born
    return born if source in ("housing", "benefits") else born + timedelta(days=365 * 18 + 5)


def _observed(rng: Random, known: tuple[Stay, ...], *, not_before: date) -> date:
    last = known[-1]
    until = last.until or AS_OF
    since = last.since
    if len(known) > 1 and known[-2].address.owner == last.address.owner and rng.random() < 0.25:
        since, until = known[-2].since, last.since
    since = max(since, min(not_before, until), until - timedelta(days=365 * 8))
    return since + timedelta(days=rng.randrange(max(1, (until - since).days)))


def _names(rng: Random, resident: Resident, *, habits: Habits, on: date) -> Record:
    member = resident.member
    given = list(member.name.given)
    if len(given) > 1 and own_place(given) == 0 and rng.random() >= habits.middle_names:
        given = given[:1]
    record: Record = {"given_names": given, "family_name": member.name.family}
    if member.maiden_name and member.married_on:
        if on < member.married_on:
            record["family_name"] = member.maiden_name
        elif rng.random() < 0.5:
            record["previous_family_names"] = [member.maiden_name]
    if member.name.known_as and rng.random() < 0.6:
        record["known_as"] = member.name.known_as
    if resident.age >= 18 and rng.random() < 0.6:
        record["title"] = rng.choice(_TITLES[member.gender])
    return record


def _addresses(rng: Random, known: tuple[Stay, ...], *, habits: Habits, on: date) -> list[Record]:
    lived = [stay for stay in known if stay.since <= on] or list(known[:1])
    told = [lived[-1]]
    if len(lived) > 1 and rng.random() < habits.history:
        told = lived[-2:]
    return [_address(rng, stay, habits=habits, on=on) for stay in reversed(told)]


def _address(rng: Random, stay: Stay, *, habits: Habits, on: date) -> Record:
    record: Record = {
        "lines": list(stay.address.lines),
        "town": stay.address.town,
        "from": stay.since.isoformat(),
        "use": stay.use,
    }
    if rng.random() >= 0.02:
        record["postcode"] = stay.address.postcode
    if rng.random() < habits.uprn:
        record["uprn"] = stay.address.uprn
    if stay.until and stay.until <= on:
        record["to"] = stay.until.isoformat()
    return record


def _preferences(rng: Random, record: Record, *, resident: Resident, habits: Habits, source: str) -> None:
    language = resident.member.origin.language
    if language and rng.random() < habits.language:
        record["preferred_language"] = language
        record["interpreter_required"] = rng.random() < 0.4
    if habits.language and rng.random() < 0.45:
        record["accessibility_needs"] = rng.sample(_NEEDS, k=rng.choice((1, 1, 2)))
    if source == "crm" and rng.random() < 0.4:
        record["preferred_channel"] = rng.choice(("telephone", "email", "web", "text", "face-to-face"))
    if source in ("housing", "adult-social-care") and rng.random() < 0.008:
        record["markers"] = [
            {"kind": "visit-in-pairs", "from": "2025-03-01", "until": "2027-03-01", "told_person": True}
        ]


def _dialled(rng: Random, number: str) -> str:
    """Write a number as people do: plain, spaced or international."""
    split = 3 if number.startswith("02") else 5 if number.startswith("0770") else 4
    return rng.choice(
        (number, f"{number[:split]} {number[split:-4]} {number[-4:]}", f"+44 {number[1:split]} {number[split:]}")
    )


def _stamp(rng: Random, day: date) -> str:
    at = datetime.combine(day, time(rng.randrange(8, 19), rng.randrange(60), rng.randrange(60)), UTC)
    return at.isoformat().replace("+00:00", "Z")


def _with_slips(rng: Random, record: Record, *, resident: Resident, error_rate: float) -> Record:
    def slips() -> bool:
        return rng.random() < error_rate

    subtle = resident.member.subtle
    given, own = record["given_names"], own_place(record["given_names"])
    if slips() and not subtle:
        given[own] = errors.miswritten_forename(rng, given[own], known_as=resident.member.name.known_as)
    if slips():
        record["family_name"] = errors.miswritten_family_name(rng, record["family_name"])
    # Clerks take the first name written for the forename, which misleads where the family name comes first.
    if rng.random() < error_rate / (2 if resident.member.origin.western else 4) and not subtle:
        given[own], record["family_name"] = record["family_name"], given[own]
    if "date_of_birth" in record and slips() and not subtle:
        record["date_of_birth"] = errors.misdated(rng, resident.member.born).isoformat()
    for address in record.get("addresses", ()):
        if slips():
            place = rng.randrange(len(address["lines"]))
            address["lines"][place] = errors.spoilt_line(rng, address["lines"][place])
        if "postcode" in address and slips():
            address["postcode"] = errors.spoilt_postcode(rng, address["postcode"])
    if "phones" in record and slips():
        record["phones"][0] = errors.spoilt_phone(rng, record["phones"][0])
    if "emails" in record and slips():
        record["emails"][0] = errors.spoilt_email(rng, record["emails"][0])
    return record


def rewritten(rng: Random, item: Extracted, *, resident: Resident) -> Record:
    """Write a record again at the same source, without slips and with the birth date."""
    record = written(rng, resident, owner=item.owner, source=item.source, error_rate=0.0)
    return {**record, "date_of_birth": resident.member.born.isoformat()}


def by_resident(records: Iterable[Extracted]) -> dict[int, list[Extracted]]:
    """Gather records by the resident they are about."""
    gathered: dict[int, list[Extracted]] = defaultdict(list)
    for item in records:
        gathered[item.resident].append(item)
    return gathered
