"""Referrals: preview, make, list, read, move on, and the payload."""

from datetime import UTC
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from referrals.commands.referrals import make_referral_once, move_referral
from referrals.problems import IllegalTransition, NotGranted, PayloadClosed, ServiceNotTaking, UnknownService
from referrals.queries.guarding import discloses_of
from referrals.queries.referrals import (
    Filter,
    Party,
    account_for,
    get_payload,
    get_prospect,
    get_referral,
    list_referrals,
    render_referrals,
)
from referrals.referral import Status
from referrals.rights import context_of, creating_context, payload_context, subject_of
from referrals.schemas.referrals import (
    NewPreview,
    NewReferral,
    PayloadView,
    Prospect,
    ReferralCreated,
    ReferralView,
    Transition,
)
from shared.categories import Action
from shared.dependencies import Db, PageCursors
from shared.guard import Now, permitted
from shared.idempotency import IdempotencyKey
from shared.openapi import answers
from shared.paging import Cursor, Limit, Page
from shared.permit import DISCLOSED_HEADER, Permit
from shared.preconditions import IfMatch, etag_of

router = APIRouter(prefix="/v1/referrals", tags=["Referrals"])

MayRefer = Annotated[Permit, Depends(permitted(Action.REFER))]
MayRead = Annotated[Permit, Depends(permitted(Action.READ))]


@router.post("/preview", responses=answers(UnknownService))
async def preview_referral(new: NewPreview, permit: MayRefer, at: Now, database: Db) -> Prospect:
    """Tell what a referrer should know of a service beforehand."""
    anchor = subject_of(permit)
    async with database.transaction(context_of(permit)) as tx:
        return await get_prospect(tx, new.service_id, anchor=anchor, on=at.astimezone(UTC).date())


@router.post("", status_code=201, responses=answers(NotGranted, UnknownService, ServiceNotTaking))
async def post_referral(
    new: NewReferral,
    permit: MayRefer,
    at: Now,
    database: Db,
    response: Response,
    key: IdempotencyKey = None,
) -> ReferralCreated:
    """Make and authorise a referral that the gateway has decided."""
    anchor = subject_of(permit)
    async with database.transaction(creating_context(permit, anchor)) as tx:
        referral_id = await make_referral_once(tx, new, key=key, anchor=anchor, permit=permit, at=at)
        row = await get_referral(tx, referral_id, permit=permit)
    response.headers[DISCLOSED_HEADER] = account_for([row], permit=permit).header()
    response.headers["ETag"] = etag_of(row.version)
    return ReferralCreated(
        referral_id=referral_id, status=row.status, discloses=discloses_of(row), clause=row.clauses[0]
    )


@router.get("")
async def get_referrals(
    permit: MayRead,
    database: Db,
    cursors: PageCursors,
    response: Response,
    role: Annotated[Party | None, Query(description="as whom; as either if absent")] = None,
    status: Status | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ReferralView]:
    """List the referrals one's organisation made or was sent, the newest first."""
    bound_to = ("referrals", permit.org, permit.subject, permit.purpose, role or "", status or "")
    before = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    async with database.transaction(context_of(permit)) as tx:
        wanted = Filter(role=role, status=status, before=before)
        rows = await list_referrals(tx, wanted, permit=permit, limit=limit + 1)
        items = await render_referrals(tx, rows[:limit], permit=permit)
    response.headers[DISCLOSED_HEADER] = account_for(rows[:limit], permit=permit).header()
    further = len(rows) > limit
    return Page(items=items, next=cursors.write(rows[limit - 1].number, bound_to=bound_to) if further else None)


@router.get("/{referral_id}")
async def get_one_referral(referral_id: UUID, permit: MayRead, database: Db, response: Response) -> ReferralView:
    """Give a referral."""
    async with database.transaction(context_of(permit)) as tx:
        row = await get_referral(tx, referral_id, permit=permit)
        (view,) = await render_referrals(tx, [row], permit=permit)
    response.headers[DISCLOSED_HEADER] = account_for([row], permit=permit).header()
    response.headers["ETag"] = etag_of(row.version)
    return view


@router.post("/{referral_id}/transitions", responses=answers(NotGranted, IllegalTransition))
async def post_transition(
    referral_id: UUID,
    transition: Transition,
    permit: MayRefer,
    at: Now,
    database: Db,
    response: Response,
    if_match: IfMatch = None,
) -> ReferralView:
    """Move a referral on; what its state does not allow is answered with what it does."""
    async with database.transaction(context_of(permit)) as tx:
        await move_referral(tx, referral_id, transition, if_match=if_match, permit=permit, at=at)
        row = await get_referral(tx, referral_id, permit=permit)
        (view,) = await render_referrals(tx, [row], permit=permit)
    response.headers[DISCLOSED_HEADER] = account_for([row], permit=permit).header()
    response.headers["ETag"] = etag_of(row.version)
    return view


@router.get("/{referral_id}/payload", responses=answers(NotGranted, PayloadClosed))
async def get_one_payload(referral_id: UUID, permit: MayRead, database: Db, response: Response) -> PayloadView:
    """Give the partner what a referral discloses: what was frozen, as far as it is granted now."""
    async with database.transaction(payload_context(permit)) as tx:
        view, account = await get_payload(tx, referral_id, permit=permit)
    response.headers[DISCLOSED_HEADER] = account.header()
    return view
