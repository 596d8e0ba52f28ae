"""Who lives with whom: couples, families, three generations, flatshares, houses in multiple occupation, care homes.

A household is drawn here as members and the bonds between them; where it lives, its telephone and its dealings with
the councils are added in `residents`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Literal

from single_node.population.names import Origin
from single_node.population.naming import (
    VIETNAMESE_MIDDLE_NAMES,
    Gender,
    Name,
    draw_origin,
    founder,
    married,
    offspring,
)

# Every age is counted back from this day, so that a seed gives the same world in any year.
AS_OF = date(2026, 9, 30)

BondKind = Literal["spouses", "parent", "siblings", "twins", "parent-and-child", "flatmates"]


@dataclass(frozen=True)
class Member:
    """One human being of a household, before the household has an address.

    `subtle` marks someone whom only an exact forename or birth date tells from another member.
    """

    name: Name
    origin: Origin
    gender: Gender
    born: date
    maiden_name: str | None = None
    married_on: date | None = None
    subtle: bool = False


@dataclass(frozen=True)
class Bond:
    """How two members, given by their place in the household, belong together (the parent first)."""

    kind: BondKind
    one: int
    other: int


@dataclass(frozen=True)
class Household:
    """The members who share one dwelling; `shares_contact` where they also share telephones and mailboxes."""

    kind: str
    members: tuple[Member, ...]
    bonds: tuple[Bond, ...] = ()
    shares_contact: bool = True


def deck(rng: Random) -> list[Household]:
    """Draw a hundred households in fixed proportions, in random order."""
    drawn = [build(rng) for build, count in _MIX for _ in range(count)]
    rng.shuffle(drawn)
    return drawn


def person_aged(rng: Random, origin: Origin, *, youngest: int, oldest: int) -> Member:
    """Draw one unattached person within an age range in years."""
    gender = _gender(rng)
    return Member(founder(rng, origin, gender=gender), origin, gender, _born(rng, youngest=youngest, oldest=oldest))


def _single(rng: Random) -> Household:
    return Household("single", (person_aged(rng, draw_origin(rng), youngest=20, oldest=92),))


def _couple(rng: Random) -> Household:
    return Household("couple", _spouses(rng, youngest=24, oldest=84), (Bond("spouses", 0, 1),))


def _family(rng: Random) -> Household:
    return _with_children(rng, _spouses(rng, youngest=30, oldest=58), count=rng.choice((1, 1, 2, 2, 2, 3, 4)))


def _twins(rng: Random) -> Household:
    parents = _spouses(rng, youngest=33, oldest=66)
    household = _with_children(rng, parents, count=1)
    first = household.members[2]
    gender = first.gender if rng.random() < 0.8 else _gender(rng)
    near = (
        _near_forename(rng, first, gender=gender, taken=_forenames(household.members)) if rng.random() < 0.35 else None
    )
    name = offspring(
        rng,
        first.origin,
        gender=gender,
        father=parents[0].name,
        mother=parents[1].name,
        taken=_forenames(household.members),
    )
    if near:
        name = replace(name, given=_with_forename(name, near), known_as=None)
    name = replace(name, family=name.family if first.origin.custom == "honorific" else first.name.family)
    twin = Member(name, first.origin, gender, first.born, subtle=near is not None)
    members = (*parents, replace(first, subtle=near is not None), twin)
    bonds = (*household.bonds, Bond("twins", 2, 3), Bond("parent", 0, 3), Bond("parent", 1, 3))
    return Household("family", members, bonds)


def _named_after_parent(rng: Random) -> Household:
    spouses = _spouses(rng, youngest=42, oldest=80)
    parent = spouses[0]
    years = rng.randrange(21, 36)
    born = _birthday_near(rng, parent.born.year + years)
    name = parent.name if rng.random() < 0.6 else replace(parent.name, given=_without_middle_names(parent.name))
    child = Member(replace(name, known_as=None), parent.origin, parent.gender, min(born, AS_OF), subtle=True)
    members = (replace(parent, subtle=True), spouses[1], child)
    return Household("family", members, (Bond("spouses", 0, 1), Bond("parent-and-child", 0, 2), Bond("parent", 1, 2)))


def _single_parent(rng: Random) -> Household:
    origin = draw_origin(rng)
    gender: Gender = "female" if rng.random() < 0.85 else "male"
    born = _born(rng, youngest=22, oldest=52)
    parent = Member(founder(rng, origin, gender=gender), origin, gender, born)
    absent = founder(rng, origin, gender="male" if gender == "female" else "female")
    pair = (parent.name, absent) if gender == "male" else (absent, parent.name)
    if rng.random() < 0.5 and origin.custom == "shared":
        pair = (parent.name, parent.name)
    return _children_of(rng, (parent,), names=pair, count=rng.choice((1, 1, 2, 3)))


def _three_generations(rng: Random) -> Household:
    family = _with_children(rng, _spouses(rng, youngest=30, oldest=50), count=rng.choice((1, 2, 3)))
    parent = family.members[0]
    gender = _gender(rng)
    elder = founder(rng, parent.origin, gender=gender, taken=_forenames(family.members))
    if parent.origin.custom in ("shared", "gendered"):
        elder = replace(elder, family=parent.name.family)
    place = len(family.members)
    grandparent = Member(elder, parent.origin, gender, _birthday_near(rng, parent.born.year - rng.randrange(22, 38)))
    return Household("three-generations", (*family.members, grandparent), (*family.bonds, Bond("parent", place, 0)))


def _flatshare(rng: Random) -> Household:
    return _strangers(rng, "flatshare", count=rng.choice((2, 2, 3, 3, 4)), youngest=21, oldest=40)


def _student_house(rng: Random) -> Household:
    return _strangers(rng, "student-house", count=rng.choice((3, 4, 5)), youngest=18, oldest=23)


def _multiple_occupation(rng: Random) -> Household:
    return _strangers(rng, "multiple-occupation", count=rng.randrange(6, 11), youngest=19, oldest=65)


def _care_home(rng: Random) -> Household:
    return _strangers(rng, "care-home", count=rng.randrange(9, 14), youngest=72, oldest=97)


_MIX: tuple[tuple[Callable[[Random], Household], int], ...] = (
    (_single, 33),
    (_couple, 17),
    (_family, 17),
    (_single_parent, 9),
    (_three_generations, 4),
    (_twins, 4),
    (_named_after_parent, 4),
    (_flatshare, 7),
    (_student_house, 2),
    (_multiple_occupation, 2),
    (_care_home, 1),
)


def _strangers(rng: Random, kind: str, *, count: int, youngest: int, oldest: int) -> Household:
    members: list[Member] = []
    while len(members) < count:
        member = person_aged(rng, draw_origin(rng), youngest=youngest, oldest=oldest)
        if member.name.forename not in _forenames(members):
            members.append(member)
    pairs = [(one, other) for other in range(count) for one in range(other)]
    return Household(kind, tuple(members), tuple(Bond("flatmates", *pair) for pair in pairs), shares_contact=False)


def _spouses(rng: Random, *, youngest: int, oldest: int) -> tuple[Member, Member]:
    origin = draw_origin(rng)
    husband_born = _born(rng, youngest=youngest, oldest=oldest)
    wife_born = max(_birthday_near(rng, husband_born.year + rng.randrange(-3, 7)), husband_born - timedelta(days=1500))
    wife_born = min(wife_born, AS_OF - timedelta(days=365 * youngest))
    husband = Member(founder(rng, origin, gender="male"), origin, "male", husband_born)
    theirs = origin if rng.random() < 0.88 else draw_origin(rng)
    name = founder(rng, theirs, gender="female", taken=frozenset(husband.name.given))
    wife = Member(name, theirs, "female", wife_born)
    if rng.random() < theirs.spouses_share:
        taken_name = married(rng, theirs, gender="female", own=name, spouse=husband.name)
        earliest = max(wife_born, husband_born) + timedelta(days=365 * 20)
        wedding = min(earliest + timedelta(days=rng.randrange(365 * 18)), AS_OF - timedelta(days=90))
        maiden = name.family if name.family != taken_name.family else None
        wife = replace(wife, name=taken_name, maiden_name=maiden, married_on=wedding if maiden else None)
    return husband, wife


def _with_children(rng: Random, parents: tuple[Member, Member], *, count: int) -> Household:
    household = _children_of(rng, parents, names=(parents[0].name, parents[1].name), count=count)
    return replace(household, bonds=(Bond("spouses", 0, 1), *household.bonds))


def _children_of(rng: Random, parents: tuple[Member, ...], *, names: tuple[Name, Name], count: int) -> Household:
    members = list(parents)
    bonds: list[Bond] = []
    year = max(parent.born.year for parent in parents) + rng.randrange(20, 31)
    for _ in range(count):
        born = _birthday_near(rng, year)
        if born > AS_OF:
            break
        members.append(_child(rng, members, names=names, born=born, elder=members[len(parents) :]))
        place = len(members) - 1
        bonds += [Bond("parent", parent, place) for parent in range(len(parents))]
        bonds += [Bond("siblings", elder, place) for elder in range(len(parents), place)]
        year = born.year + rng.choice((1, 1, 2, 2, 3, 4))
    return Household("family", tuple(members), tuple(bonds))


def _child(
    rng: Random, family: Sequence[Member], *, names: tuple[Name, Name], born: date, elder: Sequence[Member]
) -> Member:
    origin, gender = family[0].origin, _gender(rng)
    name = offspring(rng, origin, gender=gender, father=names[0], mother=names[1], taken=_forenames(family))
    near = (
        _near_forename(rng, elder[-1], gender=gender, taken=_forenames(family))
        if elder and rng.random() < 0.15
        else None
    )
    if near:
        name = replace(name, given=_with_forename(name, near), known_as=None)
    return Member(name, origin, gender, born)


def _near_forename(rng: Random, sibling: Member, *, gender: Gender, taken: frozenset[str]) -> str | None:
    options = sibling.origin.female if gender == "female" else sibling.origin.male
    first = sibling.name.forename
    near = [name for name in options if name not in taken and name[:2] == first[:2]]
    return rng.choice(near) if near else None


def _with_forename(name: Name, first: str) -> tuple[str, ...]:
    return (name.given[0], first) if name.given[0] in VIETNAMESE_MIDDLE_NAMES else (first, *name.given[1:])


def _without_middle_names(name: Name) -> tuple[str, ...]:
    return name.given[: name.given.index(name.forename) + 1]


def _forenames(members: Sequence[Member]) -> frozenset[str]:
    return frozenset(name for member in members for name in member.name.given)


def _gender(rng: Random) -> Gender:
    return "female" if rng.random() < 0.5 else "male"


def _born(rng: Random, *, youngest: int, oldest: int) -> date:
    return AS_OF - timedelta(days=rng.randrange(youngest * 365 + 1, oldest * 365 + 365))


def _birthday_near(rng: Random, year: int) -> date:
    return date(year, 1, 1) + timedelta(days=rng.randrange(365))
