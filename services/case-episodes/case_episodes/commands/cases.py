"""Opening and working on cases."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, update

from case_episodes.acting import By, tell
from case_episodes.case import LEGAL, CaseStatus
from case_episodes.catalogue import Service
from case_episodes.commands.anchoring import find_person
from case_episodes.commands.episodes import join_episode
from case_episodes.schemas.cases import NewCase
from case_episodes.tables import case_notes, cases
from case_episodes.transition import move
from shared.db import AnyRow, Transaction
from shared.events import CaseChanged, CaseOpened
from shared.outbox import Happened
from shared.permit import Anchor


async def open_case(
    tx: Transaction,
    new: NewCase,
    *,
    service: Service,
    anchor: Anchor,
    household: frozenset[UUID],
    window: timedelta,
    by: By,
) -> UUID:
    """Open a case about a service in the episode it belongs to; give its id.

    `household` holds the persons who live with the subject, of a case that is about them all.
    """
    person_id = await find_person(tx, anchor)
    scope = service.scope(by.org)
    episode_id = await join_episode(
        tx,
        anchor=anchor,
        person_id=person_id,
        household=household if new.household else None,
        scope=scope,
        cluster=service.cluster,
        window=window,
        by=by,
    )
    case_id = uuid4()
    await tx.execute(
        insert(cases)
        .values(
            case_id=case_id,
            owner=by.org,
            scope=scope,
            record_id=anchor.record_id,
            person_id=person_id,
            version=1,
            episode_id=episode_id,
            lgsl=service.lgsl,
            lgil=new.lgil,
            cluster=service.cluster,
            speed=service.speed,
            channel=new.channel,
            description=new.description,
            household=new.household,
            postcode_sector=new.postcode_sector,
            status=CaseStatus.OPEN,
            opened_at=by.at,
            changed_at=by.at,
        )
        .inline()
    )
    opened = CaseOpened(episode_id=episode_id, lgsl=service.lgsl, lgil=new.lgil, status=CaseStatus.OPEN)
    await tell(tx, [Happened(opened, str(case_id), 1)], by=by)
    return case_id


async def change_case(tx: Transaction, case: AnyRow, changes: Mapping[str, Any], *, by: By) -> None:
    """Replace some fields of a locked case."""
    await _save(tx, case, changes, status=CaseStatus(case.status), by=by)


async def move_case(tx: Transaction, case: AnyRow, *, to: CaseStatus, reason: str | None, by: By) -> None:
    """Move a locked case to another status, its reason kept as a note; raise `IllegalTransition`."""
    status = move(LEGAL, CaseStatus(case.status), to=to)
    if reason is not None:
        await _write(tx, case, reason, status=status, by=by)
    await _save(tx, case, {"status": status}, status=status, by=by)


async def add_note(tx: Transaction, case: AnyRow, words: str, *, by: By) -> UUID:
    """Write a note on a locked case; give its id."""
    note_id = await _write(tx, case, words, status=None, by=by)
    await _save(tx, case, {}, status=CaseStatus(case.status), by=by)
    return note_id


async def _write(tx: Transaction, case: AnyRow, words: str, *, status: CaseStatus | None, by: By) -> UUID:
    note_id = uuid4()
    await tx.execute(
        insert(case_notes)
        .values(
            note_id=note_id,
            case_id=case.case_id,
            owner=case.owner,
            scope=case.scope,
            text=words,
            status=status,
            written_by=by.subject,
            written_at=by.at,
            place=case.version + 1,
        )
        .inline()
    )
    return note_id


async def _save(tx: Transaction, case: AnyRow, values: Mapping[str, Any], *, status: CaseStatus, by: By) -> None:
    version = case.version + 1
    await tx.execute(
        update(cases).where(cases.c.case_id == case.case_id).values(**values, version=version, changed_at=by.at)
    )
    changed = CaseChanged(episode_id=case.episode_id, status=status)
    await tell(tx, [Happened(changed, str(case.case_id), version)], by=by)
