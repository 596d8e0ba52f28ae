"""Addresses as they are compared: flat and house number apart from the street, abbreviations written out.

In this room: what the lines of an address become. Not in this room: looking an address up in a gazetteer; where a
source knows the property's UPRN, that decides and these words only help.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from customer_index.names import fold

_EXPANDED: Final = {
    "apartment": "flat", "apt": "flat", "maisonette": "flat", "rm": "flat", "room": "flat", "studio": "flat",
    "unit": "flat",
    "av": "avenue", "ave": "avenue", "bldg": "building", "bldgs": "buildings", "blvd": "boulevard", "bsmt": "basement",
    "cl": "close", "cres": "crescent", "crt": "court", "ct": "court", "dr": "drive", "est": "estate", "gdn": "garden",
    "gdns": "gardens", "gr": "grove", "gro": "grove", "grd": "ground", "gnd": "ground", "hse": "house", "ho": "house",
    "hts": "heights", "ln": "lane", "mans": "mansions", "mt": "mount", "nth": "north", "pde": "parade", "pk": "park",
    "pl": "place", "rd": "road", "sq": "square", "sth": "south", "ter": "terrace", "terr": "terrace", "tce": "terrace",
    "wlk": "walk", "wy": "way", "yd": "yard", "1st": "first", "2nd": "second", "3rd": "third",
}  # fmt: skip
_FILLERS: Final = frozenset(("no", "number", "the"))
_NUMBER = re.compile(r"0*(\d+)([a-z]?)", re.ASCII)
_SLASHED = re.compile(r"(\w+)\s*/\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Premises:
    """The words of an address: empty where the address does not say."""

    flat: str
    number: str
    street: str


@lru_cache(maxsize=65536)
def premises(lines: tuple[str, ...]) -> Premises:
    """Split address lines into flat, house number and street.

    `Flat 3, 12 Acacia Rd`, `3/12 Acacia Road` and `12 Acacia Road, Flat 3` become the same, and so do `12C Acacia Road`
    and `Flat C, 12 Acacia Road`.
    """
    words = _words(lines)
    flat, number = "", ""
    street: list[str] = []
    expecting_flat = False
    for word in words:
        found = _NUMBER.fullmatch(word)
        if expecting_flat and (found or len(word) == 1):
            flat = found[1] + found[2] if found else word
        elif found and not number:
            number = found[1]
            flat = flat or found[2]
        elif word != "flat" and word not in _FILLERS:
            street.append(word)
        expecting_flat = word == "flat" or (expecting_flat and word in _FILLERS)
    return Premises(flat=flat, number=number, street=" ".join(street))


def _words(lines: Sequence[str]) -> list[str]:
    words: list[str] = []
    for line in lines:
        spelled = fold(_SLASHED.sub(r"flat \1 \2", line)).split()
        # "St" is a saint where it opens a name and a street where it closes one.
        for place, word in enumerate(spelled):
            if word == "st":
                opens = place + 1 < len(spelled) and (place == 0 or not spelled[place - 1].isalpha())
                words.append("saint" if opens else "street")
            else:
                words.append(_EXPANDED.get(word, word))
    return words
