"""Grouping cases into episodes, and an episode's own life."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import exists, insert, select, update

from case_episodes.acting import By, tell
from case_episodes.catalogue import Cluster
from case_episodes.commands.anchoring import lock_ids
from case_episodes.episode import LEGAL, EpisodeStatus, OpenEpisode, Subject, Trigger, joined
from case_episodes.problems import NotTheSamePeople
from case_episodes.tables import cases, episodes, guarded_records
from case_episodes.transition import move
from shared.categories import Scope
from shared.db import AnyRow, Transaction
from shared.events import CaseChanged, EpisodeChanged, EpisodeOpened
from shared.outbox import Happened
from shared.permit import Anchor


async def join_episode(
    tx: Transaction,
    *,
    anchor: Anchor,
    person_id: UUID | None,
    household: frozenset[UUID] | None,
    scope: Scope,
    cluster: Cluster,
    window: timedelta,
    by: By,
) -> UUID:
    """Give the open episode that a new case joins, opening one if there is none.

    Several first cases of one person or household wait for one another here, so that they find the same episode. A
    protected person shares none with others, for it would say that they live together.
    """
    if household is not None and await _is_protected(tx, anchor.record_id):
        household = None
    if person_id is not None:
        people = {person_id, *(household or ())}
        await lock_ids(tx, people)
        found = joined(
            await _open_episodes(tx, people, person_id=person_id, owner=by.org, cluster=cluster),
            person_id=person_id,
            household=household,
            at=by.at,
            window=window,
        )
        if found is not None:
            await _note_case(tx, found, by=by)
            return found
    return await open_episode(
        tx,
        record_id=anchor.record_id,
        person_id=person_id,
        subject=Subject.PERSON if household is None else Subject.HOUSEHOLD,
        scope=scope,
        cluster=cluster,
        by=by,
    )


async def open_episode(
    tx: Transaction,
    *,
    record_id: UUID | None,
    person_id: UUID | None,
    subject: Subject,
    scope: str,
    cluster: str,
    by: By,
) -> UUID:
    """Open an episode; give its id."""
    episode_id = uuid4()
    await tx.execute(
        insert(episodes)
        .values(
            episode_id=episode_id,
            owner=by.org,
            scope=scope,
            record_id=record_id,
            person_id=person_id,
            version=1,
            cluster=cluster,
            trigger=Trigger.OTHER,
            subject=subject,
            status=EpisodeStatus.OPEN,
            opened_at=by.at,
            last_case_at=by.at,
        )
        .inline()
    )
    opened = EpisodeOpened(cluster=cluster, trigger=Trigger.OTHER, status=EpisodeStatus.OPEN)
    await tell(tx, [Happened(opened, str(episode_id), 1)], by=by)
    return episode_id


async def move_episode(tx: Transaction, episode: AnyRow, *, to: EpisodeStatus, reason: str | None, by: By) -> None:
    """Move a locked episode to another status; raise `IllegalTransition`."""
    status = move(LEGAL, EpisodeStatus(episode.status), to=to)
    version = episode.version + 1
    await tx.execute(
        update(episodes)
        .where(episodes.c.episode_id == episode.episode_id)
        .values(status=status, status_reason=reason, version=version)
    )
    await tell(tx, [Happened(EpisodeChanged(status=status), str(episode.episode_id), version)], by=by)


async def regroup(tx: Transaction, moved: Sequence[AnyRow], *, source: AnyRow, into: AnyRow | None, by: By) -> UUID:
    """Move locked cases out of a locked episode into another of the same people, or into a new one; give its id.

    Raises `NotTheSamePeople` if the other episode is about one person who is somebody else; who belongs to a household
    is for the worker to say.
    """
    first = moved[0]
    if into is None:
        target = await open_episode(
            tx,
            record_id=first.record_id,
            person_id=first.person_id,
            subject=Subject(source.subject),
            scope=first.scope,
            cluster=first.cluster,
            by=by,
        )
    else:
        of_person = Subject(into.subject) is Subject.PERSON
        if of_person and any(case.person_id != into.person_id for case in moved):
            raise NotTheSamePeople
        target = into.episode_id
        await _note_case(tx, target, by=by)
    await move_cases(tx, moved, into=target, by=by)
    await note_change(tx, source.episode_id, by=by)
    return target


async def move_cases(tx: Transaction, moved: Sequence[AnyRow], *, into: UUID, by: By) -> None:
    """Put cases into an episode and tell of it."""
    for case in moved:
        await tx.execute(
            update(cases).where(cases.c.case_id == case.case_id).values(episode_id=into, version=case.version + 1)
        )
    await tell(
        tx,
        [
            Happened(CaseChanged(episode_id=into, status=case.status), str(case.case_id), case.version + 1)
            for case in moved
        ],
        by=by,
    )


async def note_change(tx: Transaction, episode_id: UUID, *, by: By) -> None:
    """Note that something that belongs to an episode changed."""
    await _note(tx, episode_id, by=by)


async def _note_case(tx: Transaction, episode_id: UUID, *, by: By) -> None:
    """Note that an episode got a case."""
    await _note(tx, episode_id, by=by, last_case_at=by.at)


async def _note(tx: Transaction, episode_id: UUID, *, by: By, **also: datetime) -> None:
    changed = (
        update(episodes)
        .where(episodes.c.episode_id == episode_id)
        .values(version=episodes.c.version + 1, **also)
        .returning(episodes.c.version, episodes.c.status)
    )
    row = (await tx.execute(changed)).one()
    await tell(tx, [Happened(EpisodeChanged(status=row.status), str(episode_id), row.version)], by=by)


async def _open_episodes(
    tx: Transaction, people: set[UUID], *, person_id: UUID, owner: str, cluster: Cluster
) -> list[OpenEpisode]:
    of_protected = exists(guarded_records.c.record_id).where(
        guarded_records.c.record_id == episodes.c.record_id, guarded_records.c.protected
    )
    statement = select(episodes.c.episode_id, episodes.c.person_id, episodes.c.subject, episodes.c.last_case_at).where(
        episodes.c.owner == owner,
        episodes.c.cluster == cluster,
        episodes.c.status == EpisodeStatus.OPEN,
        episodes.c.person_id.in_(people),
        (episodes.c.person_id == person_id) | ~of_protected,
    )
    return [
        OpenEpisode(row.episode_id, row.person_id, Subject(row.subject), row.last_case_at)
        for row in await tx.execute(statement)
    ]


async def _is_protected(tx: Transaction, record_id: UUID | None) -> bool:
    statement = select(guarded_records.c.protected).where(guarded_records.c.record_id == record_id)
    return bool((await tx.execute(statement)).scalar_one_or_none())
