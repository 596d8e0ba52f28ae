"""The envelope and every event a service publishes.

Events carry ids, types and states, never personal data. Changes are additive; a new meaning is a new `.vN` class beside
the old one, and every version ever published keeps a golden sample in `tests/golden/`.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ConfigDict

from shared.events.base import CASES, GOVERNANCE, PARTNERS, PEOPLE, REFERRALS, Event, partner_topic
from shared.events.cases import (
    AssessmentChanged,
    AssessmentRecorded,
    AssessmentReused,
    CaseChanged,
    CaseOpened,
    ContactRecorded,
    EpisodeChanged,
    EpisodeOpened,
)
from shared.events.governance import (
    AgreementChanged,
    EmergencyAccessed,
    EmergencyReviewOverdue,
    LinkageFlow,
    SourceChanged,
)
from shared.events.people import PersonMerged, PersonProtected, PersonRecordLinked, PersonRecordUnlinked, PersonSplit
from shared.events.referrals import PartnerReferralChanged, ReferralChanged
from shared.wire import Wire

__all__ = [
    "CASES",
    "EVENTS",
    "GOVERNANCE",
    "PARTNERS",
    "PEOPLE",
    "REFERRALS",
    "AgreementChanged",
    "AssessmentChanged",
    "AssessmentRecorded",
    "AssessmentReused",
    "CaseChanged",
    "CaseOpened",
    "ContactRecorded",
    "EmergencyAccessed",
    "EmergencyReviewOverdue",
    "Envelope",
    "EpisodeChanged",
    "EpisodeOpened",
    "Event",
    "LinkageFlow",
    "PartnerReferralChanged",
    "PersonMerged",
    "PersonProtected",
    "PersonRecordLinked",
    "PersonRecordUnlinked",
    "PersonSplit",
    "ReferralChanged",
    "SourceChanged",
    "partner_topic",
]


class Envelope(Wire):
    """A published event: CloudEvents 1.0 attributes, with the version of the aggregate it happened to."""

    id: UUID
    source: str
    type: str
    topic: str
    subject: str
    """The aggregate's id, and the key by which events keep their order."""
    aggregate_version: int
    owner: str
    txn: UUID
    """The audit id of the call that caused it."""
    time: datetime
    data: dict[str, Any]
    traceparent: str | None = None
    """Where in which trace it happened (W3C Trace Context); None for work that nobody asked for."""

    model_config = ConfigDict(extra="ignore")
    """An older version may be given what a newer one parked."""

    def event(self) -> Event:
        """Parse the data as the event its type names; `KeyError` for a type nobody published."""
        return EVENTS[self.type].model_validate(self.data)


EVENTS: Final[dict[str, type[Event]]] = {
    event.type: event
    for event in (
        PersonRecordLinked,
        PersonRecordUnlinked,
        PersonMerged,
        PersonSplit,
        PersonProtected,
        SourceChanged,
        AgreementChanged,
        EmergencyAccessed,
        EmergencyReviewOverdue,
        ReferralChanged,
        PartnerReferralChanged,
        ContactRecorded,
        CaseOpened,
        CaseChanged,
        EpisodeOpened,
        EpisodeChanged,
        AssessmentRecorded,
        AssessmentChanged,
        AssessmentReused,
    )
}
"""Every event ever published, by type."""
