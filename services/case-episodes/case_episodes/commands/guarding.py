"""Keeping what customer-index tells of protected and sealed people, record by record.

Also in this room: parting the episodes that say with whom a protected person lives. Not in this room: what a guard
means for a row (row-level security, and `queries/guarding.py`).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from case_episodes.acting import By
from case_episodes.commands.anchoring import lock_ids
from case_episodes.commands.episodes import move_cases, open_episode
from case_episodes.commands.referrals import move_referrals
from case_episodes.episode import Subject
from case_episodes.tables import cases, contacts, episodes, guarded_records
from shared.db import AnyRow, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is kept back from other owners: whereabouts, or that there is anybody."""

    protected: bool
    sealed: bool


async def guard_person(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], guard: Guard, by: By) -> None:
    """Note what is kept back about a person who has these records.

    A record may have moved between two persons, whose events come in any order: the later one counts. Cases that are
    being opened for the person, or for who lives with it, are waited for.
    """
    await lock_ids(tx, records)
    await lock_ids(tx, [person_id])
    await _note(tx, records, guard=guard, by=by)
    if guard.protected:
        await _part_households(tx, records, by=by)


async def _note(tx: Transaction, records: Sequence[UUID], *, guard: Guard, by: By) -> None:
    statement = insert(guarded_records)
    later = statement.excluded
    rows = [
        {
            "record_id": record_id,
            "owner": by.org,
            "protected": guard.protected,
            "sealed": guard.sealed,
            "told_at": by.at,
        }
        for record_id in sorted(records)
    ]
    if rows:
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["record_id"],
                set_={"protected": later.protected, "sealed": later.sealed, "told_at": later.told_at},
                where=guarded_records.c.told_at <= later.told_at,
            ),
            rows,
        )


async def _part_households(tx: Transaction, records: Sequence[UUID], *, by: By) -> None:
    """Take a protected person's cases and those of others apart where they stand in one episode of a household: it
    would say that they live together. Who opened it keeps it."""
    shared = (
        select(cases.c.episode_id)
        .join(episodes, episodes.c.episode_id == cases.c.episode_id)
        .where(cases.c.record_id.in_(records), episodes.c.subject == Subject.HOUSEHOLD)
    )
    statement = (
        select(
            cases.c.case_id,
            cases.c.record_id,
            cases.c.person_id,
            cases.c.episode_id,
            cases.c.scope,
            cases.c.cluster,
            cases.c.status,
            cases.c.version,
            episodes.c.record_id.label("opener"),
        )
        .join(episodes, episodes.c.episode_id == cases.c.episode_id)
        .where(cases.c.episode_id.in_(shared))
        .order_by(cases.c.opened_at, cases.c.case_id)
    )
    together: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in await tx.execute(statement):
        together[row.episode_id].append(row)
    for episode_id, found in together.items():
        others_move = found[0].opener in records
        moved = [row for row in found if (row.record_id in records) != others_move]
        if moved:
            into = await open_episode(
                tx,
                record_id=moved[0].record_id,
                person_id=moved[0].person_id,
                subject=Subject.HOUSEHOLD if others_move else Subject.PERSON,
                scope=moved[0].scope,
                cluster=moved[0].cluster,
                by=by,
            )
            await move_cases(tx, moved, into=into, by=by)
            of_moved = contacts.c.record_id.in_([row.record_id for row in moved])
            stale = contacts.c.episode_id == episode_id
            await tx.execute(update(contacts).where(stale, of_moved).values(episode_id=into))
            await move_referrals(tx, episode_id, records=[row.record_id for row in moved], into=into)
