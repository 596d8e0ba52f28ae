"""Routes about a person that the gateway composes."""

from typing import Annotated, Any
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic_core import from_json

from gateway import audit
from gateway.access import Access, grant_access
from gateway.admission import GovernedRoute, admits_for_purpose, outcome_of
from gateway.audit import Entry, Outcome, Shown
from gateway.call import Call
from gateway.forwarding import LOOKING
from gateway.queries.audit import list_accesses
from gateway.reply import account_of, answer_of, clauses_behind, entry_of, together
from gateway.schemas.people import AccessView, PersonView, Section, TimelineEntry
from gateway.sections import ask_for_sections
from gateway.subject import about_people
from gateway.timeline import position_of, timeline_of
from gateway.upstream import CUSTOMER_INDEX, Upstream
from gateway.view import compose, other_scopes, withheld
from shared.categories import Action, Purpose
from shared.paging import Cursor, Cursors, Limit, Page
from shared.problems import FieldError, InvalidRequest

router = APIRouter(prefix="/v1/people", tags=["people"], route_class=GovernedRoute)

Looking = Annotated[Call, Depends(admits_for_purpose(*LOOKING, action=Action.READ))]
Include = Annotated[
    str | None, Query(max_length=100, description="sections wanted, separated by commas; all if absent")
]

_ACCESS_LOG = "access-log"
_TIMELINE = "timeline"
_IN_CUSTOMER_INDEX = frozenset({Section.HOUSEHOLD})


@router.get("/{person_id}", responses={308: {"description": "merged into another person"}})
async def get_person(request: Request, call: Looking, person_id: UUID, include: Include = None) -> PersonView:
    """Give the single customer view of a person, as the caller may see it for its purpose."""
    return await _view(request, call, person_id, wanted=_sections(include))  # type: ignore[return-value]


@router.get("/{person_id}/timeline", responses={308: {"description": "merged into another person"}})
async def get_timeline(
    request: Request, call: Looking, person_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> Page[TimelineEntry]:
    """List what happened to a person, newest first, as far as the caller may see it for its purpose."""
    cursors: Cursors = request.app.state.cursors
    bound_to = (_TIMELINE, call.caller.org, call.caller.worker, str(person_id), _purpose(call))
    before = None if cursor is None else tuple(cursors.read(cursor, bound_to=bound_to))
    view = await _view(request, call, person_id, wanted=frozenset(Section) - _IN_CUSTOMER_INDEX, path="/timeline")
    if isinstance(view, Response):
        return view  # type: ignore[return-value]  # a Response passes as is
    entries = [entry for entry in timeline_of(view) if before is None or position_of(entry) < before]
    last = entries[limit - 1] if len(entries) > limit else None
    return Page(
        items=entries[:limit],
        next=None if last is None else cursors.write(position_of(last), bound_to=bound_to),
    )


@router.get("/{person_id}/access-log", responses={308: {"description": "merged into another person"}})
async def get_access_log(
    request: Request, call: Looking, person_id: UUID, limit: Limit = 50, cursor: Cursor = None
) -> Page[AccessView]:
    """List who looked at a person's records, those of persons merged into it too, as the resident may be told."""
    cursors: Cursors = request.app.state.cursors
    bound_to = (_ACCESS_LOG, call.caller.org, call.caller.worker, str(person_id))
    before = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    access = await grant_access(request, call, action=Action.READ)
    call.action = _ACCESS_LOG
    reply = await _ask(request, call, access, target=f"/v1/people/{person_id}/known")
    if reply.status_code != 200:
        return await _passed_on(request, call, access, reply)  # type: ignore[return-value]  # a Response passes as is
    known: dict[str, Any] = from_json(reply.content)
    if known["survivor"] is not None:
        await audit.record(request.app.state.database, call, Entry(outcome=Outcome.ALLOWED, status=308))
        return RedirectResponse(f"/v1/people/{known['survivor']}/access-log", 308)  # type: ignore[return-value]
    ids = [person_id, *map(UUID, known["formerly"])]
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        rows = await list_accesses(tx, ids, org=call.caller.org, limit=limit + 1, before=before)
    shown = Shown(persons={person_id: known["owner"]})
    await audit.record(request.app.state.database, call, Entry(outcome=Outcome.ALLOWED, status=200, shown=shown))
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_access_view(row) for row in rows[:limit]],
        next=None if last is None else cursors.write(last["sequence"], bound_to=bound_to),
    )


