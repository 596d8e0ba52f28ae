"""Episodes: which cases belong together, and an episode's life. Pure.

In this room: the statuses of an episode, what sets one off, and which open episode a new case joins. Not in this room:
who is the same person or household (customer-index says) and saving it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID


class EpisodeStatus(StrEnum):
    """Where an episode stands."""

    OPEN = "open"
    DORMANT = "dormant"
    CLOSED = "closed"


class Trigger(StrEnum):
    """What set an episode off."""

    PERSONAL_CRISIS = "personal-crisis"
    RENT_PROBLEM = "rent-problem"
    TEMPORARY_FINANCIAL_CRISIS = "temporary-financial-crisis"
    OTHER = "other"


class Subject(StrEnum):
    """Whom an episode is about."""

    PERSON = "person"
    HOUSEHOLD = "household"


LEGAL: Final[Mapping[EpisodeStatus, frozenset[EpisodeStatus]]] = {
    EpisodeStatus.OPEN: frozenset({EpisodeStatus.DORMANT, EpisodeStatus.CLOSED}),
    EpisodeStatus.DORMANT: frozenset({EpisodeStatus.OPEN, EpisodeStatus.CLOSED}),
    EpisodeStatus.CLOSED: frozenset({EpisodeStatus.OPEN}),
}
"""What may follow each status."""


@dataclass(frozen=True, slots=True)
class OpenEpisode:
    """An open episode of one owner and one cluster, as far as grouping looks at it."""

    episode_id: UUID
    person_id: UUID | None
    subject: Subject
    last_case_at: datetime


def joined(
    episodes: Iterable[OpenEpisode],
    *,
    person_id: UUID,
    household: Collection[UUID] | None,
    at: datetime,
    window: timedelta,
) -> UUID | None:
    """Give the episode a new case joins, the one with the latest case; None if it opens one.

    A case about a person joins an episode of that person. `household` holds the ids of those who live with the person
    and is None unless the case is about them all; such a case also joins an episode about the household of one of them.
    """
    fitting = [
        episode
        for episode in episodes
        if at - episode.last_case_at <= window and _is_of(episode, person_id=person_id, household=household)
    ]
    latest = max(fitting, key=lambda episode: (episode.last_case_at, episode.episode_id), default=None)
    return None if latest is None else latest.episode_id


def _is_of(episode: OpenEpisode, *, person_id: UUID, household: Collection[UUID] | None) -> bool:
    if episode.person_id == person_id:
        return True
    return household is not None and episode.subject is Subject.HOUSEHOLD and episode.person_id in household
