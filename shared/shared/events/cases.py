"""Contacts, cases, episodes and assessments."""

from uuid import UUID

from shared.events.base import CASES, Event


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
