"""How alike two names, birth dates and homes are: one level for each, named after what was found.

In this room: the levels, decided by equality first and by string distance last, because most pairs are either equal or
plainly different. Not in this room: what a level is worth (`model`) and how levels add up (`scoring`).
"""

from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from customer_index.model import Model, Names
from customer_index.normalise import Features, Residence

DIFFERENT_FORENAMES: Final = frozenset(("lookalike", "mismatch", "other_middle", "reordered", "short", "similar"))
"""Levels at which two forenames may be two people's, as twins' are; one's second name may be the other's first."""

SAME_BIRTH: Final = frozenset(("exact", "first_of_january", "swapped"))
"""Levels at which two birth dates are one, however it was written."""

SAME_HOME: Final = frozenset(("uprn", "address", "near"))
"""Levels at which two records have lived in one home."""

_HONORIFIC_FORENAMES: Final = frozenset(("abdul", "begum", "bibi", "md", "noor", "nur", "sayed", "sheikh", "syed"))
_SHARED_SECOND_NAMES: Final = frozenset(("begum", "bibi", "kaur", "khanom", "khatun", "singh"))
_UNTELLING_TOWNS: Final = frozenset(("", "london"))


def forename_level(left: Features, right: Features, *, model: Model) -> str | None:
    """Compare given names and the name someone is known by; None where both sides have neither."""
    lefts, rights = left.given, right.given
    if not lefts or not rights:
        return _known_as_level(left, right) or ("one_missing" if lefts or rights else None)
    one, other = lefts[0], rights[0]
    if one == other and len(one) == 1:
        return "initial"
    if one == other or model.forenames.are_variants(one, other):
        middles = _middle_names_level(lefts[1:], rights[1:], names=model.forenames)
        if middles != "other_middle" and bool(lefts[1:]) != bool(rights[1:]) and _is_honorific(one, model.forenames):
            return "honorific"
        return middles if one == other or middles == "other_middle" else "variant"
    if "".join(lefts) == "".join(rights):
        return "exact"
    if one == right.known_as or other == left.known_as:
        return "known_as"
    if one in rights[1:] or other in lefts[1:]:
        # Muhammad Bilal is called Bilal, but Rajesh Anil and Anil may be brothers.
        return "call_name" if _is_honorific(other if one in rights[1:] else one, model.forenames) else "reordered"
    if other in model.short_forms.get(one, ()) or one in model.short_forms.get(other, ()):
        return "nickname"
    return _spelling_level(one, other, model.forenames)


def surname_level(left: Features, right: Features, *, model: Model) -> str | None:
    """Compare family names, former ones and halves of double ones; None where one side has none."""
    one, other = left.family, right.family
    if not one or not other:
        return None
    if one == other:
        return "exact"
    if model.surnames.are_variants(one, other):
        return "variant"
    if one in right.former or other in left.former:
        return "former"
    if (
        one in right.family_parts
        or other in left.family_parts
        or _is_second_name(one, right)
        or _is_second_name(other, left)
    ):
        return "part"
    if left.family_parts and right.family_parts and not set(left.family_parts).isdisjoint(right.family_parts):
        return "part"
    if left.former and right.former and not set(left.former).isdisjoint(right.former):
        return "former"
    if len(one) > 3 and len(other) > 3:
        if OSA.distance(one, other, score_cutoff=1) <= 1:
            return "near"
        likeness = JaroWinkler.similarity(one, other, score_cutoff=0.85)
        if likeness:
            # Harris and Harrison are two families; nobody is called Harisson but by a slip of the pen.
            are_two = one in model.surnames.bits and other in model.surnames.bits
            return "near" if likeness >= 0.93 and not are_two else "similar"
    return "mismatch"


def are_reversed(left: Features, right: Features) -> bool:
    """Tell whether the given name of each stands as the family name of the other, up to a slip of the pen."""
    return _is_family_name(left.given, right) and _is_family_name(right.given, left)


def birth_level(one: str, other: str) -> str:
    """Compare two ISO dates of birth."""
    if one == other:
        return "first_of_january" if one.endswith("-01-01") else "exact"
    if one[:4] == other[:4] and one[5:7] == other[8:] and one[8:] == other[5:7]:
        return "swapped"
    if abs(int(one[:4]) - int(other[:4])) > 12:
        return "mismatch"
    if OSA.distance(one, other, score_cutoff=1) <= 1:
        return "near"
    return "close" if (one[:4] == other[:4]) + (one[5:7] == other[5:7]) + (one[8:] == other[8:]) == 2 else "mismatch"


