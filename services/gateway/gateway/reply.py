"""From an inner service's reply to the caller's answer, by way of the audit.

What left is written down from the service's own account of it, which the caller never sees. A problem passes through
under this request's id.
"""

from collections import defaultdict
from collections.abc import Iterable

import httpx
from fastapi import Request, Response
from pydantic_core import from_json, to_json

from gateway.access import Access
from gateway.audit import Entry, Outcome, Shown, shown_in
from gateway.problems import ServiceUnreachable
from shared.categories import Category, Scope
from shared.permit import DISCLOSED_HEADER
from shared.web import request_id_of

_PASSED_ON = ("content-type", "etag", "location", "retry-after")


def account_of(reply: httpx.Response) -> Shown:
    """Read what left with a reply; raise `ServiceUnreachable` for an account that makes no sense."""
    try:
        return shown_in(reply.headers.get(DISCLOSED_HEADER))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ServiceUnreachable from None


def together(*accounts: Shown) -> Shown:
    """Put the accounts of several replies to one call together."""
    scopes: dict[Scope, set[str]] = defaultdict(set)
    for shown in accounts:
        for scope, categories in shown.scopes.items():
            scopes[scope].update(categories)
    return Shown(
        persons={person_id: owner for shown in accounts for person_id, owner in shown.persons.items()},
        records=[record for shown in accounts for record in shown.records],
        scopes={scope: sorted(categories) for scope, categories in scopes.items()},
    )


def clauses_behind(access: Access, shown: Shown) -> list[str]:
    """List the clauses that what was shown rests on."""
    return sorted(
        {
            access.decision.clauses[scope][Category(name)]
            for scope, categories in shown.scopes.items()
            for name in categories
            if name in access.decision.clauses.get(scope, {})
        }
    )


def entry_of(reply: httpx.Response, *, access: Access, outcome: Outcome, owners: Iterable[str] = ()) -> Entry:
    """Make the audit entry of a reply."""
    shown = account_of(reply)
    return Entry(
        outcome=outcome,
        status=reply.status_code,
        reason=reason_in(reply),
        shown=shown,
        owners=list(owners),
        clauses=clauses_behind(access, shown),
    )


def reason_in(reply: httpx.Response) -> str | None:
    """Give the problem type of a reply that is a problem."""
    if reply.status_code < 400:
        return None
    try:
        return str(from_json(reply.content)["type"])
    except (ValueError, KeyError, TypeError):
        return None


def answer_of(request: Request, reply: httpx.Response) -> Response:
    """Pass a reply on to the caller."""
    content = reply.content
    if reply.headers.get("content-type", "").startswith("application/problem+json"):
        content = to_json({**from_json(content), "request_id": request_id_of(request)})
    headers = {name: reply.headers[name] for name in _PASSED_ON if name in reply.headers}
    return Response(content, reply.status_code, headers=headers)
