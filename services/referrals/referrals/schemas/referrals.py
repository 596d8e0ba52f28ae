"""The wire of referrals.

What the gateway hands over when a referral is made (`NewReferral`) holds more than the caller sent: the clauses it
rests on and the frozen payload. The rest is what callers send and get.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from referrals.referral import NEEDS_REASON, REASONS, Action, Outcome, Status
from shared.categories import Category, Form, Scope
from shared.wire import Moment, Text, Wire

LongText = Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
ShortText = Annotated[Text, StringConstraints(min_length=1, max_length=500)]
Urgency = Literal["routine", "soon", "urgent"]
ClauseId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}/[A-Za-z0-9._-]{1,63}$")]
Move = Literal[
    "receive",
    "request-info",
    "supply-info",
    "accept",
    "reject",
    "redirect",
    "start",
    "hold",
    "resume",
    "complete",
    "fail",
    "withdraw",
    "confirm-deletion",
    "close",
    "enter-in-error",
]
"""What a caller may ask for; the rest is done by the platform."""


class Consent(Wire):
    """The person's consent, where the referral rests on it."""

    given: bool = True
    at: Moment | None = None
    how: ShortText | None = None


class NewPreview(Wire):
    """Which service somebody may be referred to; who that is, is in the permit."""

    service_id: UUID


class PayloadEntry(Wire):
    """One value to be frozen, and the cell that lets it out."""

    field: ShortText
    category: Category
    scope: Scope
    form: Form
    value: Any


class NewReferral(NewPreview):
    """A referral that the gateway has decided: what the referrer asks for, and what may be disclosed with it."""

    need: LongText
    urgency: Urgency
    consent: Consent | None = None
    message: LongText | None = None
    clauses: Annotated[list[ClauseId], Field(min_length=1, max_length=50)]
    """The clauses it rests on; the first grants that the person is known at all."""
    payload: Annotated[list[PayloadEntry], Field(max_length=2000)]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the caller's own request, to know it again."""


class ServiceStanding(Wire):
    """What a referrer should know of a service beforehand."""

    status: str
    capacity: dict[str, Any] | None
    stale: bool
    expected_response: dict[str, Any]
    accepted_categories: list[Category] | None


class Prospect(Wire):
    """What is known of a referral that was not made yet."""

    partner: str
    duplicates: bool
    earlier_outcomes: list[str]
    service: ServiceStanding


class ReferralCreated(Wire):
    """A referral that was made."""

    referral_id: UUID
    status: Status
    discloses: dict[str, list[str]]
    clause: str


class HistoryView(Wire):
    """A step in a referral's life; `by` is an organisation or the platform."""

    at: datetime
    action: Action
    by: str
    status: Status
    reason: str | None = None
    message: str | None = None
    details: dict[str, Any] | None = None


class DueView(Wire):
    """By when the partner's answers are due."""

    receive: datetime
    accept: datetime
    complete: datetime | None


class FhirView(Wire):
    """The state in the words of FHIR R4."""

    task: str
    service_request: str


class ReferralView(Wire):
    """A referral, as either side sees it; the partner sees `need` and reasons only while a clause in force says so."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True)

    referral_id: UUID
    status: Status
    service_id: UUID
    from_: Annotated[str, Field(alias="from")]
    to: str
    purpose: str
    need: str | None
    urgency: Urgency
    clause: str
    discloses: dict[str, list[str]]
    partner_reference: str | None
    history: list[HistoryView]
    outcome: Outcome | None
    due: DueView
    fhir: FhirView
    legal: list[Action]


class Transition(Wire):
    """What a caller does to a referral."""

    action: Move
    reason: Annotated[ShortText | None, Field(validate_default=True)] = None
    outcome: Annotated[Outcome | None, Field(validate_default=True)] = None
    partner_reference: ShortText | None = None
    message: LongText | None = None
    lead: ShortText | None = None
    planned_for: Moment | None = None
    resumes_on: Moment | None = None
    suggested_service_id: UUID | None = None

    @field_validator("reason")
    @classmethod
    def _says_why(cls, reason: str | None, said: ValidationInfo) -> str | None:
        action = said.data.get("action")
        if action in NEEDS_REASON and reason is None:
            raise ValueError("this action needs a reason")
        listed = None if action is None else REASONS.get(action)
        if listed is not None and reason not in listed:
            raise ValueError(f"the reason of this action is one of {', '.join(sorted(listed))}")
        return reason

    @field_validator("outcome")
    @classmethod
    def _says_what_came_of_it(cls, outcome: Outcome | None, said: ValidationInfo) -> Outcome | None:
        action = said.data.get("action")
        if action is not None and (action == Action.COMPLETE) != (outcome is not None):
            raise ValueError("an outcome is told when a referral is completed, and then always")
        return outcome

    def details(self) -> Mapping[str, Any]:
        """Give what else the partner said of its plans."""
        named = ("lead", "planned_for", "resumes_on", "suggested_service_id")
        return self.model_dump(mode="json", include=set(named), exclude_none=True)


class PayloadMessage(Wire):
    """What the referrer wrote to the partner."""

    at: datetime
    text: str


class PayloadView(Wire):
    """What a referral discloses now: what was frozen, as far as it is still granted."""

    referral_id: UUID
    clause: str
    discloses: dict[str, list[str]]
    subject: dict[str, Any]
    messages: list[PayloadMessage]
    frozen_at: datetime


class PersonReferrals(Wire):
    """The referrals of some persons, as far as each scope grants them."""

    items: list[dict[str, Any]]


class FeedItem(Wire):
    """A change of a referral, as its partner hears of it."""

    id: UUID
    sequence: int
    type: str
    time: datetime
    referral_id: UUID
    status: Status


class Feed(Wire):
    """Changes after a cursor, oldest first; `next` continues after the last of them."""

    items: list[FeedItem]
    next: str
