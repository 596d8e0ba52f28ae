"""Cases: one, those of some persons, and those that wait for work."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_

from case_episodes.case import UNFINISHED
from case_episodes.catalogue import Speed
from case_episodes.disclosure import Item, is_shown, shown
from case_episodes.fields import CASE, NOTE
from case_episodes.queries.guarding import selected
from case_episodes.tables import case_notes, cases
from shared.categories import Category, Form, Scope
from shared.db import AnyRow, Transaction
from shared.permit import Permit
from shared.problems import NotFound

_NEVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
"""Stands for the due date of a case that has none."""


async def get_case(tx: Transaction, case_id: UUID, *, permit: Permit) -> AnyRow:
    """Give a case that the call may be shown; raise `NotFound`."""
    return await _case(tx, case_id, permit=permit, statement=selected(cases, permit=permit))


async def lock_case(tx: Transaction, case_id: UUID, *, permit: Permit) -> AnyRow:
    """Give a case that the call may change, and keep others from changing it; raise `NotFound`."""
    return await _case(tx, case_id, permit=permit, statement=selected(cases, permit=permit).with_for_update())


async def _case(tx: Transaction, case_id: UUID, *, permit: Permit, statement: Any) -> AnyRow:
    row: AnyRow | None = (await tx.execute(statement.where(cases.c.case_id == case_id))).one_or_none()
    if row is None or not is_shown(row, CASE, permit=permit):
        raise NotFound
    return row


async def lock_cases_of(
    tx: Transaction, episode_id: UUID, *, case_ids: Collection[UUID], permit: Permit
) -> list[AnyRow]:
    """Give those of some cases that are of an episode and may be changed, and keep others from changing them."""
    statement = (
        select(cases)
        .where(cases.c.episode_id == episode_id, cases.c.case_id.in_(case_ids))
        .order_by(cases.c.opened_at, cases.c.case_id)
        .with_for_update()
    )
    return [row for row in await tx.execute(statement) if is_shown(row, CASE, permit=permit)]


async def find_cases(tx: Transaction, *, person_ids: Collection[UUID], permit: Permit) -> Sequence[AnyRow]:
    """Give the cases of some persons that the call may know of, the latest first."""
    statement = selected(cases, permit=permit).where(cases.c.person_id.in_(person_ids))
    rows: Sequence[AnyRow] = (await tx.execute(statement.order_by(cases.c.opened_at.desc(), cases.c.case_id))).all()
    return rows


async def notes_of(tx: Transaction, case: AnyRow, *, permit: Permit) -> list[Item] | dict[str, bool] | None:
    """Give the notes on a case as far as its scope grants them; None where it does not."""
    form = permit.grants.get(Scope(case.scope), {}).get(Category.CASE_NOTES)
    if form is None:
        return None
    statement = select(case_notes).where(case_notes.c.case_id == case.case_id)
    rows = (await tx.execute(statement.order_by(case_notes.c.place))).all()
    if form is not Form.VALUE:
        return {"exists": True} if rows else None
    kept = {"note_id", *NOTE.fields}
    return [{name: value for name, value in shown(row, NOTE, permit=permit).items() if name in kept} for row in rows]


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What of the work queue is asked for; None does not narrow."""

    speed: Speed | None
    overdue: bool | None


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A case's place in the queue: what is due first comes first, then what was opened first."""

    due_at: datetime
    opened_at: datetime
    case_id: UUID


def place_of(row: AnyRow) -> QueuePlace:
    """Give a case's place in the queue."""
    return QueuePlace(row.due_at or _NEVER, row.opened_at, row.case_id)


async def list_queue(
    tx: Transaction, wanted: QueueFilter, *, permit: Permit, at: datetime, after: QueuePlace | None, limit: int
) -> list[AnyRow]:
    """Give unfinished cases of the caller's own organisation, from after a place in the queue."""
    whole = [
        scope
        for scope, granted in permit.grants.items()
        if granted.get(Category.CASES) is Form.VALUE and Category.EXISTENCE in granted
    ]
    due_at = func.coalesce(cases.c.due_at, literal(_NEVER))
    statement = select(cases).where(
        cases.c.owner == permit.org, cases.c.scope.in_(whole), cases.c.status.in_(UNFINISHED)
    )
    if wanted.speed is not None:
        statement = statement.where(cases.c.speed == wanted.speed)
    if wanted.overdue is not None:
        statement = statement.where(due_at < at if wanted.overdue else due_at >= at)
    if after is not None:
        here = tuple_(due_at, cases.c.opened_at, cases.c.case_id)
        statement = statement.where(here > (after.due_at, after.opened_at, after.case_id))
    statement = statement.order_by(due_at, cases.c.opened_at, cases.c.case_id).limit(limit)
    return list((await tx.execute(statement)).all())
