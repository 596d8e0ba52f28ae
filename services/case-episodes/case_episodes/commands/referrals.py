"""Keeping what referrals tell of themselves with the episode they belong to.

A referral belongs to the open episode of its person that was at work last; where there is none yet, the next step of
the referral looks again. It stays with its record, as every row about somebody does.

Not in this room: referrals themselves, which the service of that name owns.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from case_episodes.acting import By
from case_episodes.commands.anchoring import find_person
from case_episodes.commands.episodes import note_change
from case_episodes.episode import EpisodeStatus
from case_episodes.tables import cases, episode_referrals, episodes
from shared.db import Transaction
from shared.events import ReferralChanged
from shared.permit import Anchor


async def follow_referral(tx: Transaction, told: ReferralChanged, *, version: int, by: By) -> None:
    """Note where a referral stands, on the episode it belongs to; `version` is the referral's own."""
    episode_id = await _move_on(tx, told, version=version, by=by) or await _take_in(tx, told, version=version, by=by)
    if episode_id is not None:
        await note_change(tx, episode_id, by=by)


async def move_referrals(tx: Transaction, episode_id: UUID, *, records: Sequence[UUID], into: UUID) -> None:
    """Put what partners were asked about some records into another episode, as their cases were."""
    await tx.execute(
        update(episode_referrals)
        .where(episode_referrals.c.episode_id == episode_id, episode_referrals.c.record_id.in_(records))
        .values(episode_id=into)
    )


async def _move_on(tx: Transaction, told: ReferralChanged, *, version: int, by: By) -> UUID | None:
    changed = (
        update(episode_referrals)
        .where(episode_referrals.c.referral_id == told.referral_id)
        .values(status=told.status, outcome=told.outcome, version=version, changed_at=by.at)
        .returning(episode_referrals.c.episode_id)
    )
    episode_id: UUID | None = (await tx.execute(changed)).scalar_one_or_none()
    return episode_id


async def _take_in(tx: Transaction, told: ReferralChanged, *, version: int, by: By) -> UUID | None:
    if told.record_id is None or told.person_id is None or told.scope is None:
        return None
    person_id = await find_person(tx, Anchor(by.org, told.person_id, told.record_id))
    episode_id = await _episode_at_work(tx, person_id, owner=by.org)
    if episode_id is not None:
        await tx.execute(
            insert(episode_referrals).values(
                referral_id=told.referral_id,
                owner=by.org,
                scope=told.scope,
                record_id=told.record_id,
                person_id=person_id,
                version=version,
                episode_id=episode_id,
                service_id=told.service_id,
                status=told.status,
                outcome=told.outcome,
                made_at=by.at,
                changed_at=by.at,
            )
        )
    return episode_id


async def _episode_at_work(tx: Transaction, person_id: UUID | None, *, owner: str) -> UUID | None:
    if person_id is None:
        return None
    of_person = exists(cases.c.case_id).where(
        cases.c.episode_id == episodes.c.episode_id, cases.c.person_id == person_id
    )
    statement = (
        select(episodes.c.episode_id)
        .where(episodes.c.owner == owner, episodes.c.status == EpisodeStatus.OPEN)
        .where(or_(episodes.c.person_id == person_id, of_person))
        .order_by(episodes.c.last_case_at.desc(), episodes.c.episode_id)
        .limit(1)
    )
    found: UUID | None = (await tx.execute(statement)).scalar_one_or_none()
    return found
