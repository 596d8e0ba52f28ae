"""Routes of exclusions: who may not see whom. No worker is told of its own, and no organisation of another's."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from gateway.admission import ChangingRoute, GovernedRoute, admits
from gateway.call import Call
from gateway.change import changing
from gateway.commands.mandates import delete_exclusion, put_exclusion
from gateway.problems import OtherOrganisation
from gateway.queries.mandates import find_exclusion, list_exclusions
from gateway.schemas.mandates import EntryId, ExclusionList, ExclusionView, NamedRecord, NewExclusion
from gateway.subject import person_behind
from shared.categories import Role
from shared.openapi import stored_as
from shared.preconditions import IfMatch, answer_stored, etag_of
from shared.problems import FieldError, InvalidRequest, NotFound
from shared.wire import Slug

reads = APIRouter(prefix="/v1/organisations/{org}/exclusions", tags=["exclusions"], route_class=GovernedRoute)
changes = APIRouter(prefix="/v1/organisations/{org}/exclusions", tags=["exclusions"], route_class=ChangingRoute)

Overseer = Annotated[Call, Depends(admits(Role.IG_LEAD))]


@reads.get("")
async def get_exclusions(request: Request, call: Overseer, org: Slug) -> ExclusionList:
    """List the exclusions that one's organisation entered."""
    _require_own(call, org)
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        rows = await list_exclusions(tx, org, reader=call.caller.subject)
    return ExclusionList(items=[_view(row) for row in rows])


@reads.get("/{exclusion_id}")
async def get_exclusion(
    request: Request, response: Response, call: Overseer, org: Slug, exclusion_id: EntryId
) -> ExclusionView:
    """Give an exclusion that one's organisation entered."""
    _require_own(call, org)
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        row = await find_exclusion(tx, org, exclusion_id, reader=call.caller.subject)
    if row is None:
        raise NotFound
    response.headers["ETag"] = etag_of(row["version"])
    return _view(row)


@changes.put("/{exclusion_id}", responses=stored_as(ExclusionView))
async def put_exclusion_entry(
    request: Request,
    response: Response,
    call: Overseer,
    org: Slug,
    exclusion_id: EntryId,
    new: NewExclusion,
    if_match: IfMatch = None,
) -> ExclusionView:
    """Keep a person of one's organisation from a worker, for whom it then does not exist."""
    _require_own(call, org)
    if new.employer is not None and new.employer not in call.snapshot.organisations:
        raise _wrong("/employer", "is not a registered organisation")
    if (new.employer or org, new.subject) == (org, call.caller.subject):
        raise _wrong("/subject", "must be somebody else: a colleague enters what is about oneself")
    person_id = await person_behind(request, call, source=new.record.source, local_id=new.record.local_id)
    by = (org, call.caller.subject)
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await put_exclusion(
            made.tx, org, new, exclusion_id=exclusion_id, person_id=person_id, by=by, if_match=if_match
        )
        made.status = answer_stored(response, stored)
    return ExclusionView(org=org, id=exclusion_id, **new.model_dump(exclude={"employer"}), employer=new.employer or org)


@changes.delete("/{exclusion_id}", status_code=204)
async def delete_exclusion_entry(
    request: Request, call: Overseer, org: Slug, exclusion_id: EntryId, if_match: IfMatch = None
) -> None:
    """Lift an exclusion."""
    _require_own(call, org)
    async with changing(request, call, org=org, owners=[org]) as made:
        await delete_exclusion(made.tx, org, exclusion_id, by=(org, call.caller.subject), if_match=if_match)
        made.status = 204


def _require_own(call: Call, org: str) -> None:
    if call.caller.org != org:
        raise OtherOrganisation


def _view(row: Mapping[str, Any]) -> ExclusionView:
    record = NamedRecord(source=row["source"], local_id=row["local_id"])
    named = {name: row[name] for name in ("org", "subject", "reason", "review_on", "employer")}
    return ExclusionView(id=row["exclusion_id"], record=record, **named)


def _wrong(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest("Some fields are not valid.", errors=[FieldError(pointer, detail)])
