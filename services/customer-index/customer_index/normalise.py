"""What a source record becomes before it is compared: `Features`, and nothing else of the record.

In this room: the values that matching may use, each in its one comparable form. Values that `formats` cannot use and
words that only fill a field are not here. Not in this room: which values agree (`scoring`) and which records meet
(`blocking`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from customer_index.addresses import premises
from customer_index.formats import (
    parse_birth,
    parse_date,
    parse_email,
    parse_national_insurance_number,
    parse_nhs_number,
    parse_phone,
    parse_postcode,
    parse_uprn,
)
from customer_index.names import family_parts, family_words, fold, given_words, in_telling_order

_FORMER_USES: Final = frozenset(("former", "previous", "old"))


@dataclass(frozen=True, slots=True)
class Residence:
    """One address of a record; an empty text is a part the source does not say. `start` and `end` are ISO dates."""

    uprn: str = ""
    postcode: str = ""
    flat: str = ""
    number: str = ""
    street: str = ""
    town: str = ""
    start: str = ""
    end: str = ""
    current: bool = True


@dataclass(frozen=True, slots=True)
class Features:
    """The comparable values of a record; empty where the record says nothing usable.

    `given` are the words of the given names in order; `family` is the whole family name in one word and `family_parts`
    its halves where it has several; `former` holds earlier family names and their halves. `born` is an ISO date,
    `gender` is female or male, phones are E.164. `named` is the key by which other records of its source say that they
    relate to this one, `relates` are the keys of those it says so of.
    """

    given: tuple[str, ...] = ()
    known_as: str = ""
    family: str = ""
    family_parts: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    born: str = ""
    gender: str = ""
    nhs_number: str = ""
    national_insurance_number: str = ""
    residences: tuple[Residence, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    named: int = 0
    relates: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give these values under short keys, empty ones left out, for storing beside the record."""
        data: dict[str, Any] = {}
        for key, field in _KEYS.items():
            value = getattr(self, field)
            if value:
                data[key] = list(value) if isinstance(value, tuple) else value
        if self.residences:
            data["r"] = [_residence_json(residence) for residence in self.residences]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        values: dict[str, Any] = {}
        for key, value in data.items():
            if key == "r":
                values["residences"] = tuple(map(_residence, value))
            else:
                values[_KEYS[key]] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


_KEYS: Final = {
    "g": "given",
    "k": "known_as",
    "f": "family",
    "fp": "family_parts",
    "ff": "former",
    "b": "born",
    "s": "gender",
    "nhs": "nhs_number",
    "ni": "national_insurance_number",
    "p": "phones",
    "e": "emails",
    "i": "named",
    "rel": "relates",
}
_RESIDENCE_KEYS: Final = {
    "u": "uprn",
    "p": "postcode",
    "f": "flat",
    "n": "number",
    "s": "street",
    "t": "town",
    "a": "start",
    "z": "end",
}


def features(record: Mapping[str, Any]) -> Features:
    """Bring the fields of a source record into their comparable form."""
    given = _distinct(word for name in record.get("given_names") or () for word in given_words(name))
    family = family_words(record.get("family_name") or "")
    former = [family_words(name) for name in record.get("previous_family_names") or ()]
    gender = record.get("gender")
    born = parse_birth(record.get("date_of_birth") or "")
    return Features(
        given=in_telling_order(given),
        known_as="".join(given_words(record.get("known_as") or "")[:1]),
        family="".join(family),
        family_parts=family_parts(family),
        former=_distinct(word for words in former for word in ("".join(words), *family_parts(words))),
        born=born.isoformat() if born else "",
        gender=gender if gender in ("female", "male") else "",
        nhs_number=parse_nhs_number(record.get("nhs_number") or "") or "",
        national_insurance_number=parse_national_insurance_number(record.get("national_insurance_number") or "") or "",
        residences=tuple(residence for address in record.get("addresses") or () if (residence := _resided(address))),
        phones=_distinct(map(parse_phone, record.get("phones") or ())),
        emails=_distinct(map(parse_email, record.get("emails") or ())),
    )


def _resided(address: Mapping[str, Any]) -> Residence | None:
    place = premises(tuple(address.get("lines") or ()))
    uprn = parse_uprn(address.get("uprn") or "") or ""
    postcode = parse_postcode(address.get("postcode") or "") or ""
    town = fold(address.get("town") or "")
    if not (uprn or postcode or place.street or town):
        return None
    start, end = parse_date(address.get("from") or ""), parse_date(address.get("to") or "")
    return Residence(
        uprn=uprn,
        postcode=postcode,
        flat=place.flat,
        number=place.number,
        street=place.street,
        town=town,
        start=start.isoformat() if start else "",
        end=end.isoformat() if end else "",
        current=not address.get("to") and address.get("use") not in _FORMER_USES,
    )


def _residence_json(residence: Residence) -> dict[str, str | int]:
    data: dict[str, str | int] = {
        key: value for key, field in _RESIDENCE_KEYS.items() if (value := getattr(residence, field))
    }
    return data if residence.current else data | {"c": 0}


def _residence(data: Mapping[str, Any]) -> Residence:
    values = {_RESIDENCE_KEYS[key]: value for key, value in data.items() if key != "c"}
    return Residence(**values, current="c" not in data)


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
