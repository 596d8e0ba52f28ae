"""What the other services follow of the gateway: sources, agreements, emergency access."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict

from shared.events.base import GOVERNANCE, Event
from shared.wire import Wire


class SourceChanged(Event):
    """A source system was registered or its registration changed; the aggregate is `owner/source`."""

    type = "source.changed.v1"
    topic = GOVERNANCE

    owner: str
    source: str
    service_area: str
    trust: int
    linkage: Literal["own", "shared"]
    statutory_bar: str | None


class LinkageFlow(Wire):
    """One clause by which an owner lets its persons be compared with another's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    provider: str
    recipient: str
    service_areas: list[str]


class AgreementChanged(Event):
    """An agreement changed its standing; carries the linkage clauses, which the matcher follows."""

    type = "agreement.changed.v1"
    topic = GOVERNANCE

    agreement_id: UUID
    version: int
    status: str
    valid_from: datetime
    valid_until: datetime
    linkage: list[LinkageFlow]
    referral_clauses: list[str] | None = None
    """The clauses under which it lets referrals be made, as `agreement/flow`; None in events older than this field."""


class EmergencyAccessed(Event):
    """Somebody of an organisation took emergency access to a provider's data; its privacy officers must look at why.

    The aggregate is the access; `reason` is the code that was given.
    """

    type = "emergency.accessed.v1"
    topic = GOVERNANCE

    provider: str
    organisation: str
    reason: str
    expires_at: datetime
    review_due: datetime


class EmergencyReviewOverdue(Event):
    """Nobody reviewed an emergency access to a provider's data in time."""

    type = "emergency.review-overdue.v1"
    topic = GOVERNANCE

    provider: str
    organisation: str
