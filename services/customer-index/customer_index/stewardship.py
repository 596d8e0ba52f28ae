"""The wire of stewardship: reviews and their decisions, merges, splits, and what an act made of persons."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from customer_index.decisions import Verdict
from shared.wire import Text, Wire

Reason = Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
ReviewStatus = Literal["open", "decided"]


class NewDecision(Wire):
    """What a steward says of a review: whether its two sides are one human being."""

    decision: Verdict
    note: Annotated[Text, StringConstraints(max_length=2000)] = ""


class NewMerge(Wire):
    """Another person of the same borough who is this one."""

    other: UUID
    reason: Reason


class NewSplit(Wire):
    """Records of a person that are somebody else's."""

    records: Annotated[list[UUID], Field(min_length=1, max_length=1000)]
    reason: Reason


class PersonRecords(Wire):
    """A person and the records it had, by their ids."""

    person_id: UUID
    records: list[UUID]


class Stewarded(Wire):
    """What a steward did: the persons concerned with their records, before and after."""

    stewardship_id: UUID
    before: list[PersonRecords]
    after: list[PersonRecords]


class ReviewSide(Wire):
    """One of the two persons of a review, with its records as this caller may see them."""

    owner: str
    person_id: UUID
    records: list[dict[str, Any]]


class EvidenceRow(Wire):
    """What one comparison found, and what that is worth in bits."""

    comparison: str
    level: str
    weight: float


class ReviewView(Wire):
    """Two persons who may be one human being, and as much of what speaks for it as this caller may see.

    `decision` and `stewardship_id` are those of the caller's organisation.
    """

    review_id: UUID
    kind: Literal["record", "link"]
    status: ReviewStatus
    raised_at: datetime
    sides: list[ReviewSide]
    waterfall: list[EvidenceRow]
    total: float
    decision: Verdict | None = None
    stewardship_id: UUID | None = None
