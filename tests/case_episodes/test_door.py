"""The door: without a permit for this very request, nobody gets anything and nothing changes.

Every kind of forgery is tried where permits are tested; here every route is tried with some.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Action
from shared.permit import HEADER, Permit, PermitMint, fingerprint
from shared.web import OPEN_ROUTES
from tests.builders import AT, MINT, a_permit
from tests.case_episodes.conftest import MEALS, Episodes, a_case, a_contact, an_assessment, somebody, writing
from tests.customer_index import behind

STRANGER = PermitMint(OKPKey.generate_key("Ed25519", parameters={"kid": "test"}).as_dict(private=True))
BODIES: dict[str, Any] = {
    "/v1/contacts": a_contact(),
    "/v1/cases": a_case(),
    "/v1/cases/{case_id}": {"handled_by": "jo"},
    "/v1/cases/{case_id}/transitions": {"to": "in-progress"},
    "/v1/cases/{case_id}/notes": {"text": "Called back."},
    "/v1/episodes/{episode_id}/transitions": {"to": "dormant"},
    "/v1/assessments": an_assessment(),
    "/v1/assessments/{assessment_id}/transitions": {"to": "eligible"},
    "/v1/assessments/{assessment_id}/reuse": {"decision": "accepted", "for_lgsl": MEALS},
}


def guarded(app: Any) -> Iterator[tuple[str, str, Action]]:
    """List method, path template and action of every route that is not open to all."""
    for route in iter_route_contexts(app.routes):
        if route.path is not None and route.path not in OPEN_ROUTES:
            (actions,) = [
                found.call.actions for found in route.dependant.dependencies if hasattr(found.call, "actions")
            ]
            for method in sorted(route.methods or ()):
                yield method, route.path, actions[0]


@pytest.fixture
async def placed(episodes: Episodes) -> dict[str, Any]:
    """Somebody with a case and an assessment, and what the paths need to name them."""
    ada = somebody()
    opened = await episodes.open(ada)
    assessed = await episodes.call("POST", "/v1/assessments", writing(about=(ada,)), json=an_assessment())
    return {
        "anchor": ada,
        "person_id": ada.person_id,
        "case_id": opened["case_id"],
        "episode_id": opened["episode_id"],
        "assessment_id": assessed.json()["assessment_id"],
        "kind": "cases",
        "item_id": opened["case_id"],
    }


def tokens(permit: Permit, method: str, path: str) -> dict[str, str | None]:
    """Make permits that are none for this request."""
    right: dict[str, Any] = {"audience": "case-episodes", "request": fingerprint(method, path), "at": AT}
    other_action = a_permit("lbhf", action=Action.STEWARD, about=permit.about)
    token = MINT.mint(permit, **right)
    return {
        "none": None,
        "another service's": MINT.mint(permit, **{**right, "audience": "customer-index"}),
        "an expired one": MINT.mint(permit, **{**right, "at": AT - timedelta(seconds=60)}),
        "another path's": MINT.mint(permit, **{**right, "request": fingerprint(method, path + "x")}),
        "another method's": MINT.mint(permit, **{**right, "request": fingerprint("PUT", path)}),
        "another action's": MINT.mint(other_action, **right),
        "a stranger's": STRANGER.mint(permit, **right),
        "an altered one": token[:-6] + ("aaaaaa" if token[-6:] != "aaaaaa" else "bbbbbb"),
    }


async def test_every_route_refuses_what_is_no_permit_for_it(
    episodes: Episodes, placed: dict[str, Any], admins: dict[str, AsyncEngine]
) -> None:
    before = await behind.contents(admins["case_episodes"])
    routes = list(guarded(episodes.app))
    assert len(routes) >= 17

    for method, template, action in routes:
        path = template.format(**placed)
        permit = a_permit("lbhf", action=action, about=(placed["anchor"],))
        for which, token in tokens(permit, method, path).items():
            headers = {} if token is None else {HEADER: token}
            answer = await episodes.client.request(method, path, headers=headers, json=BODIES.get(template))

            assert answer.status_code == 401, f"{method} {template} took {which}"
            assert answer.json()["type"] == "/problems/permit-refused"
    assert await behind.contents(admins["case_episodes"]) == before


async def test_every_route_lets_in_the_permit_made_for_it(episodes: Episodes, placed: dict[str, Any]) -> None:
    for method, template, action in guarded(episodes.app):
        path = template.format(**placed)
        permit = a_permit("lbhf", action=action, about=(placed["anchor"],))
        body = {"cases": [placed["case_id"]]} if template.endswith("/regroup") else BODIES.get(template)

        answer = await episodes.call(method, path, permit, json=body, headers={"If-Match": "*"})

        assert answer.status_code in (200, 201), f"{method} {template}: {answer.text}"


async def test_health_and_metrics_are_open_and_name_nobody(episodes: Episodes, placed: dict[str, Any]) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        answer = await episodes.client.get(path)

        assert answer.status_code == 200
        assert str(placed["person_id"]) not in answer.text
