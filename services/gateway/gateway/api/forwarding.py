"""Routes that an inner service answers: decide, permit, pass on, account for, answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from gateway import audit
from gateway.access import (
    Access,
    access_to_nobody,
    grant_access,
    grant_access_across_owners,
    grant_access_to_source,
)
from gateway.admission import GovernedRoute, admits, admits_for_purpose, outcome_of
from gateway.audit import Entry, Outcome
from gateway.call import Call, refuse_emergency
from gateway.forwarding import FORWARDED, About, Forwarded
from gateway.problems import ServiceUnreachable
from gateway.reply import account_of, answer_of, entry_of
from gateway.subject import about_person, about_subject, require_item_known, require_shown_known
from gateway.upstream import Content, Upstream
from shared.problems import BodyTooLarge, FieldError, InvalidRequest, Problem

router = APIRouter(route_class=GovernedRoute, include_in_schema=False)

_GONE: Final = "the caller went away"
_PASSED_ON: Final = ("accept", "content-encoding", "content-type", "idempotency-key", "if-match")


def _route(forwarded: Forwarded) -> Callable[..., Awaitable[Response]]:
    admitted = (
        admits_for_purpose(*forwarded.roles, action=forwarded.action)
        if forwarded.needs_purpose
        else admits(*forwarded.roles)
    )

    async def forward(request: Request, call: Annotated[Call, Depends(admitted)]) -> Response:
        """Pass the call on and answer with the reply."""
        if forwarded.service not in request.app.state.upstreams:
            raise ServiceUnreachable
        if forwarded.is_change:
            refuse_emergency(call)
        access = await _resolved(request, call, forwarded, access=await _access(request, call, forwarded))
        content = _extract(request) if forwarded.is_stream else await request.body()
        if forwarded.is_change:
            return await _write(request, call, forwarded, access=access, content=content)
        reply = await _pass_on(request, call, forwarded, access=access, content=content)
        if forwarded.about is About.ITEM and reply.status_code == 200:
            await require_shown_known(request, call, access, shown=account_of(reply))
        entry = entry_of(reply, access=access, outcome=outcome_of(reply.status_code))
        await audit.record(request.app.state.database, call, entry)
        return answer_of(request, reply)

    return forward


for _each in FORWARDED:
    router.add_api_route(_each.path, _route(_each), methods=[_each.method], response_class=Response)


async def _access(request: Request, call: Call, forwarded: Forwarded) -> Access:
    if not forwarded.needs_purpose:
        return access_to_nobody(call)
    if forwarded.names_source:
        source = request.path_params["source"]
        return await grant_access_to_source(request, call, action=forwarded.action, source=source)
    if forwarded.spans_owners:
        return await grant_access_across_owners(request, call)
    return await grant_access(request, call, action=forwarded.action)


async def _resolved(request: Request, call: Call, forwarded: Forwarded, *, access: Access) -> Access:
    """Settle whom the call is about before it is passed on."""
    if forwarded.about is About.SUBJECT:
        return await about_subject(request, call, access, body=await request.body())
    if forwarded.about is About.PERSON:
        return await about_person(request, call, access, person_id=_id_in_path(request))
    if forwarded.about is About.ITEM and forwarded.is_change:
        kind = forwarded.path.split("/")[2]
        item_id = _id_in_path(request)
        await require_item_known(request, call, access, service=forwarded.service, kind=kind, item_id=item_id)
    return access


def _id_in_path(request: Request) -> UUID:
    ((name, value),) = request.path_params.items()
    try:
        return UUID(value)
    except ValueError:
        raise InvalidRequest(
            "Some fields are not valid.", errors=[FieldError(f"path {name}", "must be a UUID")]
        ) from None


async def _write(request: Request, call: Call, forwarded: Forwarded, *, access: Access, content: Content) -> Response:
    """Make a change between the record of its intent and that of its outcome."""
    database, owners = request.app.state.database, [call.caller.org]
    await audit.record(database, call, Entry(outcome=Outcome.INTENT, owners=owners))
    try:
        reply = await _pass_on(request, call, forwarded, access=access, content=content)
        outcome = Outcome.DONE if reply.status_code < 400 else Outcome.FAILED
        entry = entry_of(reply, access=access, outcome=outcome, owners=owners)
    except Problem as problem:
        failed = Entry(outcome=Outcome.FAILED, status=problem.status, reason=problem.type(), owners=owners)
        await audit.record_outcome(database, call, failed)
        raise
    except ClientDisconnect:
        await audit.record_outcome(database, call, Entry(outcome=Outcome.FAILED, reason=_GONE, owners=owners))
        raise
    await audit.record_outcome(database, call, entry)
    return answer_of(request, reply)


async def _pass_on(
    request: Request, call: Call, forwarded: Forwarded, *, access: Access, content: Content
) -> httpx.Response:
    upstream: Upstream = request.app.state.upstreams[forwarded.service]
    path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1").partition("?")[0]
    target = path + (f"?{request.url.query}" if request.url.query else "")
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    return await upstream.call(
        request.method, target, permit=access.permit, at=call.at, headers=headers, content=content
    )


def _extract(request: Request) -> AsyncIterator[bytes]:
    """Give the body as it comes; raise `BodyTooLarge` at once if it says so of itself, else when it is."""
    most: int = request.app.state.settings.max_load_bytes
    problem = BodyTooLarge(f"An extract holds at most {most} bytes.")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most:
        raise problem

    async def chunks() -> AsyncIterator[bytes]:
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > most:
                raise problem
            yield chunk

    return chunks()