def residence_level(lefts: tuple[Residence, ...], rights: tuple[Residence, ...]) -> tuple[str, str] | None:
    """Compare all homes of both sides and give the best level with the UPRN it rests on; None if nothing compares."""
    best = -1
    for one in lefts:
        for other in rights:
            if one.uprn and one.uprn == other.uprn:
                return "uprn", one.uprn
            best = max(best, _home_level(one, other))
    return None if best < 0 else (_HOME_LEVELS[best], "")


_HOME_LEVELS: Final = ("mismatch", "town", "postcode", "near", "address")
_MISMATCH, _TOWN, _POSTCODE, _NEAR, _ADDRESS = range(5)


def _home_level(one: Residence, other: Residence) -> int:
    same_postcode = one.postcode == other.postcode != ""
    if not (same_postcode or (one.postcode and other.postcode) or (one.street and other.street)):
        return -1
    # Two UPRNs that differ are two homes, however alike their addresses are written.
    if one.uprn and other.uprn:
        return _POSTCODE if same_postcode else _MISMATCH
    if (
        one.number == other.number
        and (one.number or one.flat)
        and (one.flat == other.flat or not (one.flat and other.flat))
    ):
        if one.street == other.street and (same_postcode or not (one.postcode and other.postcode)):
            return _ADDRESS if one.flat == other.flat else _NEAR
        if same_postcode or (one.street and JaroWinkler.similarity(one.street, other.street, score_cutoff=0.88)):
            return _NEAR
    if same_postcode:
        return _POSTCODE
    return _TOWN if one.town == other.town and one.town not in _UNTELLING_TOWNS else _MISMATCH


def _is_second_name(family: str, other: Features) -> bool:
    """Tell whether a family name stands among the given names of the other, and is not one that half a faith bears."""
    return family in other.given[1:] and family not in _SHARED_SECOND_NAMES


def _is_honorific(name: str, names: Names) -> bool:
    return name in _HONORIFIC_FORENAMES or names.are_variants(name, "mohammed")


def _is_family_name(given: tuple[str, ...], other: Features) -> bool:
    if not given or not other.family:
        return False
    return _alike(given[0], other.family) or _alike("".join(given), other.family) or given[0] in other.family_parts


def _known_as_level(left: Features, right: Features) -> str | None:
    if left.known_as and left.known_as in (right.known_as, *right.given[:1]):
        return "known_as"
    if right.known_as and right.known_as in left.given[:1]:
        return "known_as"
    return None


def _middle_names_level(lefts: tuple[str, ...], rights: tuple[str, ...], *, names: Names) -> str:
    """Refine the agreement of first names by the second ones, where both sides have some."""
    if not lefts or not rights:
        return "exact"
    if not set(lefts).isdisjoint(rights):
        return "full"
    for one in lefts:
        for other in rights:
            if one[0] == other[0] and (len(one) == 1 or len(other) == 1):
                return "exact"
            if names.are_variants(one, other) or _alike(one, other):
                return "exact"
    return "other_middle"


def _spelling_level(one: str, other: str, names: Names) -> str:
    if len(one) == 1 or len(other) == 1:
        return "initial" if one[0] == other[0] else "mismatch"
    likeness = JaroWinkler.similarity(one, other, score_cutoff=0.8)
    slip = len(one) > 3 and len(other) > 3 and OSA.distance(one, other, score_cutoff=1) <= 1
    if not likeness and not slip:
        return "mismatch"
    # A slip of the pen seldom ends in another name people bear: Daniel and Danielle are two people.
    if one in names.bits and other in names.bits:
        return "lookalike"
    if slip or likeness >= 0.93 or _is_misspelt_variant(one, other, names) or _is_misspelt_variant(other, one, names):
        return "near"
    if min(len(one), len(other)) > 2 and (one.startswith(other) or other.startswith(one)):
        return "short"
    return "similar"


def _alike(one: str, other: str) -> bool:
    return one == other or (len(one) > 3 and OSA.distance(one, other, score_cutoff=1) <= 1)


def _is_misspelt_variant(one: str, other: str, names: Names) -> bool:
    """Tell whether a name is a slip away from some spelling of a name that has several."""
    return any(len(one) > 3 and OSA.distance(one, spelling, score_cutoff=1) <= 1 for spelling in names.spellings(other))
