"""The work queue: cases of the own organisation that wait for somebody's work, fast and slow apart."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from case_episodes.api.state import MayRead
from case_episodes.catalogue import Speed
from case_episodes.disclosure import context_of, shown
from case_episodes.fields import QUEUED
from case_episodes.queries.cases import QueueFilter, QueuePlace, list_queue, place_of
from case_episodes.schemas.cases import QueuedCase
from shared.categories import Category, Scope
from shared.dependencies import Db, PageCursors
from shared.guard import Disclosed, Now
from shared.paging import Cursor, Limit, Page
from shared.permit import DISCLOSED_HEADER

router = APIRouter(prefix="/v1", tags=["Cases and episodes"])


@router.get("/work-queue")
async def get_work_queue(
    permit: MayRead,
    at: Now,
    database: Db,
    cursors: PageCursors,
    response: Response,
    speed: Annotated[Speed | None, Query()] = None,
    overdue: Annotated[bool | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[QueuedCase]:
    """List unfinished cases, what is due first before what was opened first; it names nobody."""
    wanted = QueueFilter(speed, overdue)
    bound_to = (permit.org, permit.subject, "work-queue", str(speed), str(overdue))
    after = None if cursor is None else _place(cursors.read(cursor, bound_to=bound_to))
    async with database.transaction(context_of(permit)) as tx:
        rows = await list_queue(tx, wanted, permit=permit, at=at, after=after, limit=limit + 1)
    account = Disclosed()
    for row in rows[:limit]:
        account.note(
            person_id=None,
            owner=row.owner,
            record_id=row.case_id,
            version=row.version,
            scope=Scope(row.scope),
            categories={Category.EXISTENCE, Category.CASES},
        )
    response.headers[DISCLOSED_HEADER] = account.header()
    last = place_of(rows[limit - 1]) if len(rows) > limit else None
    return Page(
        items=[QueuedCase.model_validate(shown(row, QUEUED, permit=permit)) for row in rows[:limit]],
        next=None if last is None else cursors.write(asdict(last), bound_to=bound_to),
    )


def _place(told: dict[str, str]) -> QueuePlace:
    return QueuePlace(
        datetime.fromisoformat(told["due_at"]), datetime.fromisoformat(told["opened_at"]), UUID(told["case_id"])
    )
