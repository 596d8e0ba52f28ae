"""Following persons: rows stay with the record they are anchored on, and show whom it belongs to now.

Events of one person come in order, those of two persons in any. So for each record it is kept which persons it came to
and which it left; whatever the order between persons, the one it came to and did not leave is the one in the end. An
episode that a split leaves with the cases of two persons is parted.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from case_episodes.acting import By
from case_episodes.commands.anchoring import lock_ids
from case_episodes.commands.episodes import move_cases, open_episode
from case_episodes.commands.referrals import move_referrals
from case_episodes.episode import Subject
from case_episodes.tables import assessments, cases, contacts, episode_referrals, episodes, memberships
from shared.db import AnyRow, Transaction

_ANCHORED: Any = (episodes, cases, contacts, assessments, episode_referrals)


async def come_to(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], by: By) -> None:
    """Note that records belong to a person now."""
    await lock_ids(tx, records)
    await _note(tx, person_id, records=records, owner=by.org, present=True)
    for record_id in records:
        await _show(tx, record_id, person_id)


async def leave(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], into: UUID | None, by: By) -> None:
    """Note that records left a person: for another, or withdrawn and for nobody."""
    await lock_ids(tx, records)
    await _note(tx, person_id, records=records, owner=by.org, present=False)
    for record_id in records:
        elsewhere = select(memberships.c.person_id).where(
            memberships.c.record_id == record_id, memberships.c.present.is_(True)
        )
        known = (await tx.execute(elsewhere)).scalars().first()
        await _show(tx, record_id, into if known is None else known)


async def part_episodes(tx: Transaction, *, records: Sequence[UUID], by: By) -> None:
    """Give the cases of other persons than their episode's an episode of their own.

    For after a split, whose event names all the records that left; until it comes, nothing is parted.
    """
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
        )
        .join(episodes, episodes.c.episode_id == cases.c.episode_id)
        .where((cases.c.record_id.in_(records)) | (episodes.c.record_id.in_(records)))
        .where(episodes.c.subject == Subject.PERSON, cases.c.person_id != episodes.c.person_id)
        .order_by(cases.c.opened_at, cases.c.case_id)
    )
    strays: dict[tuple[UUID, UUID], list[AnyRow]] = defaultdict(list)
    for row in await tx.execute(statement):
        strays[row.episode_id, row.person_id].append(row)
    for (parted_id, person_id), moved in strays.items():
        episode_id = await open_episode(
            tx,
            record_id=moved[0].record_id,
            person_id=person_id,
            subject=Subject.PERSON,
            scope=moved[0].scope,
            cluster=moved[0].cluster,
            by=by,
        )
        await move_cases(tx, moved, into=episode_id, by=by)
        statement_of_contacts = update(contacts).where(contacts.c.case_id.in_([case.case_id for case in moved]))
        await tx.execute(statement_of_contacts.values(episode_id=episode_id))
        await move_referrals(tx, parted_id, records=[case.record_id for case in moved], into=episode_id)


async def _note(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], owner: str, present: bool) -> None:
    statement = upsert(memberships)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["record_id", "person_id"], set_={"present": statement.excluded.present}
        ),
        [{"record_id": record_id, "person_id": person_id, "owner": owner, "present": present} for record_id in records],
    )


async def _show(tx: Transaction, record_id: UUID, person_id: UUID | None) -> None:
    for table in _ANCHORED:
        await tx.execute(update(table).where(table.c.record_id == record_id).values(person_id=person_id))
