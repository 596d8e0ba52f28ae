"""The residents: members of households with homes, telephones, mailboxes and numbers, some known to two boroughs.

The truth about each resident is decided here; what the councils wrote down of it is in `extracts`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from single_node.population.households import AS_OF, Bond, Household, Member, deck, person_aged
from single_node.population.identifiers import mailbox, national_insurance_numbers, nhs_numbers, phone_numbers
from single_node.population.naming import ALL_ORIGINS
from single_node.population.streets import OWNERS, Address, addresses

_BOROUGH_SHARES = (4, 3, 4)


@dataclass(frozen=True)
class Stay:
    """A dwelling lived in from a day until another, or until now."""

    address: Address
    since: date
    until: date | None = None
    use: str = "home"


@dataclass(frozen=True)
class Resident:
    """One human being. `stays` run from the earliest to the present home; `owners` names the home borough first."""

    id: int
    member: Member
    household: int
    owners: tuple[str, ...]
    stays: tuple[Stay, ...]
    nhs_number: str
    national_insurance_number: str | None
    phones: tuple[str, ...]
    emails: tuple[str, ...]

    @property
    def origin(self) -> str:
        """The label of the origin of the name."""
        return self.member.origin.label

    @property
    def age(self) -> int:
        """Whole years at the day the world stands still."""
        born = self.member.born
        return AS_OF.year - born.year - ((AS_OF.month, AS_OF.day) < (born.month, born.day))


@dataclass(frozen=True)
class Relation:
    """A bond between two residents by their ids."""

    kind: str
    one: int
    other: int


@dataclass(frozen=True)
class Supply:
    """What residents are given one after another: dwellings of each borough and numbers of each kind."""

    dwellings: dict[str, list[Address]]
    phones: Iterator[str]
    nhs: Iterator[str]
    national_insurance: Iterator[str]


def settle(rng: Random, *, residents: int) -> tuple[list[Resident], list[Relation]]:
    """Draw households until there are `residents` people and give each a life in one or two boroughs."""
    supply = Supply(
        {
            owner: addresses(rng, owner, at_least=residents + 60, first_uprn=number * 10_000_000 + 1)
            for number, owner in enumerate(OWNERS)
        },
        phone_numbers(rng),
        nhs_numbers(rng),
        national_insurance_numbers(rng),
    )
    people: list[Resident] = []
    relations: list[Relation] = []
    households: list[Household] = []
    number = 0
    while len(people) < residents:
        households = households or deck(rng)
        household = households.pop()
        if len(people) + len(household.members) > residents:
            household = Household("single", (person_aged(rng, household.members[0].origin, youngest=25, oldest=80),))
        first = len(people)
        people += _housed(rng, household, supply=supply, first_id=first, number=number)
        relations += [_relation(bond, first=first) for bond in household.bonds]
        number += 1
    people, namesakes = _with_namesakes(rng, people, bonded=relations)
    return _told_apart(people), relations + namesakes


def _relation(bond: Bond, *, first: int) -> Relation:
    return Relation(bond.kind, first + bond.one, first + bond.other)


def _housed(rng: Random, household: Household, *, supply: Supply, first_id: int, number: int) -> list[Resident]:
    owner = rng.choices(OWNERS, weights=_BOROUGH_SHARES)[0]
    home = supply.dwellings[owner].pop()
    together = household.shares_contact
    moved_in = AS_OF - timedelta(days=rng.randrange(200, 365 * 12))
    journey = _journey(rng, owner, home=home, moved_in=moved_in, supply=supply)
    landline = next(supply.phones) if together and rng.random() < 0.4 else None
    shared_mailbox: str | None = None
    settled: list[Resident] = []
    for place, member in enumerate(household.members):
        owners, stays = journey
        if not together:
            since = AS_OF - timedelta(days=rng.randrange(120, 365 * 5))
            owners, stays = _journey(rng, owner, home=home, moved_in=since, supply=supply)
        resident = _resident(rng, member, id_=first_id + place, household=number, supply=supply)
        if resident.age < 16 and settled:
            resident = replace(resident, phones=settled[0].phones[:1], emails=settled[0].emails[:1])
        elif landline:
            resident = replace(resident, phones=(*resident.phones, landline))
        if together and shared_mailbox and rng.random() < 0.15:
            resident = replace(resident, emails=(shared_mailbox,))
        shared_mailbox = shared_mailbox or (resident.emails[0] if resident.emails else None)
        born = member.born
        stays = tuple(
            replace(stay, since=max(stay.since, born)) for stay in stays if stay.until is None or stay.until > born
        )
        owners = tuple(name for name in owners if any(stay.address.owner == name for stay in stays) or name == owner)
        settled.append(replace(resident, owners=owners, stays=stays))
    return settled


def _journey(
    rng: Random, owner: str, *, home: Address, moved_in: date, supply: Supply
) -> tuple[tuple[str, ...], tuple[Stay, ...]]:
    """Draw the homes before this one: mostly none, one in the same borough, or one in another that still knows them."""
    kind = rng.random()
    present = Stay(home, moved_in)
    if kind < 0.20:
        other = rng.choice([name for name in OWNERS if name != owner])
        placed = rng.random() < 0.25
        use = "temporary" if placed else "home"
        earlier = Stay(supply.dwellings[other].pop(), _years_before(rng, moved_in), moved_in)
        return (owner, other), (earlier, replace(present, use=use))
    if kind < 0.36:
        return (owner,), (Stay(supply.dwellings[owner].pop(), _years_before(rng, moved_in), moved_in), present)
    return (owner,), (present,)


def _years_before(rng: Random, day: date) -> date:
    return day - timedelta(days=rng.randrange(300, 365 * 8))


def _resident(rng: Random, member: Member, *, id_: int, household: int, supply: Supply) -> Resident:
    adult = (AS_OF - member.born).days >= 16 * 365.25
    phones = (next(supply.phones),) if adult and rng.random() < 0.92 else ()
    emails: tuple[str, ...] = ()
    if adult and rng.random() < (0.85 if member.born.year > 1955 else 0.4):
        emails = (mailbox(rng, given=member.name.forename, family=member.name.family, distinct=id_),)
    return Resident(
        id_,
        member,
        household,
        owners=(),
        stays=(),
        nhs_number=next(supply.nhs),
        national_insurance_number=next(supply.national_insurance) if adult else None,
        phones=phones,
        emails=emails,
    )


def _with_namesakes(
    rng: Random, people: list[Resident], *, bonded: list[Relation]
) -> tuple[list[Resident], list[Relation]]:
    """Give some people who live alone the name, and a third of them the birth year, of somebody elsewhere."""
    people = list(people)
    namesakes: list[Relation] = []
    attached = {id_ for relation in bonded for id_ in (relation.one, relation.other)}
    alone = [person.id for person in people if person.id not in attached]
    rng.shuffle(alone)
    for origin in ALL_ORIGINS:
        for gender in ("female", "male"):
            same = [id_ for id_ in alone if people[id_].member.origin == origin and people[id_].member.gender == gender]
            for one, other in list(zip(same[::2], same[1::2], strict=False))[: max(1, len(people) // 1000)]:
                model, member = people[one].member, people[other].member
                year = model.born.year if rng.random() < 0.35 else member.born.year
                born = date(year, member.born.month, min(member.born.day, 28))
                if born == model.born:
                    born -= timedelta(days=41)
                emails = tuple(
                    mailbox(rng, given=model.name.forename, family=model.name.family, distinct=other)
                    for _ in people[other].emails
                )
                namesake = replace(member, name=model.name, born=born)
                people[other] = replace(people[other], member=namesake, emails=emails)
                namesakes.append(Relation("namesakes", one, other))
    return people, namesakes


def _told_apart(people: list[Resident]) -> list[Resident]:
    """Move the birthday of whoever chances upon another's name and birth date, so that the truth can be found out."""
    seen: set[tuple[str, str, date]] = set()
    settled: list[Resident] = []
    for person in people:
        member = person.member
        while (member.name.forename, member.name.family, member.born) in seen:
            member = replace(member, born=member.born - timedelta(days=41))
        seen.add((member.name.forename, member.name.family, member.born))
        settled.append(replace(person, member=member))
    return settled
