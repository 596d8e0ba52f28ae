"""The calls of a period replayed against changed rules, for the routes that tell what a change would do.

In this room: fetching the calls that the caller's organisation may know of, and the answer. Not in this room: the
routes (`policies`, `agreements`), and what differs (`impact`).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from fastapi import Request

from gateway.api.audit import moment_of
from gateway.call import Call
from gateway.governance import Governance
from gateway.impact import PastCall, differences
from gateway.queries.audit import list_kinds_of_calls
from gateway.register import Register
from gateway.schemas.impact import DifferenceView, ImpactView
from gateway.standing import Caller
from shared.categories import Action, Purpose, Role

_NEWEST: Final = 20_000
_MOST_KINDS: Final = 500
_MOST_TOLD: Final = 500
"""How many calls are looked at, how many kinds of them decided anew, and how many differences listed."""


async def replay(
    request: Request, call: Call, after: Governance, *, from_: datetime | None, to: datetime | None
) -> ImpactView:
    """Decide the calls of a period under the rules in force and under `after`, and list what differs."""
    call.action = "explain"
    org = call.caller.org
    since, until = moment_of("from", from_), moment_of("to", to)
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        rows = await list_kinds_of_calls(tx, since=since, until=until, newest=_NEWEST, most=_MOST_KINDS)
    calls = [await _past_call(request, call, row) for row in rows]
    # Hundreds of decisions, made beside the calls that others wait for.
    found = await asyncio.to_thread(differences, call.snapshot.governance, after, org=org, calls=calls)
    replayed = sum(past.times for past in calls)
    return ImpactView(
        replayed=replayed,
        complete=len(rows) < _MOST_KINDS and replayed < _NEWEST and len(found) <= _MOST_TOLD,
        items=[DifferenceView(**asdict(one)) for one in found[:_MOST_TOLD]],
    )


async def _past_call(request: Request, call: Call, row: Mapping[str, Any]) -> PastCall:
    """Give a call as it would be made now, in the roles in which it was made."""
    register: Register = request.app.state.register
    org = row["acting_for"] or row["organisation"]
    standing = await register.standing(call.snapshot, org=row["organisation"], subject=row["subject"])
    roles = frozenset(map(Role, row["roles"]))
    caller = Caller(
        org=org,
        org_kind=call.snapshot.organisations[org],
        subject=row["subject"],
        roles=roles,
        standing=replace(standing, roles=roles),
        employer=None if row["acting_for"] is None else row["organisation"],
    )
    return PastCall(
        caller=caller,
        purpose=Purpose(row["purpose"]),
        action=Action(row["action"]),
        emergency=row["emergency"],
        at=row["at"],
        times=row["times"],
    )
