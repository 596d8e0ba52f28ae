"""The comparison of two records: a waterfall of evidence in bits, its total, and what speaks against a link outright.

In this room: Fellegi-Sunter match weights by level, names weighted by their rarity, the household counted once, and
the vetoes. Not in this room: what to do with a score (`placement`), or how alike two values are (`likeness`).

**Why the household is one piece of evidence.** Relatives share a surname, an address with its UPRN and postcode, often
a telephone and an e-mail address. Fellegi-Sunter adds weights as if they were independent given that two records are
of different people; inside a family these are anything but. Added up they reach thirty bits and merge every couple. So
all of them form one group whose sum is capped below what a link needs: the forename, the birth date or an identifier,
which one person of a home has and the others have not, must say the rest. A shared surname adds to that group but does
not make it count as one of the two independent groups: with the forename it is one name, not two pieces of evidence.
"""

from collections.abc import Mapping
from math import log2
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from customer_index.likeness import (
    DIFFERENT_FORENAMES,
    SAME_BIRTH,
    SAME_HOME,
    are_reversed,
    birth_level,
    forename_level,
    residence_level,
    surname_level,
)
from customer_index.model import Model
from customer_index.normalise import Features
from shared.categories import Category

Group = Literal["name", "birth", "household", "identifier", "gender"]

ALL_CATEGORIES: Final = frozenset(Category)
NOBODY_COUNTED: Final[Mapping[str, int]] = MappingProxyType({})
USUAL_RESIDENTS: Final = 4
"""How many people a home is taken to have had where nobody counted: a family, or two tenancies of a couple."""

_NEARLY_ONE: Final = frozenset(("near", "variant"))
"""Levels at which the forenames of a brother and a sister may stand."""

_NO_GROUPS: Final[frozenset[Group]] = frozenset()
_CONTACTS: Final = frozenset(("phone", "email"))


class Evidence(NamedTuple):
    """What one comparison found, and what that is worth in bits."""

    comparison: str
    level: str
    weight: float
    group: Group


class Comparison(NamedTuple):
    """Two records compared: the evidence row by row, its total in bits, vetoes, and the groups that clearly agree."""

    waterfall: tuple[Evidence, ...]
    total: float
    vetoes: frozenset[str]
    groups: frozenset[Group]
    probability: float

    def level(self, comparison: str) -> str | None:
        """Give the level found by a comparison, None if it was not made."""
        return next((row.level for row in self.waterfall if row.comparison == comparison), None)


def compare(
    left: Features,
    right: Features,
    *,
    model: Model,
    residents: Mapping[str, int] = NOBODY_COUNTED,
    categories: frozenset[Category] = ALL_CATEGORIES,
) -> Comparison:
    """Compare two records on the fields of some categories; what either side lacks says nothing.

    `residents` counts the different people known at a UPRN: sharing a hostel says less than sharing a flat.
    """
    rows: list[Evidence] = []
    vetoes: list[str] = []
    if Category.IDENTITY in categories:
        _compare_identity(rows, left, right, model)
    if Category.ADDRESS in categories and left.residences and right.residences:
        found = residence_level(left.residences, right.residences)
        if found is not None:
            rows.append(_residence_evidence(*found, model=model, residents=residents))
    if Category.CONTACT_DETAILS in categories:
        if left.phones and right.phones:
            rows.append(_shared("phone", left.phones, right.phones, model))
        if left.emails and right.emails:
            rows.append(_shared("email", left.emails, right.emails, model))
    if Category.IDENTIFIERS in categories:
        _compare_identifiers(rows, vetoes, left, right, model)
    if left.born and right.born:
        vetoes.extend(_family_vetoes(rows, left, right, model))
    if Category.HOUSEHOLD in categories and _are_related(left, right):
        vetoes.append("related")
    total, groups = _added_up(rows, model)
    return Comparison(
        waterfall=tuple(rows),
        total=total,
        vetoes=frozenset(vetoes),
        groups=groups,
        probability=model.probability(total),
    )


def _compare_identity(rows: list[Evidence], left: Features, right: Features, model: Model) -> None:
    forename = forename_level(left, right, model=model)
    surname = surname_level(left, right, model=model)
    # Where a child's second name is the father's first, a father may bear his son's name the other way round; so names
    # count as reversed only between people born on one day.
    if forename == "mismatch" and left.born and left.born == right.born and are_reversed(left, right):
        forename = surname = "reversed"
    if forename in _NEARLY_ONE and left.gender and right.gender and left.gender != right.gender:
        forename = "lookalike"  # Paolo and Paola
    if forename is not None:
        rows.append(Evidence("forename", forename, _forename_weight(forename, left, right, model), "name"))
    if surname is not None:
        rows.append(Evidence("surname", surname, _surname_weight(surname, left, right, model), "household"))
    if left.born and right.born:
        level = birth_level(left.born, right.born)
        rows.append(Evidence("birth", level, model.weights["birth"][level], "birth"))
    if left.gender and right.gender:
        level = "exact" if left.gender == right.gender else "mismatch"
        rows.append(Evidence("gender", level, model.weights["gender"][level], "gender"))


