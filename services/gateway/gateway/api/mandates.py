"""Routes of mandates: who may act for an organisation."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from gateway.admission import ChangingRoute, GovernedRoute, admits
from gateway.call import Call
from gateway.change import changing
from gateway.commands.mandates import put_mandate
from gateway.problems import OtherOrganisation
from gateway.queries.mandates import list_mandates
from gateway.queries.organisations import find_row
from gateway.schemas.mandates import EntryId, MandateList, MandateView, NewMandate
from gateway.tables import mandates
from shared.categories import Role
from shared.openapi import stored_as
from shared.preconditions import IfMatch, answer_stored, etag_of
from shared.problems import NotFound
from shared.wire import Slug

reads = APIRouter(prefix="/v1/organisations/{org}/mandates", tags=["mandates"], route_class=GovernedRoute)
changes = APIRouter(prefix="/v1/organisations/{org}/mandates", tags=["mandates"], route_class=ChangingRoute)

Giver = Annotated[Call, Depends(admits(Role.IG_LEAD, Role.ADMIN))]


@reads.get("")
async def get_mandates(request: Request, call: Giver, org: Slug) -> MandateList:
    """List the mandates that one's organisation gave."""
    _require_own(call, org)
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        rows = await list_mandates(tx, org)
    return MandateList(items=[_view(row) for row in rows])


@reads.get("/{mandate_id}")
async def get_mandate(request: Request, response: Response, call: Giver, org: Slug, mandate_id: EntryId) -> MandateView:
    """Give a mandate of one's organisation."""
    _require_own(call, org)
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        row = await find_row(tx, mandates, org=org, mandate_id=mandate_id)
    if row is None:
        raise NotFound
    response.headers["ETag"] = etag_of(row["version"])
    return _view(row)


@changes.put("/{mandate_id}", responses=stored_as(MandateView))
async def put_mandate_entry(
    request: Request,
    response: Response,
    call: Giver,
    org: Slug,
    mandate_id: EntryId,
    new: NewMandate,
    if_match: IfMatch = None,
) -> MandateView:
    """Let the workers of another organisation act for one's own, or change what they may do."""
    _require_own(call, org)
    known = call.snapshot.organisations
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await put_mandate(made.tx, org, new, mandate_id=mandate_id, organisations=known, if_match=if_match)
        made.status = answer_stored(response, stored)
    return MandateView(org=org, id=mandate_id, **new.model_dump(by_alias=False))


def _require_own(call: Call, org: str) -> None:
    if call.caller.org != org:
        raise OtherOrganisation


def _view(row: Mapping[str, Any]) -> MandateView:
    named = {name: row[name] for name in NewMandate.model_fields}
    return MandateView(org=row["org"], id=row["mandate_id"], **named)
