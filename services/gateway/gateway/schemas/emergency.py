"""The wire of emergency access and its review."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from shared.wire import Text, Wire


class ReviewStatus(StrEnum):
    """Where the review of an emergency access stands; an overdue one is still to be reviewed."""

    OPEN = "open"
    OVERDUE = "overdue"
    REVIEWED = "reviewed"


class NewReview(Wire):
    """What the owner of the data thinks of an access."""

    outcome: Literal["justified", "not-justified"]
    note: Annotated[Text, StringConstraints(min_length=1, max_length=2000)] | None = None


class EmergencyAccessView(Wire):
    """An emergency access to one provider's data: who took it, why, and what its owner thinks of that."""

    id: UUID
    agreement_id: UUID
    provider: str
    organisation: str
    acting_for: str | None
    subject: str
    reason: str
    note: str
    started_at: datetime
    expires_at: datetime
    review_due: datetime
    status: ReviewStatus
    reviewed_by: str | None
    reviewed_at: datetime | None
    outcome: str | None
    review_note: str | None
