"""The keys by which records meet: two records are compared only where a key of theirs is equal.

In this room: the keys a record has, each a kind and a number that fits a PostgreSQL bigint. Not in this room: the table
they are looked up in, and what becomes of a key that too many records share.

A key with a missing part is not made. Keys are equality keys, because similarity operators lose their index under
row-level security; slips are met by having several keys, each of which leaves something out.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from jellyfish import metaphone

from customer_index.model import Names, load_model
from customer_index.normalise import Features, Residence
from shared.categories import Category


class BlockKey(NamedTuple):
    """One key: what it is made of, and a stable signed 64-bit digest of kind and value."""

    kind: str
    digest: int


_IDENTITY: Final = frozenset((Category.IDENTITY,))
_ADDRESS: Final = frozenset((Category.ADDRESS,))
_CONTACT: Final = frozenset((Category.CONTACT_DETAILS,))
_IDENTIFIERS: Final = frozenset((Category.IDENTIFIERS,))

_MATCHING: Final[Mapping[str, frozenset[Category]]] = {
    "national_insurance_number": _IDENTIFIERS,
    "nhs_number": _IDENTIFIERS,
    "phone": _CONTACT,
    "email": _CONTACT,
    "home+forename": _ADDRESS | _IDENTITY,
    "home+birth_year": _ADDRESS | _IDENTITY,
    "birth+surname": _IDENTITY,
    "birth+forename": _IDENTITY,
    "birth+postcode": _IDENTITY | _ADDRESS,
    "birth+names": _IDENTITY,
    "swapped_birth+surname": _IDENTITY,
    "names+postcode": _IDENTITY | _ADDRESS,
    "names+birth_year": _IDENTITY,
}
_SEARCHING: Final[Mapping[str, frozenset[Category]]] = {
    "postcode": _ADDRESS,
    "home": _ADDRESS,
    "names": _IDENTITY,
    "surname+forename": _IDENTITY,
    "surname": _IDENTITY,
    "birth": _IDENTITY,
}

MATCHING_KINDS: Final = frozenset(_MATCHING)
"""Kinds under which records meet to be matched; the others serve searches and the counting of residents."""

KIND_CATEGORIES: Final[Mapping[str, frozenset[Category]]] = {**_MATCHING, **_SEARCHING}
"""The categories of the values a kind of key is made of: a search may use it only where all of them are granted."""

_MOST_HOMES: Final = 3
_MOST_NAMES: Final = 2


def block_keys(features: Features) -> list[BlockKey]:
    """Make all keys of a record, matching and searching ones, each once."""
    made = [*_contact_keys(features), *_home_keys(features), *_birth_keys(features), *_name_keys(features)]
    return [BlockKey(kind, _digest(f"{kind}|{value}")) for kind, value in dict.fromkeys(made)]


def residence_keys(features: Features) -> list[BlockKey]:
    """Make the key of each home: people who share one in overlapping periods are a household.

    The UPRN names a home; where a source does not know it, the normalised address does.
    """
    homes = dict.fromkeys(home for residence in features.residences if (home := _home(residence)))
    return [BlockKey("home", _digest(f"home|{home}")) for home in homes]


def _contact_keys(features: Features) -> Iterator[tuple[str, str]]:
    if features.national_insurance_number:
        yield "national_insurance_number", features.national_insurance_number
    if features.nhs_number:
        yield "nhs_number", features.nhs_number
    for phone in features.phones[:2]:
        yield "phone", phone
    for email in features.emails[:2]:
        yield "email", email


def _home_keys(features: Features) -> Iterator[tuple[str, str]]:
    for home in list(dict.fromkeys(home for residence in features.residences for home in _homes(residence)))[
        :_MOST_HOMES
    ]:
        for forename in _forenames(features)[:1]:
            yield "home+forename", f"{home}|{_start(forename, _FORENAMES)}"
        if features.born:
            yield "home+birth_year", f"{home}|{features.born[:4]}"
    for residence in features.residences:
        if whole := _home(residence):
            yield "home", whole
        if residence.postcode:
            yield "postcode", residence.postcode


def _birth_keys(features: Features) -> Iterator[tuple[str, str]]:
    born = features.born
    if not born:
        return
    yield "birth", born
    year, month, day = born.split("-")
    for surname in _surnames(features):
        yield "birth+surname", f"{born}|{_sound(surname, _SURNAMES)}"
    for forename in _forenames(features):
        yield "birth+forename", f"{born}|{_start(forename, _FORENAMES)}"
    if features.given and features.family:
        # The two in order of the alphabet, so that a record with its names swapped has the same key.
        yield "birth+names", f"{born}|{'|'.join(sorted((features.given[0][:3], features.family[:3])))}"
    if features.family and month != day:
        # Written with the smaller number first, both ways of reading a date give one key.
        yield "swapped_birth+surname", f"{year}-{'-'.join(sorted((month, day)))}|{features.family[:3]}"
    for postcode in _postcodes(features.residences):
        yield "birth+postcode", f"{born}|{postcode}"


def _name_keys(features: Features) -> Iterator[tuple[str, str]]:
    for surname in _surnames(features):
        yield "surname", _sound(surname, _SURNAMES)
    for forename in _forenames(features):
        for surname in _surnames(features):
            yield "surname+forename", f"{_sound(surname, _SURNAMES)}|{_start(forename, _FORENAMES)}"
    if not (features.given and features.family):
        return
    forename, surname = features.given[0], features.family
    sounds = f"{_sound(forename, _FORENAMES)}|{_sound(surname, _SURNAMES)}"
    yield "names", "|".join(sorted((forename, surname)))
    if features.born:
        yield "names+birth_year", f"{sounds}|{features.born[:4]}"
    for postcode in _postcodes(features.residences):
        yield (
            "names+postcode",
            f"{'|'.join(sorted((_start(forename, _FORENAMES), _start(surname, _FORENAMES))))}|{postcode}",
        )


def _forenames(features: Features) -> list[str]:
    return list(dict.fromkeys(name for name in (*features.given[:1], features.known_as, *features.given[1:]) if name))[
        :_MOST_NAMES
    ]


def _surnames(features: Features) -> list[str]:
    names = (features.family, *features.family_parts, *features.former)
    return list(dict.fromkeys(name for name in names if name))[:_MOST_HOMES]


def _postcodes(residences: Iterable[Residence]) -> list[str]:
    return list(dict.fromkeys(residence.postcode for residence in residences if residence.postcode))[:_MOST_NAMES]


def _homes(residence: Residence) -> Iterator[str]:
    """Give the UPRN and the first line: a postcode is mistyped more often than a house number."""
    if residence.uprn:
        yield residence.uprn
    if residence.street and (residence.number or residence.flat):
        yield f"{residence.flat}|{residence.number}|{residence.street[:8]}"


def _home(residence: Residence) -> str | None:
    if residence.uprn:
        return residence.uprn
    if residence.street and (residence.number or residence.flat) and (residence.postcode or residence.town):
        return f"{residence.flat}|{residence.number}|{residence.street}|{residence.postcode or residence.town}"
    return None


def _start(name: str, names: Names) -> str:
    return names.spelling(name)[:2]


def _sound(name: str, names: Names) -> str:
    return _metaphone(names.spelling(name))


@lru_cache(maxsize=65536)
def _metaphone(name: str) -> str:
    # Other scripts have no sound for it and stand for themselves.
    return metaphone(name) or name


def _digest(value: str) -> int:
    return int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "big", signed=True)


_FORENAMES: Final = load_model().forenames
_SURNAMES: Final = load_model().surnames
