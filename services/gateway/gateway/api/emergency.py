"""Routes of emergency access: listed for both sides, reviewed by the owner of the data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from gateway import audit
from gateway.admission import GovernedRoute, admits
from gateway.audit import Entry, Outcome
from gateway.call import Call
from gateway.commands.emergency import review_access
from gateway.problems import AlreadyReviewed
from gateway.queries.emergency import get_emergency_access, list_emergency_accesses
from gateway.schemas.emergency import EmergencyAccessView, NewReview
from shared.categories import Role
from shared.openapi import answers
from shared.paging import Cursor, Cursors, Limit, Page

router = APIRouter(prefix="/v1/emergency-access", tags=["emergency access"], route_class=GovernedRoute)

Overseer = Annotated[Call, Depends(admits(Role.IG_LEAD))]


@router.get("")
async def get_accesses(
    request: Request, call: Overseer, limit: Limit = 50, cursor: Cursor = None
) -> Page[EmergencyAccessView]:
    """List the emergency accesses to one's organisation's data and those of its own workers, newest first."""
    cursors: Cursors = request.app.state.cursors
    bound_to = ("emergency-access", call.caller.org, call.caller.subject)
    before = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        rows = await list_emergency_accesses(
            tx,
            limit=limit + 1,
            before=None if before is None else (datetime.fromisoformat(before[0]), UUID(before[1])),
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_view(row) for row in rows[:limit]],
        next=None if last is None else cursors.write([last["started_at"], last["access_id"]], bound_to=bound_to),
    )


@router.post("/{access_id}/review", responses=answers(AlreadyReviewed))
async def post_review(request: Request, call: Overseer, access_id: UUID, new: NewReview) -> EmergencyAccessView:
    """Say, for the owner of the data, whether an emergency access was justified."""
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        await review_access(tx, access_id, new, call=call)
        row = await get_emergency_access(tx, access_id)
        done = Entry(outcome=Outcome.DONE, status=200, owners=[call.caller.org])
        await audit.append(tx, call, done, as_of=call.snapshot.epoch)
    return _view(row)


def _view(row: Mapping[str, Any]) -> EmergencyAccessView:
    return EmergencyAccessView(id=row["access_id"], **{name: row[name] for name in row if name != "access_id"})
