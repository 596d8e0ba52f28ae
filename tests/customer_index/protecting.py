"""Stewards who protect people, and callers who are cleared or not."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from shared.categories import AREA_CLASS, Action, Category, Form, Protection
from shared.permit import Permit
from tests.builders import ORDINARY_AREAS, a_permit, granting, linking
from tests.customer_index.conftest import Index

CLEARED = tuple(Protection)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MAY_DIFFER = {"date", "x-request-id", "traceparent"}


def clearance(org: str, *schemes: Protection) -> tuple[str, ...]:
    """Write that a call is cleared for some schemes of an organisation, for all unless they are named."""
    return tuple(f"{org}/{scheme}" for scheme in schemes or CLEARED)


def steward(org: str = "lbhf", **changes: Any) -> Permit:
    """Permit a steward to decide about the organisation's own people."""
    existing = {Category.EXISTENCE: Form.VALUE, Category.IDENTITY: Form.VALUE}
    grants = granting(*(f"{org}/{area}" for area in AREA_CLASS), categories=existing)
    return a_permit(
        org,
        **{"action": Action.STEWARD, "roles": ("steward",), "grants": grants, "cleared": clearance(org)} | changes,
    )


def caller(org: str = "lbhf", *others: str, **changes: Any) -> Permit:
    """Permit a worker who is cleared for nothing to see all of some owners, and their links."""
    owners = sorted({org, *others})
    pairs = tuple(linking(one, two) for place, one in enumerate(owners) for two in owners[place + 1 :])
    grants = granting(*(f"{owner}/{area}" for owner in owners for area in ORDINARY_AREAS))
    return a_permit(org, **{"grants": grants, "linkages": pairs} | changes)


def searcher(org: str = "lbhf", *others: str, **changes: Any) -> Permit:
    """Permit the same worker to search."""
    return caller(org, *others, action=Action.SEARCH, **changes)


async def protect(
    index: Index, person_id: str, scheme: str = "refuge", *, org: str = "lbhf", **terms: Any
) -> dict[str, Any]:
    """Protect a person and give the answer."""
    path = f"/v1/people/{person_id}/protection"
    answer = await index.call("PUT", path, steward(org), json={"scheme": scheme} | terms)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def unprotect(index: Index, person_id: str, *, org: str = "lbhf", query: str = "") -> None:
    """Lift what protects a person."""
    answer = await index.call("DELETE", f"/v1/people/{person_id}/protection{query}", steward(org))
    assert answer.status_code == 204, answer.text


async def view(index: Index, person_id: str, permit: Permit) -> dict[str, Any]:
    """Give the view of a person."""
    answer = await index.call("GET", f"/v1/people/{person_id}", permit)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def found(index: Index, wanted: Mapping[str, Any], permit: Permit) -> list[str]:
    """Give the persons a search finds."""
    answer = await index.call("POST", "/v1/people/search", permit, json=wanted)
    assert answer.status_code == 200, answer.text
    return [one["person_id"] for one in answer.json()["items"]]


def alike(answers: Sequence[httpx.Response]) -> list[str]:
    """Write answers down as outsiders compare them: every header and byte, with ids named by order of appearance."""
    names: dict[str, str] = {}
    written = []
    for answer in answers:
        headers = sorted((name, value) for name, value in answer.headers.items() if name not in _MAY_DIFFER)
        said = f"{answer.status_code}\n{headers}\n{answer.text}".replace(answer.headers["X-Request-Id"], "request")
        written.append(_UUID.sub(lambda one: names.setdefault(one[0], f"id-{len(names)}"), said))
    return written
