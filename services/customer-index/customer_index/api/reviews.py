"""Reviews: the possible matches a steward may look at, and the decision on one."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from customer_index.api.records import MayRead
from customer_index.api.state import MatchingModel
from customer_index.commands.acts import Acting
from customer_index.commands.reviews import decide_review
from customer_index.problems import KeptApartBySeal, PersonsChanged, ReviewDecided
from customer_index.queries.people import account_for
from customer_index.queries.reviews import list_reviews
from customer_index.stewardship import NewDecision, ReviewStatus, ReviewView
from shared.categories import Action
from shared.dependencies import Db, PageCursors
from shared.guard import Now, permitted
from shared.openapi import answers
from shared.paging import Cursor, Limit, Page
from shared.permit import DISCLOSED_HEADER, Permit

router = APIRouter(prefix="/v1/reviews", tags=["Stewardship"])

MaySteward = Annotated[Permit, Depends(permitted(Action.STEWARD))]
Status = Annotated[ReviewStatus, Query(description="open ones, or those the own organisation has decided")]


@router.get("")
async def get_reviews(
    permit: MayRead,
    at: Now,
    database: Db,
    model: MatchingModel,
    cursors: PageCursors,
    response: Response,
    status: Status = "open",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReviewView]:
    """List the reviews of which the caller may know both sides, the one raised first first."""
    bound_to = (permit.org, permit.subject, "reviews", status)
    after = None
    if cursor is not None:
        raised_at, review_id = cursors.read(cursor, bound_to=bound_to)
        after = (datetime.fromisoformat(raised_at), UUID(review_id))
    async with database.transaction(permit.context()) as tx:
        found = await list_reviews(tx, status=status, permit=permit, model=model, at=at, after=after, limit=limit + 1)
    shown = found[:limit]
    response.headers[DISCLOSED_HEADER] = account_for([record for one in shown for record in one.records]).header()
    position = None if len(found) <= limit else (shown[-1].view.raised_at.isoformat(), str(shown[-1].view.review_id))
    return Page(
        items=[one.view for one in shown],
        next=None if position is None else cursors.write(position, bound_to=bound_to),
    )


@router.post("/{review_id}/decision", responses=answers(KeptApartBySeal, PersonsChanged, ReviewDecided))
async def post_decision(
    review_id: UUID,
    decision: NewDecision,
    permit: MaySteward,
    at: Now,
    database: Db,
    model: MatchingModel,
    response: Response,
) -> ReviewView:
    """Say whether the two sides of a review are one human being; it binds until it is undone."""
    by = Acting(permit=permit, at=at, reason=decision.note, review_id=review_id)
    async with database.transaction(permit.context()) as tx:
        _, review = await decide_review(tx, review_id, decision.decision, by=by, model=model)
    response.headers[DISCLOSED_HEADER] = account_for(review.records).header()
    return review.view
