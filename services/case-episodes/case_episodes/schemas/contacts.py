"""The wire of contacts."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from case_episodes.schemas.common import AboutSomebody, Channel, Code, PostcodeSector, ShortText, Warned, Words
from shared.wire import Moment, Wire


class Satisfaction(Wire):
    """How satisfied somebody was, from 1 to 5, and with what."""

    score: Annotated[int, Field(strict=True, ge=1, le=5)]
    theme: ShortText | None = None


class NewContact(AboutSomebody):
    """One interaction with the council; without `started_at` it is now."""

    channel: Channel
    lgsl: Code
    lgil: Code
    case_id: UUID | None = None
    access_point: ShortText | None = None
    started_at: Moment | None = None
    ended_at: Moment | None = None
    handled_by: ShortText | None = None
    resolved_at_first_contact: bool | None = None
    hand_offs: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    unresolved_reason: Words | None = None
    needs_met: Literal["yes", "no", "na"] | None = None
    satisfaction: Satisfaction | None = None
    postcode_sector: PostcodeSector | None = None

    @field_validator("ended_at")
    @classmethod
    def _ends_after_it_begins(cls, ended_at: datetime | None, told: ValidationInfo) -> datetime | None:
        started_at = told.data.get("started_at")
        if ended_at is not None and started_at is not None and ended_at < started_at:
            raise ValueError("must not be before started_at")
        return ended_at


class ContactRecorded(Wire):
    """A contact that was recorded, and the episode it belongs to if there is one."""

    contact_id: UUID
    episode_id: UUID | None
    person_id: UUID | None
    warnings: list[Warned] = []
