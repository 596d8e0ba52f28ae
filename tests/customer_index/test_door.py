"""The door: without a permit for this very request, nobody gets anything and nothing changes."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Action
from shared.permit import HEADER, PermitMint, fingerprint
from shared.web import OPEN_ROUTES
from tests.builders import AT, MINT, PERMIT_KEY, a_permit, a_record, facts, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index

Forge = Callable[[str, str, Action], str | None]


def guarded(app: Any) -> Iterator[tuple[str, str, Action]]:
    """List method, path template and action of every route that is not open to all."""
    for route in iter_route_contexts(app.routes):
        if route.path is not None and route.path not in OPEN_ROUTES:
            (actions,) = [
                found.call.actions for found in route.dependant.dependencies if hasattr(found.call, "actions")
            ]
            for method in sorted(route.methods or ()):
                yield method, route.path, actions[0]


def permit_for(action: Action) -> Any:
    """Make a permit that a route of this action would let in."""
    return write_permit("lbhf") if action is Action.WRITE else a_permit("lbhf", action=action, source=facts("crm"))


def minted(method: str, path: str, action: Action, **changes: Any) -> str:
    asked: dict[str, Any] = {"audience": "customer-index", "request": fingerprint(method, path), "at": AT} | changes
    return MINT.mint(permit_for(action), **asked)


def altered(method: str, path: str, action: Action) -> str:
    """Turn the permit into one of another organisation, under the signature it had."""
    header, payload, signature = minted(method, path, action).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["org"] = "wcc"
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def with_another_signature(method: str, path: str, action: Action) -> str:
    head, signature = minted(method, path, action).rsplit(".", 1)
    turned = bytearray(base64.urlsafe_b64decode(signature + "=="))
    turned[7] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(bytes(turned)).decode().rstrip('=')}"


def unsigned(method: str, path: str, action: Action) -> str:
    payload = minted(method, path, action).split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"scv-permit+jwt"}').decode().rstrip("=")
    return f"{header}.{payload}."


def of_another_key(method: str, path: str, action: Action) -> str:
    stranger = OKPKey.generate_key("Ed25519", parameters={"kid": "test"})
    mint = PermitMint(stranger.as_dict(private=True))
    return mint.mint(permit_for(action), audience="customer-index", request=fingerprint(method, path), at=AT)


def of_another_kind(method: str, path: str, action: Action) -> str:
    """Sign the right claims with the right key as something that is not a permit."""
    payload = minted(method, path, action).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return jwt.encode({"alg": "Ed25519", "typ": "JWT", "kid": "test"}, claims, PERMIT_KEY, algorithms=["Ed25519"])


FORGERIES: dict[str, Forge] = {
    "no permit": lambda *_: None,
    "an empty one": lambda *_: "",
    "something else": lambda *_: "Bearer x.y.z",
    "one for another service": lambda *of: minted(*of, audience="referrals"),
    "an expired one": lambda *of: minted(*of, at=AT - timedelta(seconds=60)),
    "one from the future": lambda *of: minted(*of, at=AT + timedelta(seconds=30)),
    "one for another path": lambda method, path, action: minted(
        method, path, action, request=fingerprint(method, path + "x")
    ),
    "one for another query": lambda method, path, action: minted(
        method, path, action, request=fingerprint(method, path + "?include=household")
    ),
    "one for another method": lambda method, path, action: minted(
        method, path, action, request=fingerprint("PATCH", path)
    ),
    "one for another action": lambda method, path, action: minted(
        method, path, next(one for one in Action if one is not action)
    ),
    "an altered one": altered,
    "one with an altered signature": with_another_signature,
    "an unsigned one": unsigned,
    "one of another key": of_another_key,
    "one of another kind of token": of_another_kind,
}


@pytest.fixture
async def asserted(index: Index) -> dict[str, str]:
    """A record that the routes under test could give or take away, and what their paths need to name it."""
    answer = await index.call("PUT", "/v1/sources/crm/records/c-1", write_permit("lbhf"), json=a_record())
    return {
        "source": "crm",
        "local_id": "c-1",
        "person_id": answer.json()["person_id"],
        "load_id": str(uuid4()),
        "review_id": str(uuid4()),
        "stewardship_id": str(uuid4()),
    }


async def knock(index: Index, method: str, path: str, token: str | None) -> Any:
    headers = {} if token is None else {HEADER: token}
    if path.endswith("/loads"):
        headers["Content-Type"] = "application/x-ndjson"
        return await index.client.request(
            method, path, headers=headers, content=b'{"local_id":"l","family_name":"Ash"}'
        )
    bodies: dict[str, Any] = {"PUT": a_record(family_name="Newname"), "POST": {"postcode": "W6 9ZZ"}}
    return await index.client.request(method, path, headers=headers, json=bodies.get(method))


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_every_route_refuses(
    forgery: str, index: Index, asserted: dict[str, str], admins: dict[str, AsyncEngine]
) -> None:
    before = await behind.contents(admins["customer_index"])
    routes = list(guarded(index.app))
    assert len(routes) >= 10

    for method, template, action in routes:
        path = template.format(**asserted)
        answer = await knock(index, method, path, FORGERIES[forgery](method, path, action))

        assert answer.status_code == 401, f"{method} {template}"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/permit-refused"
        assert answer.json()["detail"] == "", "a refusal does not say what was wrong with the permit"
    assert await behind.contents(admins["customer_index"]) == before


async def test_every_route_lets_in_the_permit_made_for_it(index: Index, asserted: dict[str, str]) -> None:
    for method, template, action in sorted(guarded(index.app), key=lambda route: route[0] == "DELETE"):
        path = template.format(**asserted)
        answer = await knock(index, method, path, minted(method, path, action))

        assert answer.status_code != 401, answer.text
        assert answer.status_code < 500, answer.text


async def test_a_permit_for_another_source_writes_nothing(index: Index, admins: dict[str, AsyncEngine]) -> None:
    record = "/v1/sources/housing/records/h-1"
    before = await behind.contents(admins["customer_index"])

    answers = [
        await index.call("PUT", record, write_permit("lbhf", "crm"), json=a_record()),
        await index.call("DELETE", record, write_permit("lbhf", "crm")),
        await index.call("PUT", record, a_permit("lbhf", action=Action.WRITE), json=a_record()),
        await index.call("PUT", record, replace(write_permit("lbhf", "housing"), grants={}), json=a_record()),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert await behind.contents(admins["customer_index"]) == before


async def test_health_and_metrics_are_open_and_name_nobody(index: Index, asserted: dict[str, str]) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        answer = await index.client.get(path)

        assert answer.status_code == 200
        assert asserted["person_id"] not in answer.text
        assert "c-1" not in answer.text
