"""The wire of episodes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from case_episodes.case import CaseStatus
from case_episodes.catalogue import Cluster
from case_episodes.episode import EpisodeStatus, Subject, Trigger
from case_episodes.schemas.common import Words
from shared.wire import Wire


class EpisodeTransition(Wire):
    """Where an episode is to go."""

    to: EpisodeStatus
    reason: Words | None = None


class Regrouping(Wire):
    """Cases of an episode that belong in another, or in a new one if none is named."""

    cases: Annotated[list[UUID], Field(min_length=1, max_length=200)]
    into: UUID | None = None


class Step(Wire):
    """A step of an episode: a service, the case that does it, and the steps it waits for."""

    lgsl: int
    case_id: UUID
    depends_on: list[UUID] = []
    status: CaseStatus


class Asked(Wire):
    """What a partner's service was asked within an episode, and what came of it."""

    referral_id: UUID
    service_id: UUID
    status: str
    outcome: str | None
    made_at: datetime
    changed_at: datetime


class EpisodeView(Wire):
    """An episode as far as its cases may be seen; what set it off shows to who may see the case that opened it."""

    episode_id: UUID
    owner: str
    service_area: str
    person_id: UUID | None
    cluster: Cluster
    status: EpisodeStatus
    trigger: Trigger | None = None
    subject: Subject | None = None
    lead: str | None = None
    status_reason: str | None = None
    opened_at: datetime | None = None
    steps: list[Step]
    cases: list[UUID]
    contacts: list[UUID]
    referrals: list[Asked]
