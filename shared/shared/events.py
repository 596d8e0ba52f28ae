"""The envelope and every event a service publishes.

Events carry ids, types and states, never personal data. Changes are additive; a new meaning is a new `.vN` class beside
the old one, and every version ever published keeps a golden sample in `tests/golden/`.
"""

from datetime import datetime
from typing import Any, ClassVar, Final, Literal
from uuid import UUID

from pydantic import ConfigDict

from shared.wire import Wire

PEOPLE: Final = "scv.people"
GOVERNANCE: Final = "scv.governance"
CASES: Final = "scv.cases"
REFERRALS: Final = "scv.referrals"
PARTNERS: Final = "scv.partner"


def partner_topic(org: str) -> str:
    """Name the topic on which a partner hears of the referrals it was sent."""
    return f"{PARTNERS}.{org}.referrals"


class Event(Wire):
    """Something that happened to one aggregate.

    Fields that a later version of us adds are passed over, so that services need not be brought up to date together.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    topic: ClassVar[str]


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

    def event(self) -> Event:
        """Parse the data as the event its type names; `KeyError` for a type nobody published."""
        return EVENTS[self.type].model_validate(self.data)


class PersonRecordLinked(Event):
    """A source record now belongs to this person."""

    type = "person.record-linked.v1"
    topic = PEOPLE

    record_id: UUID


class PersonRecordUnlinked(Event):
    """A source record no longer belongs to this person: withdrawn, or moved by a correction."""

    type = "person.record-unlinked.v1"
    topic = PEOPLE

    record_id: UUID


class PersonMerged(Event):
    """This person was found to be another and lives on as that one, with these records."""

    type = "person.merged.v1"
    topic = PEOPLE

    into: UUID
    records: list[UUID]


class PersonSplit(Event):
    """Some records of this person were found to be another human being, who is a person of its own."""

    type = "person.split.v1"
    topic = PEOPLE

    into: UUID
    records: list[UUID]


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


class ReferralChanged(Event):
    """A referral moved on; `service_id` is the service it asks for help, `partner` the organisation that offers it."""

    type = "referral.changed.v1"
    topic = REFERRALS

    referral_id: UUID
    action: str
    status: str
    partner: str
    service_id: UUID


class PartnerReferralChanged(Event):
    """A referral moved on, as its partner hears of it: on a topic of its own, in a sequence of its own."""

    type = "partner.referral-changed.v1"
    topic = PARTNERS

    referral_id: UUID
    sequence: int
    status: str


class ContactRecorded(Event):
    """Somebody was in touch about a service."""

    type = "contact.recorded.v1"
    topic = CASES

    channel: str
    lgsl: int
    lgil: int
    case_id: UUID | None
    episode_id: UUID | None


class CaseOpened(Event):
    """A service request was taken on, in an episode."""

    type = "case.opened.v1"
    topic = CASES

    episode_id: UUID
    lgsl: int
    lgil: int
    status: str


class CaseChanged(Event):
    """Something about a case was changed: its status, its episode, what is written of it."""

    type = "case.changed.v1"
    topic = CASES

    episode_id: UUID
    status: str


class EpisodeOpened(Event):
    """A case was the first of an episode."""

    type = "episode.opened.v1"
    topic = CASES

    cluster: str
    trigger: str
    status: str


class EpisodeChanged(Event):
    """An episode was joined by a case, regrouped, or moved to this status."""

    type = "episode.changed.v1"
    topic = CASES

    status: str


class AssessmentRecorded(Event):
    """Facts were established for a service."""

    type = "assessment.recorded.v1"
    topic = CASES

    lgsl: int
    status: str


class AssessmentChanged(Event):
    """An assessment moved to this status."""

    type = "assessment.changed.v1"
    topic = CASES

    status: str


class AssessmentReused(Event):
    """A service made something of an assessment; the aggregate is the reuse, owned by who reused it."""

    type = "assessment.reused.v1"
    topic = CASES

    assessment_id: UUID
    decision: str
    for_lgsl: int
    re_asks_avoided: int


EVENTS: Final[dict[str, type[Event]]] = {
    event.type: event
    for event in (
        PersonRecordLinked,
        PersonRecordUnlinked,
        PersonMerged,
        PersonSplit,
        SourceChanged,
        AgreementChanged,
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
