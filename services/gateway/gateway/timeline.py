"""A person's timeline: what a single customer view shows, in order of time.

Pure: it is made of the view itself, so it can never tell more than the view does.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from gateway.schemas.people import PersonView, TimelineEntry

_MOMENT: Final = TypeAdapter(datetime)

_DATED: Final = (
    ("records", "record", "record_id", ("observed_at",), ("source",)),
    ("contacts", "contact", "contact_id", ("started_at", "recorded_at"), ("channel", "lgsl")),
    ("episodes", "episode", "episode_id", ("opened_at",), ("cluster", "status")),
    ("cases", "case", "case_id", ("opened_at",), ("lgsl", "status")),
    ("assessments", "assessment", "assessment_id", ("assessed_at",), ("lgsl", "status")),
    ("referrals", "referral", "referral_id", ("history",), ("to", "status")),
)
"""For each section of a view: the kind of its entries, their id, when they happened, and the codes that sum them up."""


def timeline_of(view: PersonView) -> list[TimelineEntry]:
    """Give the dated items of a view, newest first; what a call may not date is not on it."""
    entries = [
        TimelineEntry(
            at=at,
            kind=kind,
            owner=item["owner"],
            summary=", ".join(f"{code} {item[code]}" for code in codes if item.get(code) is not None),
            ref=str(item[ref]),
        )
        for section, kind, ref, moments, codes in _DATED
        for item in getattr(view, section)
        if ref in item and (at := _first_moment(item, moments)) is not None
    ]
    return sorted(entries, key=position_of, reverse=True)


def position_of(entry: TimelineEntry) -> tuple[str, str]:
    """Give where an entry stands; no two stand in one place."""
    return entry.at.isoformat(), entry.ref


def _first_moment(item: Mapping[str, Any], names: tuple[str, ...]) -> datetime | None:
    """Give the first date an item has; a history dates it by its first step."""
    for name in names:
        value = item.get(name)
        if isinstance(value, list) and value:
            value = value[0]["at"]
        if isinstance(value, str):
            return _MOMENT.validate_python(value)
    return None
