"""Which category each field of a source record belongs to, and how a value is coarsened to a band."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from customer_index.formats import parse_postcode
from shared.categories import Category

FIELDS: Final[Mapping[str, Category]] = {
    "given_names": Category.IDENTITY,
    "family_name": Category.IDENTITY,
    "previous_family_names": Category.IDENTITY,
    "known_as": Category.IDENTITY,
    "title": Category.IDENTITY,
    "date_of_birth": Category.IDENTITY,
    "date_of_death": Category.IDENTITY,
    "gender": Category.IDENTITY,
    "observed_at": Category.IDENTITY,
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
"""The allow-list of what may leave a record; a field that is not here never does."""


def bands(today: date) -> Mapping[str, Callable[[Any], Any]]:
    """Give the coarser forms: an age in ten years, the year of a death, outward postcodes."""
    return {
        "date_of_birth": lambda born: _age_band(date.fromisoformat(born), today),
        "date_of_death": lambda died: died[:4],
        "addresses": _outward_codes,
    }


def _age_band(born: date, today: date) -> str:
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    decade = max(age, 0) // 10 * 10
    return f"{decade}-{decade + 9}"


def _outward_codes(addresses: list[dict[str, Any]]) -> list[dict[str, str]] | dict[str, bool]:
    codes = [parse_postcode(address.get("postcode") or "") for address in addresses]
    outward = list(dict.fromkeys(code[:-3].strip() for code in codes if code))
    return [{"postcode": code} for code in outward] or {"exists": True}