def _forename_weight(level: str, left: Features, right: Features, model: Model) -> float:
    beyond = model.beyond_rarity["forename"].get(level)
    if beyond is None:
        return model.weights["forename"][level]
    names = model.forenames
    return beyond + min(names.rarity(left.given[0]), names.rarity(right.given[0]))


def _surname_weight(level: str, left: Features, right: Features, model: Model) -> float:
    beyond = model.beyond_rarity["surname"].get(level)
    if beyond is None:
        return model.weights["surname"][level]
    names = model.surnames
    return beyond + min(names.rarity(left.family), names.rarity(right.family))


def _residence_evidence(level: str, uprn: str, *, model: Model, residents: Mapping[str, int]) -> Evidence:
    weight = model.weights["residence"][level]
    if uprn:
        crowd = max(1, residents.get(uprn, USUAL_RESIDENTS))
        weight = max(1.0, weight - log2(crowd))
    return Evidence("residence", level, weight, "household")


def _shared(comparison: str, lefts: tuple[str, ...], rights: tuple[str, ...], model: Model) -> Evidence:
    level = "mismatch" if set(lefts).isdisjoint(rights) else "exact"
    return Evidence(comparison, level, model.weights[comparison][level], "household")


def _compare_identifiers(
    rows: list[Evidence], vetoes: list[str], left: Features, right: Features, model: Model
) -> None:
    for field, one, other in (
        ("nhs_number", left.nhs_number, right.nhs_number),
        ("national_insurance_number", left.national_insurance_number, right.national_insurance_number),
    ):
        if one and other:
            level = "exact" if one == other else "mismatch"
            rows.append(Evidence(field, level, model.weights[field][level], "identifier"))
            if level == "mismatch":
                vetoes.append(f"conflicting_{field}")


def _family_vetoes(rows: list[Evidence], left: Features, right: Features, model: Model) -> list[str]:
    """Find the pairs that look like one person and are the next of kin.

    Twins share birth date and surname or home: they remain twins when one has moved out or a surname is misspelt.
    Parent and child may share the whole name and the home.
    """
    found = {row.comparison: row for row in rows}
    forename, surname, birth = found.get("forename"), found.get("surname"), found.get("birth")
    if forename is None or birth is None:
        return []
    at_home = "residence" in found and found["residence"].level in SAME_HOME
    is_family = surname is not None and surname.weight > 0
    if forename.level in DIFFERENT_FORENAMES and birth.level in SAME_BIRTH and (is_family or at_home):
        return ["twins"]
    apart = abs(int(left.born[:4]) - int(right.born[:4]))
    if forename.weight > 0 and is_family and at_home and apart > model.thresholds.generation:
        return ["parent_and_child"]
    return []


def _are_related(left: Features, right: Features) -> bool:
    """Tell whether their source says of one that it relates to the other, as nobody does to himself."""
    return (left.named != 0 and left.named in right.relates) or (right.named != 0 and right.named in left.relates)


def _added_up(rows: list[Evidence], model: Model) -> tuple[float, frozenset[Group]]:
    """Add up the evidence and find the groups that clearly agree.

    What a household agrees on beyond the cap is taken back in a row of its own, so that the sum stays plain.
    The household is a group only where a home or a contact agrees, not by its surname.
    """
    lines = model.thresholds
    total = name = birth = identifier = household = agreed = home = 0.0
    for row in rows:
        weight, group = row.weight, row.group
        total += weight
        if group == "household":
            household += weight
            if weight > 0.0:
                agreed += weight
                if weight > home and (row.comparison in _CONTACTS or row.level in SAME_HOME):
                    home = weight
        elif group == "name":
            name += weight
        elif group == "birth":
            birth += weight
        elif group == "identifier":
            identifier += weight
    excess = agreed - lines.household
    if excess > 0.0:
        rows.append(Evidence("household", "capped", -excess, "household"))
        total -= excess
        household -= excess
    if max(name, birth, identifier, home) < lines.clear:
        return total, _NO_GROUPS
    sums: tuple[tuple[Group, float], ...] = (
        ("name", name),
        ("birth", birth),
        ("household", min(household, home)),
        ("identifier", identifier),
    )
    return total, frozenset(group for group, weight in sums if weight >= lines.clear)
