"""The partner's feed: what changed after a cursor, with patience."""

import asyncio
from time import monotonic
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query

from referrals.queries.events import list_events
from referrals.schemas.referrals import Feed
from shared.categories import Action
from shared.dependencies import Db, PageCursors
from shared.guard import permitted
from shared.openapi import answers
from shared.paging import Cursor
from shared.permit import Permit
from shared.problems import MalformedRequest

router = APIRouter(prefix="/v1/events", tags=["Referrals"])

_PAUSE_SECONDS: Final = 0.2

MayRead = Annotated[Permit, Depends(permitted(Action.READ))]


@router.get("", responses=answers(MalformedRequest))
async def get_events(
    permit: MayRead,
    database: Db,
    cursors: PageCursors,
    after: Cursor = None,
    wait: Annotated[int, Query(ge=0, le=30, description="seconds to wait for something new")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Feed:
    """List what one's organisation was told of referrals, oldest first; ids and states only."""
    bound_to = ("events", permit.org)
    sequence = 0 if after is None else int(cursors.read(after, bound_to=bound_to))
    patience = monotonic() + wait
    while True:
        async with database.transaction({"scv.org": permit.org}) as tx:
            items = await list_events(tx, partner=permit.org, after=sequence, limit=limit)
        if items or monotonic() >= patience:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
    last = items[-1].sequence if items else sequence
    return Feed(items=items, next=cursors.write(last, bound_to=bound_to))
