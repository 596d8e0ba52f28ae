"""Routes of the directory of services: open to all, and changed by each organisation for itself."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from gateway import audit
from gateway.access import access_to_nobody
from gateway.admission import GovernedRoute, admits
from gateway.audit import Entry, Outcome
from gateway.call import Call
from gateway.problems import OtherOrganisation, ServiceUnreachable
from gateway.reply import answer_of, reason_in
from gateway.upstream import REFERRALS, Upstream
from shared.categories import Action, Role
from shared.problems import Problem
from shared.wire import Slug

OPEN: Final = (
    "/v1/services",
    "/v1/services/{service_id}",
    "/v1/service_at_locations",
    "/v1/taxonomies",
    "/v1/taxonomy_terms",
)
"""What anyone may ask: it names services, never people."""

reads = APIRouter(include_in_schema=False)
changes = APIRouter(prefix="/v1/organisations", route_class=GovernedRoute, include_in_schema=False)

_PASSED_ON: Final = ("content-type", "if-match")


def _look_up() -> Callable[..., Awaitable[Response]]:
    async def look_up(request: Request) -> Response:
        """Answer from the directory."""
        reply = await _upstream(request).look_up(_target(request))
        return answer_of(request, reply)

    return look_up


for _path in OPEN:
    reads.add_api_route(_path, _look_up(), methods=["GET"], response_class=Response)


@changes.put("/{org}/services/{service_id}")
async def put_service(
    request: Request,
    call: Annotated[Call, Depends(admits(Role.ADMIN))],
    org: Slug,
    _id: Annotated[UUID, Path(alias="service_id")],
) -> Response:
    """Enter a service of one's own organisation, or replace its entry."""
    if org != call.caller.org:
        raise OtherOrganisation
    database = request.app.state.database
    content = await request.body()
    await audit.record(database, call, Entry(outcome=Outcome.INTENT, owners=[org]))
    try:
        reply = await _upstream(request).call(
            "PUT",
            _target(request),
            permit=replace(access_to_nobody(call).permit, action=Action.WRITE),
            at=call.at,
            headers={name: request.headers[name] for name in _PASSED_ON if name in request.headers},
            content=content,
        )
    except Problem as problem:
        failed = Entry(outcome=Outcome.FAILED, status=problem.status, reason=problem.type(), owners=[org])
        await audit.record_outcome(database, call, failed)
        raise
    outcome = Outcome.DONE if reply.status_code < 400 else Outcome.FAILED
    entry = Entry(outcome=outcome, status=reply.status_code, reason=reason_in(reply), owners=[org])
    await audit.record_outcome(database, call, entry)
    return answer_of(request, reply)


def _target(request: Request) -> str:
    path: str = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1").partition("?")[0]
    return path + (f"?{request.url.query}" if request.url.query else "")


def _upstream(request: Request) -> Upstream:
    upstream: Upstream | None = request.app.state.upstreams.get(REFERRALS)
    if upstream is None:
        raise ServiceUnreachable
    return upstream
