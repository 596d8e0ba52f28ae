"""The wire of protection: what a steward sets, and whom the gateway asks to be hidden from a worker."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from customer_index.schemas import LocalId
from shared.categories import Protection
from shared.wire import Day, Slug, Wire


class NewProtection(Wire):
    """Why and until when a person is protected, and whether its household with it."""

    scheme: Protection
    until: Day | None = None
    """The last day; without one it lasts until it is lifted."""
    review_on: Day | None = None
    household_wide: bool = False


class ProtectionView(Wire):
    """A protection of a person."""

    scheme: Protection
    until: date | None
    review_on: date | None
    household_wide: bool


class ProtectedPerson(Wire):
    """A person with all that protects it."""

    person_id: UUID
    protections: list[ProtectionView]


class Excluded(Wire):
    """Whom an exclusion is about: a record, and the person it belonged to when the exclusion was made."""

    source: Slug
    local_id: LocalId
    person_id: UUID


class NewHidden(Wire):
    """Whom a worker may not know of."""

    records: Annotated[list[Excluded], Field(max_length=1000)]


class HiddenRecords(Wire):
    """All records of those people, and of whom they are linked with."""

    records: list[UUID]
