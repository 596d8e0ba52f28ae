"""Who is let in: the route class of every governed route, and the roles and purpose each route asks for.

A governed route identifies its caller before anything else, decides again when the rules change meanwhile, and leaves
an audit row whatever happens. Not in this room: open routes, and the decision on personal data (`policy`).
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from gateway import audit
from gateway.audit import Entry, Outcome, StaleDecision
from gateway.call import Call, identify, read_headers
from gateway.headers import PURPOSE, of_a_change, of_a_look, of_any_call
from gateway.limits import RateLimit
from gateway.metrics import ApiMetrics
from gateway.policy import LOOKS
from gateway.problems import (
    AuditUnavailable,
    GovernanceUnsettled,
    NotAuthenticated,
    PurposeRequired,
    RestoredNotReplayed,
    TooManyRequests,
    UnknownPurpose,
)
from gateway.refusals import RoleNotPermitted
from shared import telemetry
from shared.categories import Action, Purpose, Role
from shared.problems import InvalidRequest, MalformedRequest, Problem

_ATTEMPTS: Final = 5
_PURPOSES: Final = frozenset(Purpose)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Admission = Callable[..., Awaitable[Call]]


class GovernedRoute(APIRoute):
    """A route that only an identified caller reaches, and whose every answer the audit accounts for."""

    def get_route_handler(self) -> Handler:
        """Wrap the route's handler."""
        answer = super().get_route_handler()

        async def governed(request: Request) -> Response:
            headers: dict[str, str] = {}
            for _ in range(_ATTEMPTS):
                call = await _identified(request)
                headers = headers or await _within_limit(request, call)
                try:
                    return await _accounted_for(request, call, answer, headers=headers)
                except StaleDecision:
                    request.app.state.register.forget(call.snapshot)
                except RestoredNotReplayed:
                    # What comes next is refused before it has a permit.
                    request.app.state.register.forget(call.snapshot)
                    raise
            raise GovernanceUnsettled(headers={"Retry-After": "1"})

        return governed


class ChangingRoute(GovernedRoute):
    """A route that changes the rules. One at a time in this process, for each makes the decisions before it stale."""

    def get_route_handler(self) -> Handler:
        """Wrap the route's handler."""
        answer = super().get_route_handler()

        async def in_turn(request: Request) -> Response:
            await request.body()  # a caller slow to send it keeps nobody waiting
            async with request.app.state.changing:
                return await answer(request)

        return in_turn


def admits(*roles: Role) -> Admission:
    """Make a dependency that gives the call, if its caller holds one of these roles; none named means any role."""

    async def admitted(request: Request, _said: Annotated[None, Depends(of_any_call)]) -> Call:
        call: Call = request.state.call
        read_headers(call, request)
        _require_role(call, frozenset(roles or Role))
        return call

    admitted.roles = roles  # type: ignore[attr-defined]  # read by the house rules
    return admitted


def admits_for_purpose(*roles: Role, action: Action) -> Admission:
    """Make a dependency that gives a call for personal data: its caller holds one of these roles and has a purpose."""

    said = of_a_look if action in LOOKS else of_a_change

    async def admitted(request: Request, _said: Annotated[None, Depends(said)]) -> Call:
        call: Call = request.state.call
        call.action = action
        call.purpose = _purpose_of(request)
        call.admitted = frozenset(roles)
        read_headers(call, request)
        _require_role(call, call.admitted)
        return call

    admitted.roles = roles  # type: ignore[attr-defined]  # read by the house rules
    return admitted


async def _identified(request: Request) -> Call:
    metrics: ApiMetrics = request.app.state.metrics
    try:
        return await identify(request)
    except NotAuthenticated as problem:
        metrics.unidentified(problem)
        raise


async def _within_limit(request: Request, call: Call) -> dict[str, str]:
    """Count a call and give the headers that tell its caller where it stands; raise `TooManyRequests`."""
    limit: RateLimit = request.app.state.limit
    metrics: ApiMetrics = request.app.state.metrics
    try:
        return await limit.count(call.caller.employing_org, subject=call.caller.subject)
    except TooManyRequests:
        metrics.limited()
        raise


def _purpose_of(request: Request) -> Purpose:
    named = request.headers.get(PURPOSE)
    if named is None:
        raise PurposeRequired
    if named not in _PURPOSES:
        raise UnknownPurpose
    return Purpose(named)


def _require_role(call: Call, roles: frozenset[Role]) -> None:
    if not call.caller.held_roles & roles:
        raise RoleNotPermitted(clause=None, needed=f"one of the roles {', '.join(sorted(roles))}")


async def _accounted_for(
    request: Request, call: Call, answer: Callable[[Request], Awaitable[Response]], *, headers: dict[str, str]
) -> Response:
    """Answer a call, and see that the audit holds a row of it before the answer or the refusal leaves."""
    database = request.app.state.database
    metrics: ApiMetrics = request.app.state.metrics
    request.state.call = call
    try:
        response = await answer(request)
    except (Problem, RequestValidationError, HTTPException) as error:
        if not isinstance(error, AuditUnavailable):
            if not call.accounted_for:
                await audit.record(database, call, _refusal(error))
            _tell(metrics, call)
        if isinstance(error, Problem):
            error.headers.update(headers)
        raise
    if not call.accounted_for:
        await audit.record(database, call, Entry(outcome=Outcome.ALLOWED, status=response.status_code))
    _tell(metrics, call)
    response.headers.update(headers)
    return response


def _tell(metrics: ApiMetrics, call: Call) -> None:
    """Tell the metrics and the trace what the audit has of a call, but not who and about whom."""
    metrics.decided(call)
    if call.recorded is not None:
        purpose = {} if call.purpose is None else {"scv.purpose": call.purpose}
        telemetry.note({"scv.action": call.action, "scv.outcome": call.recorded.outcome, **purpose})


def _refusal(error: Problem | RequestValidationError | HTTPException) -> Entry:
    if isinstance(error, Problem):
        status, reason = error.status, error.type()
    elif isinstance(error, RequestValidationError):
        status, reason = InvalidRequest.status, InvalidRequest.type()
    else:
        status, reason = error.status_code, MalformedRequest.type()
    return Entry(outcome=outcome_of(status), status=status, reason=reason)


def outcome_of(status: int) -> Outcome:
    """Give the outcome of a read that was answered with a status."""
    if status < 400:
        return Outcome.ALLOWED
    return Outcome.DENIED if status in (401, 403, 404) else Outcome.FAILED
