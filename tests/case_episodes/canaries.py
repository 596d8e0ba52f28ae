"""A case file with a telling value in every field that holds somebody's words, and ways to find any of them again.

In this room: the values, by the category they belong to. Where one is looked for is up to the tests.
"""

from typing import Any, Final

from shared.categories import Category

VALUES: Final = {
    Category.CONTACTS: ("kiosk-canary", "handler-canary", "unresolved-canary", "theme-canary", "SW19 4"),
    Category.CASES: ("description-canary", "caseholder-canary", "episode-reason-canary", "N19 3"),
    Category.CASE_NOTES: ("note-canary", "transition-reason-canary"),
    Category.ASSESSMENTS: ("attribute-canary", "value-canary", "evidence-canary", "verifier-canary", "outcome-canary"),
}

CONTACT: Final[dict[str, Any]] = {
    "channel": "kiosk",
    "access_point": "kiosk-canary",
    "handled_by": "handler-canary",
    "unresolved_reason": "unresolved-canary",
    "satisfaction": {"score": 2, "theme": "theme-canary"},
    "postcode_sector": "SW19 4",
}
CASE: Final[dict[str, Any]] = {"description": "description-canary", "postcode_sector": "N19 3"}
ASSESSMENT: Final[dict[str, Any]] = {
    "facts": [
        {
            "attribute": "attribute-canary",
            "value": "value-canary",
            "evidence": "evidence-canary",
            "verified_by": "verifier-canary",
        }
    ],
    "outcome": "outcome-canary",
}


def found_in(text: str, *categories: Category) -> list[str]:
    """Give those telling values of some categories, of all if none is named, that a text holds."""
    return [value for category in categories or VALUES for value in VALUES[category] if value in text]
