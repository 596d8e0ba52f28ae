"""The door of an inner service: no valid permit for this very request and action, no answer.

Also in this room: the account of what left, which the gateway writes into its audit before it answers.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Request, Response
from prometheus_client import Counter
from pydantic_core import to_json

from shared.categories import Action, Category, Scope
from shared.openapi import with_problems
from shared.permit import HEADER, Permit, PermitGate, fingerprint
from shared.problems import PermitFailure, PermitRefused
from shared.web import render, request_id_of

describe_permitted: Final = partial(
    with_problems, always=(PermitRefused,), proof={"permit": {"type": "apiKey", "in": "header", "name": HEADER}}
)
"""Describes a service that answers to permits only."""


def permitted(*actions: Action) -> Callable[..., Awaitable[Permit]]:
    """Make a dependency that gives the call's permit, for one of these actions only."""

    async def permit(
        request: Request, token: Annotated[str | None, Header(alias=HEADER, include_in_schema=False)] = None
    ) -> Permit:
        gate: PermitGate = request.app.state.permit_gate
        path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
        target = path.partition("?")[0] + (f"?{request.url.query}" if request.url.query else "")
        verified = gate.verify(token, request=fingerprint(request.method, target), at=request.app.state.clock())
        if verified.action not in actions:
            raise PermitRefused(PermitFailure.OTHER_ACTION)
        return verified

    permit.actions = actions  # type: ignore[attr-defined]  # read by the house rules
    return permit


def count_refused(app: FastAPI) -> None:
    """Have an inner service count the permits it refuses, at its door or behind it, by the reason."""
    refused = Counter("scv_permit_failures", "Permits refused", ["reason"], registry=app.state.registry)
    for failure in PermitFailure:
        refused.labels(failure)

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, PermitRefused)  # noqa: S101  registered for PermitRefused only
        refused.labels(error.failure).inc()
        return render(error, request_id_of(request))

    app.add_exception_handler(PermitRefused, refuse)


async def now(request: Request) -> datetime:
    """Give the time of the call by the service's clock."""
    at: datetime = request.app.state.clock()
    return at


Now = Annotated[datetime, Depends(now)]


class Disclosed:
    """What left with an answer: scopes with their categories, records with their versions, persons."""

    def __init__(self) -> None:
        self._scopes: dict[Scope, set[Category]] = {}
        self._records: dict[UUID, str] = {}
        self._persons: dict[UUID, str] = {}

    def note(
        self,
        *,
        person_id: UUID | None,
        owner: str,
        record_id: UUID,
        version: int,
        scope: Scope,
        categories: Iterable[Category],
    ) -> None:
        """Note that some categories of a record left; `person_id` is None where nobody is known to be behind it."""
        self._scopes.setdefault(scope, set()).update(categories)
        self._records[record_id] = f"{owner}/{record_id}@{version}"
        if person_id is not None:
            self._persons[person_id] = owner

    def header(self) -> str:
        """Render for the `SCV-Disclosed` header, as JSON; a record is `owner/record_id@version`."""
        return to_json(
            {
                "scopes": {scope: sorted(categories) for scope, categories in self._scopes.items()},
                "records": list(self._records.values()),
                "persons": {str(person_id): owner for person_id, owner in self._persons.items()},
            }
        ).decode()
