"""The wire of referrals as callers send them; what the gateway makes of it goes to the referrals service."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from gateway.schemas.people import Withheld
from shared.wire import Moment, Slug, Text, Wire

LocalId = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
ShortText = Annotated[Text, StringConstraints(min_length=1, max_length=500)]
Urgency = Literal["routine", "soon", "urgent"]


class Consent(Wire):
    """The person's consent, where the referral rests on it."""

    given: bool = True
    at: Moment | None = None
    how: ShortText | None = None


class NewPreview(Wire):
    """Who might be referred to which service."""

    source: Slug | None = None
    local_id: LocalId | None = None
    person_id: UUID | None = None
    service_id: UUID
    need: LongText | None = None
    urgency: Urgency = "routine"
    consent: Consent | bool | None = None
    message: LongText | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        named = (self.source is not None, self.local_id is not None, self.person_id is not None)
        if named not in ((True, True, False), (False, False, True)):
            raise ValueError("name either source and local_id, or person_id")
        return self

    def subject(self) -> dict[str, Any]:
        """Give whom it is about, as the body of a question."""
        return self.model_dump(mode="json", include={"source", "local_id", "person_id"}, exclude_none=True)

    def recorded_consent(self) -> Consent | None:
        """Give the consent as it is recorded; None where none was given."""
        consent = Consent(given=self.consent) if isinstance(self.consent, bool) else self.consent
        return consent if consent is not None and consent.given else None


class NewReferral(NewPreview):
    """Who is referred to which service, and why."""

    need: LongText
    urgency: Urgency


class ServiceStanding(Wire):
    """What a referrer should know of a service beforehand."""

    status: str
    capacity: dict[str, Any] | None
    stale: bool
    expected_response: dict[str, Any]


class PreviewView(Wire):
    """What a referral would disclose and under which clause, what would be withheld and why, and what to know first."""

    discloses: dict[str, list[str]]
    withheld: list[Withheld]
    clause: str
    consent_needed: bool
    duplicates: bool
    earlier_outcomes: list[str]
    service: ServiceStanding


class ReferralCreated(Wire):
    """A referral that was made and authorised."""

    referral_id: UUID
    status: Annotated[str, Field(examples=["authorised"])]
    discloses: dict[str, list[str]]
    clause: str
