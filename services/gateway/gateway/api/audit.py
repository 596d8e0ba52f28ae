"""The route of the audit."""

import re
from datetime import UTC, datetime, time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BeforeValidator

from gateway.admission import GovernedRoute, admits
from gateway.call import Call
from gateway.queries.audit import AuditFilter, list_audit
from gateway.schemas.audit import AuditView
from shared.categories import Role
from shared.paging import Cursor, Cursors, Limit, Page
from shared.problems import FieldError, InvalidRequest
from shared.wire import Text

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=GovernedRoute)


def _with_its_day(bound: object) -> object:
    """Refuse what would be read as seconds since 1970."""
    if isinstance(bound, str) and re.match(r"\d{4}-\d\d-\d\d", bound):
        return bound
    raise ValueError("must be an ISO date or an RFC 3339 time")


Overseer = Annotated[Call, Depends(admits(Role.IG_LEAD))]
Bound = Annotated[datetime, BeforeValidator(_with_its_day)]
From = Annotated[Bound | None, Query(alias="from", description="not before; a day begins at midnight UTC")]
To = Annotated[Bound | None, Query(alias="to", description="before; a day begins at midnight UTC")]
Subject = Annotated[Text | None, Query(max_length=200, description="a worker of the caller's organisation")]
Owner = Annotated[Text | None, Query(max_length=63, description="an owner of what was shown")]


@router.get("")
async def get_audit(
    request: Request,
    call: Overseer,
    from_: From = None,
    to: To = None,
    subject: Subject = None,
    owner: Owner = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditView]:
    """List the calls of one's own workers and every access to data one's organisation owns, newest first."""
    since, until = moment_of("from", from_), moment_of("to", to)
    call.action = "audit"
    cursors: Cursors = request.app.state.cursors
    bound_to = ("audit", call.caller.org, call.caller.subject, str(from_), str(to), str(subject), str(owner))
    before = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    wanted = AuditFilter(since=since, until=until, subject=subject, owner=owner)
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        rows = await list_audit(tx, wanted, org=call.caller.org, limit=limit + 1, before=before)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[_view(row) for row in rows[:limit]],
        next=None if last is None else cursors.write(last["sequence"], bound_to=bound_to),
    )


def moment_of(name: str, bound: datetime | None) -> datetime | None:
    """Read a bound; a day alone arrives as its midnight without a zone."""
    if bound is None:
        return None
    if bound.tzinfo is not None:
        return _in_utc(name, bound)
    if bound.time() != time():
        raise InvalidRequest("Some fields are not valid.", errors=[FieldError(f"?{name}", "must carry a time zone")])
    return bound.replace(tzinfo=UTC)


def _in_utc(name: str, bound: datetime) -> datetime:
    try:
        return bound.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            "Some fields are not valid.", errors=[FieldError(f"?{name}", "must be in the years 1 to 9999")]
        ) from None


def _view(row: Any) -> AuditView:
    return AuditView(**{name: row[name] for name in AuditView.model_fields})
