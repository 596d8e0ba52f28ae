"""The wire of contacts."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from case_episodes.schemas.common import AboutSomebody, Channel, Code, Moment, PostcodeSector, ShortText, Warned, Words
from shared.wire import Wire


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


class ContactRecorded(Wire):
    """A contact that was recorded, and the episode it belongs to if there is one."""

    contact_id: UUID
    episode_id: UUID | None
    person_id: UUID | None
    warnings: list[Warned] = []
