"""A record with a telling value in every field, and ways to find any of them again in what leaves the service.

In this room: the values, by the category they belong to. Where one is looked for is up to the tests.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.categories import Category

RECORD: Final[Mapping[str, Any]] = {
    "given_names": ["Zyxanthe", "Quillmere"],
    "family_name": "Vandersprocket",
    "previous_family_names": ["Oldcastleby"],
    "known_as": "Xannikins",
    "title": "Baroness-Canary",
    "date_of_birth": "1951-11-23",
    "date_of_death": "2026-02-17",
    "gender": "gender-canary",
    "nhs_number": "9990000018",
    "national_insurance_number": "GA123456C",
    "addresses": [
        {
            "lines": ["Canary Cottage", "77 Budgerigar Mews"],
            "town": "Finchingford",
            "postcode": "W6 9ZY",
            "uprn": "999900004321",
            "from": "2011-10-09",
            "to": "2031-01-02",
            "use": "use-canary",
        }
    ],
    "phones": ["07700 900777"],
    "emails": ["mailbox-canary@example.org"],
    "preferred_channel": "channel-canary",
    "preferred_language": "cy-x-canary",
    "interpreter_required": True,
    "accessibility_needs": ["need-canary"],
    "relationships": [{"kind": "relation-canary", "local_id": "relative-canary"}],
    "markers": [{"kind": "marker-canary", "from": "2014-03-02", "until": "2033-04-05", "told_person": True}],
    "observed_at": "2026-06-05T04:03:02Z",
    "verification": {"family_name": "document"},
}

_NAMES: Final[Mapping[str, Category]] = {
    "given_names": Category.IDENTITY,
    "family_name": Category.IDENTITY,
    "previous_family_names": Category.IDENTITY,
    "known_as": Category.IDENTITY,
    "title": Category.IDENTITY,
    "date_of_birth": Category.IDENTITY,
    "date_of_death": Category.IDENTITY,
    "gender": Category.IDENTITY,
    "nhs_number": Category.IDENTIFIERS,
    "national_insurance_number": Category.IDENTIFIERS,
    "addresses": Category.ADDRESS,
    "phones": Category.CONTACT_DETAILS,
    "emails": Category.CONTACT_DETAILS,
    "preferred_channel": Category.CONTACT_DETAILS,
    "preferred_language": Category.ACCESSIBILITY,
    "interpreter_required": Category.ACCESSIBILITY,
    "accessibility_needs": Category.ACCESSIBILITY,
    "relationships": Category.HOUSEHOLD,
    "markers": Category.MARKERS,
}
"""The glossary's word on which category a field belongs to, written down apart from the code under test. The time of
an observation and how well it was verified are provenance and go with each value that is shown."""

FIELDS_OF: Final[Mapping[Category, tuple[str, ...]]] = {
    category: tuple(name for name, its_category in _NAMES.items() if its_category is category)
    for category in dict.fromkeys(_NAMES.values())
}


def values_of(category: Category) -> list[str]:
    """List the telling values of one category, nested ones too."""
    return [value for name in FIELDS_OF[category] for value in _texts(RECORD[name])]


def all_values() -> list[str]:
    """List the telling values of every category."""
    return [value for category in FIELDS_OF for value in values_of(category)]


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """Give those of some values that a text holds, whatever the case and with or without blanks."""
    text = text.casefold()
    squeezed = "".join(text.split())
    return [value for value in values if value.casefold() in text or "".join(value.casefold().split()) in squeezed]


def assert_withheld(answer: str, *, category: Category) -> None:
    """Fail if an answer, headers and all, holds a value or names a field of a category that was not granted."""
    assert not found_in(answer, values_of(category)), f"values of {category} left"
    named = [name for name in FIELDS_OF[category] if f'"{name}"' in answer]
    assert not named, f"fields of {category} left"


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
