"""The sections of a single customer view that other services than customer-index hold, asked all at once.

A section whose service is not installed or does not answer is missing with its reason; the rest is served.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from pydantic_core import from_json

from gateway.access import Access
from gateway.audit import Shown
from gateway.call import Call
from gateway.problems import ServiceUnreachable
from gateway.reply import account_of
from gateway.schemas.people import Section
from gateway.upstream import CASE_EPISODES, REFERRALS, Upstream

NOT_INSTALLED: Final = "not-installed"
UNREACHABLE: Final = "unreachable"

Items = list[dict[str, Any]]

_HELD_BY: Final[Mapping[str, tuple[Section, ...]]] = {
    CASE_EPISODES: (Section.CONTACTS, Section.CASES, Section.ASSESSMENTS),
    REFERRALS: (Section.REFERRALS,),
}


@dataclass(frozen=True, slots=True)
class Sections:
    """What was given for a view: items by their name in it, the account of them, and what is missing and why."""

    items: Mapping[str, Items] = field(default_factory=dict)
    shown: tuple[Shown, ...] = ()
    unavailable: Mapping[Section, str] = field(default_factory=dict)


async def ask_for_sections(
    request: Request, call: Call, access: Access, *, person_id: UUID, wanted: Collection[Section]
) -> Sections:
    """Ask the services for the sections wanted of a person and those linked with it, who are named in the permit."""
    asked = [(name, [one for one in held if one in wanted]) for name, held in _HELD_BY.items()]
    found = await asyncio.gather(
        *(_ask(request, call, access, name, person_id=person_id, wanted=some) for name, some in asked if some)
    )
    return Sections(
        items={name: items for sections in found for name, items in sections.items.items()},
        shown=tuple(shown for sections in found for shown in sections.shown),
        unavailable={section: reason for sections in found for section, reason in sections.unavailable.items()},
    )


async def _ask(
    request: Request, call: Call, access: Access, name: str, *, person_id: UUID, wanted: list[Section]
) -> Sections:
    upstream: Upstream | None = request.app.state.upstreams.get(name)
    if upstream is None:
        return Sections(unavailable=dict.fromkeys(wanted, NOT_INSTALLED))
    target = f"/v1/people/{person_id}/referrals"
    if name == CASE_EPISODES:
        target = f"/v1/people/{person_id}/case-file?include={','.join(sorted(wanted))}"
    try:
        reply = await upstream.call("GET", target, permit=access.permit, at=call.at)
        if reply.status_code != 200:
            raise ServiceUnreachable
        told: dict[str, Items] = from_json(reply.content)
        shown = account_of(reply)
    except (ServiceUnreachable, ValueError):
        return Sections(unavailable=dict.fromkeys(wanted, UNREACHABLE))
    items = {Section.REFERRALS.value: told["items"]} if name == REFERRALS else told
    return Sections(items=items, shown=(shown,))
