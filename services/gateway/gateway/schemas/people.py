"""The wire of what the gateway composes about a person."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.categories import Category, Purpose
from shared.wire import Wire


class Section(StrEnum):
    """A part of the single customer view that can be asked for."""

    HOUSEHOLD = "household"
    CONTACTS = "contacts"
    CASES = "cases"
    ASSESSMENTS = "assessments"
    REFERRALS = "referrals"


class Withheld(Wire):
    """Categories of another owner's records that this call may not see, and why."""

    owner: str
    service_area: str
    categories: list[Category]
    reason: str
    clause: str | None


class SectionUnavailable(Wire):
    """A part of the view that could not be served, and why."""

    section: Section
    reason: str


class PersonView(Wire):
    """The single customer view, as this caller may see it for this purpose."""

    person_id: UUID
    owner: str
    as_seen_by: str
    purpose: Purpose
    decision_id: UUID
    golden: dict[str, Any]
    records: list[dict[str, Any]]
    linked: list[dict[str, Any]]
    household: dict[str, Any] | None
    contacts: list[dict[str, Any]]
    episodes: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    assessments: list[dict[str, Any]]
    referrals: list[dict[str, Any]]
    withheld: list[Withheld]
    clauses: list[str]
    unavailable: list[SectionUnavailable]


class TimelineEntry(Wire):
    """Something that happened to a person, summed up in codes."""

    at: datetime
    kind: str
    owner: str
    summary: str
    ref: str


class AccessView(Wire):
    """Who looked, as the resident may be told."""

    at: datetime
    organisation: str
    acting_for: str | None
    """The organisation whose mandate the worker acted under."""
    role: str
    purpose: Purpose | None
    action: str
    categories: list[Category]
    emergency: bool
    reason: str | None
