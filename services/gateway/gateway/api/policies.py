"""Routes of boroughs' policies, which are texts in Cedar."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from gateway.admission import ChangingRoute, GovernedRoute, admits
from gateway.api.audit import From, To
from gateway.api.replay import replay
from gateway.borough_policy import SCHEMA
from gateway.call import Call
from gateway.change import changing
from gateway.commands.policies import NEVER_WRITTEN, put_policy, require_valid
from gateway.impact import with_policy
from gateway.organisation import OrganisationKind
from gateway.problems import OtherOrganisation
from gateway.queries.policies import find_policy
from gateway.schemas.impact import ImpactView
from shared.categories import Role
from shared.openapi import answers
from shared.preconditions import IfMatch, answer_stored, etag_of
from shared.problems import InvalidRequest, MalformedRequest, UnsupportedMediaType, VersionRequired
from shared.wire import Slug

reads = APIRouter(prefix="/v1", tags=["policies"], route_class=GovernedRoute, default_response_class=PlainTextResponse)
changes = APIRouter(
    prefix="/v1", tags=["policies"], route_class=ChangingRoute, default_response_class=PlainTextResponse
)

Anyone = Annotated[Call, Depends(admits())]
Lead = Annotated[Call, Depends(admits(Role.IG_LEAD))]

_CEDAR: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"text/plain": {"schema": {"type": "string"}}}}
}

_PUT: Final[dict[str, Any]] = {"description": "the first", "content": {"text/plain": {"schema": {"type": "string"}}}}


@reads.get("/policy-schema")
async def get_policy_schema(_call: Anyone) -> str:
    """Give the Cedar schema that a borough's policy is written to."""
    return SCHEMA


@reads.get("/organisations/{org}/policy")
async def get_policy(request: Request, response: Response, call: Anyone, org: Slug) -> str:
    """Give the policy of one's own borough; one that was never written is empty."""
    _require_own(call, org)
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        row = await find_policy(tx, org)
    response.headers["ETag"] = etag_of(NEVER_WRITTEN if row is None else row["version"])
    return "" if row is None else str(row["text"])


@changes.put("/organisations/{org}/policy", openapi_extra=_CEDAR, responses={201: _PUT, **answers(VersionRequired)})
async def put_policy_in_force(
    request: Request, response: Response, call: Lead, org: Slug, if_match: IfMatch = None
) -> str:
    """Put a policy in force for one's own borough, in place of the one before; it holds for the very next call."""
    _require_own(call, org)
    _require_borough(call)
    text = await _text_of(request)
    require_valid(text)
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await put_policy(made.tx, org, text, if_match=if_match, by=call.caller.subject, at=call.at)
        made.status = answer_stored(response, stored)
    return text


@reads.post("/organisations/{org}/policy/impact", openapi_extra=_CEDAR, response_class=JSONResponse)
async def post_policy_impact(request: Request, call: Lead, org: Slug, from_: From = None, to: To = None) -> ImpactView:
    """Replay the calls of a period against a policy, and list what they would newly be denied or allowed."""
    _require_own(call, org)
    _require_borough(call)
    text = await _text_of(request)
    require_valid(text)
    after = with_policy(call.snapshot.governance, org=org, text=text)
    return await replay(request, call, after, from_=from_, to=to)


def _require_borough(call: Call) -> None:
    if call.caller.org_kind is not OrganisationKind.BOROUGH:
        raise InvalidRequest("Only a borough has a policy: it narrows what is granted of a borough's data.")


def _require_own(call: Call, org: str) -> None:
    if call.caller.org != org:
        raise OtherOrganisation


async def _text_of(request: Request) -> str:
    media_type = request.headers.get("Content-Type", "text/plain").partition(";")[0].strip().lower()
    if media_type != "text/plain":
        raise UnsupportedMediaType("Send the policy as text/plain.")
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The policy is not text in UTF-8.") from None
