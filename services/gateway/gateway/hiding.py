"""Who does not exist for a worker, as far as one call could come upon them.

In this room: asking customer-index which records belong to the people that exclusions name, and to those linked with
them. Not in this room: who asks (`access`, which makes no permit without it) and entering exclusions
(`api.exclusions`).
"""

from collections import defaultdict
from dataclasses import replace
from uuid import UUID

from fastapi import Request
from pydantic_core import from_json, to_json

from gateway.call import Call
from gateway.clearance import cleared_for_all
from gateway.problems import ServiceUnreachable
from gateway.standing import Exclusion
from gateway.upstream import CUSTOMER_INDEX, Upstream
from shared.categories import Action
from shared.permit import Permit


async def find_hidden(request: Request, call: Call, *, looking: Permit) -> tuple[UUID, ...]:
    """Give the records of people who do not exist for the caller.

    `looking` is a permit for all that the caller could look at for this purpose, so that no link is followed that it
    could not see. Raises `ServiceUnreachable` if it cannot be told.
    """
    of_org: dict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in call.caller.exclusions:
        of_org[exclusion.org].append(exclusion)
    hidden: set[UUID] = set()
    for org, exclusions in of_org.items():
        permit = replace(looking, org=org, action=Action.READ, cleared=cleared_for_all(org))
        hidden |= await _records(request, call, permit, exclusions)
    return tuple(sorted(hidden))


async def _records(request: Request, call: Call, permit: Permit, exclusions: list[Exclusion]) -> set[UUID]:
    index: Upstream = request.app.state.upstreams[CUSTOMER_INDEX]
    named = [{"source": one.source, "local_id": one.local_id, "person_id": one.person_id} for one in exclusions]
    reply = await index.call(
        "POST",
        "/v1/hidden",
        permit=permit,
        at=call.at,
        headers={"Content-Type": "application/json"},
        content=to_json({"records": named}),
    )
    if reply.status_code != 200:
        raise ServiceUnreachable
    try:
        return {UUID(record_id) for record_id in from_json(reply.content)["records"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ServiceUnreachable from None
