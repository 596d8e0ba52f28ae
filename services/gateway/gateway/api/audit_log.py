"""The routes of the log that the audit is sealed into: checkpoints and their keys, proofs, and the export."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from gateway.admission import GovernedRoute, admits
from gateway.call import Call
from gateway.merkle import consistency_ranges, inclusion_ranges
from gateway.problems import NotYetSealed, UnknownCall
from gateway.queries.sealing import (
    find_call,
    hashes_of,
    list_checkpoints,
    list_keys,
    list_leaves,
    newest_checkpoint,
)
from gateway.schemas.audit_log import (
    CheckpointKeysView,
    CheckpointView,
    ConsistencyView,
    LeafView,
    LeavesView,
    ProofView,
)
from shared.categories import Role
from shared.openapi import answers
from shared.paging import Cursor, Cursors, Limit, Page
from shared.problems import FieldError, InvalidRequest

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=GovernedRoute)

Overseer = Annotated[Call, Depends(admits(Role.IG_LEAD))]
_MOST = 2**53
"""No tree is larger, and no reader of JSON is sure of larger numbers."""

After = Annotated[int, Query(ge=0, le=_MOST, description="only checkpoints of larger trees than this")]
First = Annotated[int, Query(alias="from", ge=1, le=_MOST, description="the size of the earlier tree")]
Second = Annotated[int, Query(alias="to", ge=1, le=_MOST, description="the size of the later tree")]
Start = Annotated[int, Query(alias="from", ge=0, le=_MOST, description="index of the first leaf")]
Leaves = Annotated[int, Query(ge=1, le=1000, description="most leaves on the page")]


@router.get("/checkpoints")
async def get_checkpoints(
    request: Request, call: Overseer, after: After = 0, limit: Limit = 50, cursor: Cursor = None
) -> Page[CheckpointView]:
    """List the signed checkpoints of the log, newest first. Keep some: they are what no later log can undo."""
    call.action = "audit"
    cursors: Cursors = request.app.state.cursors
    bound_to = ("checkpoints", call.caller.org, call.caller.worker, str(after))
    before = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    async with request.app.state.database.transaction() as tx:
        found = await list_checkpoints(tx, after=after, before=before, limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    return Page(
        items=[CheckpointView.of(checkpoint) for checkpoint in found[:limit]],
        next=None if last is None else cursors.write(last.tree_size, bound_to=bound_to),
    )


@router.get("/keys")
async def get_keys(request: Request, call: Overseer) -> CheckpointKeysView:
    """Give the public keys that checkpoints were signed with."""
    call.action = "audit"
    async with request.app.state.database.transaction() as tx:
        return CheckpointKeysView(keys=await list_keys(tx))


@router.get("/consistency")
async def get_consistency(request: Request, call: Overseer, from_: First, to: Second) -> ConsistencyView:
    """Prove that the log of one size is the beginning of the log of another."""
    call.action = "audit"
    async with request.app.state.database.transaction() as tx:
        newest = await newest_checkpoint(tx)
        size = 0 if newest is None else newest.tree_size
        if to > size:
            raise _wrong("?to", f"the log has {size} leaves")
        if from_ > to:
            raise _wrong("?from", "must not be above `to`")
        path = await hashes_of(tx, consistency_ranges(from_, to))
    return ConsistencyView(**{"from": from_}, to=to, path=path)


@router.get("/leaves")
async def get_leaves(request: Request, call: Overseer, from_: Start = 0, limit: Leaves = 200) -> LeavesView:
    """Export the log: every leaf, and of the rows one's organisation may read what it may read of them."""
    call.action = "audit"
    org = call.caller.org
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        found = await list_leaves(tx, org=org, start=from_, limit=limit + 1)
    more = len(found) > limit
    return LeavesView(items=[LeafView.of(leaf) for leaf in found[:limit]], next=from_ + limit if more else None)


@router.get("/{audit_id}/proof", responses=answers(NotYetSealed))
async def get_proof(request: Request, call: Overseer, audit_id: UUID) -> ProofView:
    """Prove that a call is in the log, and what it was; of a change, by the row of what became of it."""
    call.action = "audit"
    org = call.caller.org
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        found = await find_call(tx, audit_id)
        if found is None:
            raise UnknownCall
        newest = await newest_checkpoint(tx)
        if found.leaf_index is None or newest is None:
            raise NotYetSealed(headers={"Retry-After": "1"})
        path = await hashes_of(tx, inclusion_ranges(found.leaf_index, size=newest.tree_size))
        [leaf] = await list_leaves(tx, org=org, start=found.leaf_index, limit=1)
    return ProofView.proving(leaf, audit_id=audit_id, path=path, checkpoint=newest)


def _wrong(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest("Some parameters are not valid.", errors=[FieldError(pointer, detail)])
