"""How a resident's name is drawn: skewed frequencies, and the customs by which names pass through a family.

What names there are is in `names` and `more_names`; who is married or born to whom is decided in `households`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from single_node.population.more_names import MORE_ORIGINS, SHORT_FORMS, SPELLINGS
from single_node.population.names import ORIGINS, Origin

Gender = Literal["female", "male"]

ALL_ORIGINS: tuple[Origin, ...] = ORIGINS + MORE_ORIGINS
_HONORIFICS = ("Begum", "Khatun", "Bibi", "Akter", "Khanom", "Sultana")
VIETNAMESE_MIDDLE_NAMES = ("Thi", "Van")
_NONE_OF_THESE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Name:
    """A full name as its bearer would write it; `known_as` only where it differs from the first given name."""

    given: tuple[str, ...]
    family: str
    known_as: str | None = None

    @property
    def forename(self) -> str:
        """The given name that is the bearer's own, which a Vietnamese middle name may precede."""
        return self.given[own_place(self.given)]


def own_place(given: Sequence[str]) -> int:
    """Find the place of the bearer's own name among given names: the first, or after a Vietnamese middle name."""
    return int(len(given) > 1 and given[0] in VIETNAMESE_MIDDLE_NAMES)


def skewed(rng: Random, options: Sequence[str]) -> str:
    """Draw one option, each rarer than the one before it, as names are (Zipf's law with a flattened head)."""
    return rng.choices(options, weights=[1 / (rank + 3) for rank in range(len(options))])[0]


def draw_origin(rng: Random) -> Origin:
    """Draw an origin by its share of residents."""
    return rng.choices(ALL_ORIGINS, weights=[origin.share for origin in ALL_ORIGINS])[0]


def forename(rng: Random, origin: Origin, *, gender: Gender, taken: frozenset[str] = _NONE_OF_THESE) -> str:
    """Draw a forename that nobody in `taken` bears."""
    options = origin.female if gender == "female" else origin.male
    return skewed(rng, [name for name in options if name not in taken] or options)


def founder(rng: Random, origin: Origin, *, gender: Gender, taken: frozenset[str] = _NONE_OF_THESE) -> Name:
    """Draw the name of someone whose parents are outside the generated world."""
    family = skewed(rng, origin.family)
    if origin.custom == "two-surnames" and rng.random() < 0.8:
        family = f"{family} {skewed(rng, [name for name in origin.family if name != family])}"
    return _finished(rng, origin, gender=gender, first=forename(rng, origin, gender=gender, taken=taken), family=family)


def offspring(
    rng: Random, origin: Origin, *, gender: Gender, father: Name, mother: Name, taken: frozenset[str] = _NONE_OF_THESE
) -> Name:
    """Draw a child's name as the custom of its origin derives it from the parents' names."""
    first = forename(rng, origin, gender=gender, taken=taken)
    if origin.custom == "grandfather":
        return Name((first, father.given[0]), father.given[-1] if len(father.given) > 1 else father.family)
    if origin.custom == "father":
        return Name((first,), father.given[0])
    family = father.family
    if origin.custom == "two-surnames":
        family = f"{_first_surname(father.family)} {_first_surname(mother.family)}"
    return _finished(rng, origin, gender=gender, first=first, family=family)


def married(rng: Random, origin: Origin, *, gender: Gender, own: Name, spouse: Name) -> Name:
    """Give the name after marriage: the spouse's family name, or both joined by a hyphen."""
    family = _for_gender(origin, spouse.family, gender=gender)
    if " " not in own.family + family and "-" not in own.family + family and rng.random() < 0.12:
        family = f"{own.family}-{family}"
    return Name(own.given, family, own.known_as)


def spellings_of(name: str) -> tuple[str, ...]:
    """List other spellings under which the same name is written down, none for most names."""
    return tuple(other for group in SPELLINGS if name in group for other in group if other != name)


def short_form_of(name: str) -> str | None:
    """Look up the everyday short form of a forename."""
    return SHORT_FORMS.get(name)


def _finished(rng: Random, origin: Origin, *, gender: Gender, first: str, family: str) -> Name:
    given: tuple[str, ...] = (first,)
    known_as = None
    if origin.custom == "grandfather":
        given = (first, skewed(rng, [name for name in origin.male if name != first]))
    elif origin.custom == "vietnamese":
        given = (("Thi" if gender == "female" else "Van"), first)
    elif origin.custom == "singh-kaur":
        second = "Kaur" if gender == "female" else "Singh"
        if family in ("Kaur", "Singh") or rng.random() < 0.3:
            family = second
        else:
            given = (first, second)
    elif origin.custom == "honorific" and gender == "female":
        if rng.random() < 0.6:
            family = skewed(rng, [name for name in _HONORIFICS if name != first])
    elif origin.custom == "shared" and not origin.western and rng.random() < 0.45:
        given = (first, forename(rng, origin, gender=gender, taken=frozenset((first,))))
    if origin.western and rng.random() < 0.5:
        known_as = skewed(rng, origin.western)
    return Name(given, _for_gender(origin, family, gender=gender), known_as)


def _for_gender(origin: Origin, family: str, *, gender: Gender) -> str:
    if origin.custom == "gendered" and family.endswith(("ski", "cki", "ska", "cka")):
        return family[:-1] + ("a" if gender == "female" else "i")
    if origin.custom == "singh-kaur" and family in ("Kaur", "Singh"):
        return "Kaur" if gender == "female" else "Singh"
    return family


def _first_surname(family: str) -> str:
    particles = ("da", "de", "do", "dos", "la")
    words = family.split()
    kept = next(place for place, word in enumerate(words) if word not in particles) + 1
    return " ".join(words[:kept])
