"""The door of referrals: without a permit for this very request nobody gets anything; the directory is open."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts
from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Action
from shared.permit import HEADER, Permit, PermitMint, fingerprint
from shared.web import OPEN_ROUTES
from tests.builders import AT, MINT, a_permit
from tests.customer_index import behind
from tests.referrals.conftest import CLAUSE, Desk, an_anchor

OPEN = {"/v1/services", "/v1/services/{service_id}", "/v1/service_at_locations", "/v1/taxonomies", "/v1/taxonomy_terms"}
BODIES: dict[str, Any] = {
    "/v1/organisations/{org}/services/{service_id}": {"name": "Another"},
    "/v1/referrals/preview": {"service_id": str(uuid4())},
    "/v1/referrals/{referral_id}/transitions": {"action": "enter-in-error"},
    "/v1/referrals": {
        "service_id": str(uuid4()), "need": "n", "urgency": "soon", "clauses": [CLAUSE], "payload": [],
        "fingerprint": "0" * 64,
    },
}  # fmt: skip


def guarded(app: Any) -> Iterator[tuple[str, str, Action]]:
    """List method, path template and action of every route that is not open to all."""
    for route in iter_route_contexts(app.routes):
        if route.path not in OPEN_ROUTES | OPEN:
            (actions,) = [
                found.call.actions for found in route.dependant.dependencies if hasattr(found.call, "actions")
            ]
            for method in sorted(route.methods or ()):
                yield method, route.path or "", actions[0]


def a_permit_for(action: Action) -> Permit:
    return a_permit("lbhf", action=action, about=(an_anchor(),), purpose="referral")


def minted(method: str, path: str, action: Action, **changes: Any) -> str:
    asked: dict[str, Any] = {"audience": "referrals", "request": fingerprint(method, path), "at": AT} | changes
    return MINT.mint(a_permit_for(action), **asked)


def of_another_key(method: str, path: str, action: Action) -> str:
    stranger = PermitMint(OKPKey.generate_key("Ed25519", parameters={"kid": "test"}).as_dict(private=True))
    return stranger.mint(a_permit_for(action), audience="referrals", request=fingerprint(method, path), at=AT)


FORGERIES: dict[str, Any] = {
    "no permit": lambda *_: None,
    "one for another service": lambda *call: minted(*call, audience="customer-index"),
    "one for another path": lambda method, path, action: minted(
        method, path, action, request=fingerprint(method, path + "x")
    ),
    "one for another method": lambda method, path, action: minted(
        method, path, action, request=fingerprint("PATCH", path)
    ),
    "one for another action": lambda method, path, action: minted(
        method, path, next(one for one in Action if one is not action)
    ),
    "one of yesterday": lambda *call: minted(*call, at=AT.replace(day=AT.day + 1)),
    "one of another key": of_another_key,
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_every_route_of_referrals_refuses(forgery: str, desk: Desk, admins: dict[str, AsyncEngine]) -> None:
    referral = await desk.refer()
    before = await behind.contents(admins["referrals"])
    routes = list(guarded(desk.app))
    assert len(routes) == 9

    for method, template, action in routes:
        path = template.format(
            org="lbhf", service_id=desk.service_id, referral_id=referral, person_id=an_anchor().person_id
        )
        token = FORGERIES[forgery](method, path, action)
        headers = {} if token is None else {HEADER: token}
        answer = await desk.client.request(method, path, headers=headers, json=BODIES.get(template))

        assert answer.status_code == 401, f"{method} {template}"
        assert answer.json()["type"] == "/problems/permit-refused"
        assert answer.json()["detail"] == ""
    assert await behind.contents(admins["referrals"]) == before


async def test_a_permit_about_nobody_or_about_anothers_record_makes_no_referral(desk: Desk) -> None:
    for anchor in (
        an_anchor(owner="wcc", scope="wcc/housing"),
        an_anchor(scope="lbhf/adult-social-care"),
        an_anchor(record_id=None),
    ):
        refused = await desk.ask_to_refer(about=anchor)

        assert refused.status_code == 401


async def test_the_directory_and_health_are_open_and_name_nobody(desk: Desk) -> None:
    referral = await desk.refer()
    for path in (*(path.format(service_id=desk.service_id) for path in sorted(OPEN)), "/livez", "/readyz", "/metrics"):
        answer = await desk.client.get(path)

        assert answer.status_code == 200
        assert referral not in answer.text