async def _view(
    request: Request, call: Call, person_id: UUID, *, wanted: frozenset[Section], path: str = ""
) -> PersonView | Response:
    """Compose a view and account for it, or pass on why there is none; `path` follows the id of a survivor."""
    access = await grant_access(request, call, action=Action.READ)
    asked = ",".join(sorted(wanted & _IN_CUSTOMER_INDEX))
    reply = await _ask(request, call, access, target=f"/v1/people/{person_id}?include={asked}")
    if reply.status_code != 200:
        return await _passed_on(request, call, access, reply, path=path)
    person: dict[str, Any] = from_json(reply.content)
    sections = await ask_for_sections(
        request, call, about_people(access, person), person_id=UUID(person["person_id"]), wanted=wanted
    )
    shown = together(account_of(reply), *sections.shown)
    scopes = other_scopes(person["records"], org=call.caller.org)
    clauses = clauses_behind(access, shown)
    view = compose(
        person,
        as_seen_by=call.caller.org,
        purpose=_purpose(call),
        decision_id=call.txn,
        kept_back=withheld(
            denial
            for scope in scopes
            for denial in call.snapshot.explain(call.caller, purpose=_purpose(call), at=call.at, scope=scope)
            if denial.category not in access.decision.grants.get(scope, {})  # an emergency may have opened it
        ),
        clauses=clauses,
        sections=sections.items,
        unavailable=sections.unavailable,
    )
    await audit.record(
        request.app.state.database,
        call,
        Entry(outcome=Outcome.ALLOWED, status=200, shown=shown, clauses=clauses),
    )
    return view


def _sections(include: str | None) -> frozenset[Section]:
    if include is None:
        return frozenset(Section)
    named = {part.strip() for part in include.split(",")} - {""}
    if not named <= set(Section):
        raise InvalidRequest(
            "Some fields are not valid.", errors=[FieldError("?include", f"must be some of {', '.join(Section)}")]
        )
    return frozenset(Section(name) for name in named)


async def _ask(request: Request, call: Call, access: Access, *, target: str) -> httpx.Response:
    upstream: Upstream = request.app.state.upstreams[CUSTOMER_INDEX]
    return await upstream.call("GET", target, permit=access.permit, at=call.at)


async def _passed_on(
    request: Request, call: Call, access: Access, reply: httpx.Response, *, path: str = ""
) -> Response:
    """Answer with a reply that shows nothing of the person: a problem, or the way to the survivor of a merge."""
    entry = entry_of(reply, access=access, outcome=outcome_of(reply.status_code))
    await audit.record(request.app.state.database, call, entry)
    answer = answer_of(request, reply)
    if "location" in answer.headers:
        query = request.url.query
        answer.headers["location"] += path + (f"?{query}" if query else "")
    return answer


def _purpose(call: Call) -> Purpose:
    assert call.purpose is not None  # noqa: S101  the route admits no call without one
    return call.purpose


def _access_view(row: Any) -> AccessView:
    return AccessView(
        at=row["at"],
        organisation=row["organisation"],
        acting_for=row["acting_for"],
        role=", ".join(row["roles"]),
        purpose=row["purpose"],
        action=row["action"],
        categories=sorted({category for told in row["scopes"].values() for category in told}),
        emergency=row["emergency"] is not None,
        reason=row["emergency"] or row["reason"],
    )
