"""Who is let in: tokens, roles, purposes and limits, on every route."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.api import routers
from gateway.api.directory import OPEN
from gateway.problems import NotAuthenticated
from shared.identity import TokenRefused, TokenVerifier, TrustedIssuer
from single_node.postgres import Server
from tests.builders import AT
from tests.gateway.conftest import serving
from tests.gateway.platform import AUDIENCE, Platform, StandIn, a_token, found, issuer_of, registration


def governed_routes() -> list[tuple[str, str]]:
    """List method and a path of every route of the gateway's routers but the directory, which is open to all."""
    sample = str(uuid4())
    return [
        (method, re.sub(r"\{[^}]+\}", sample, route.path))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.path not in OPEN
        for method in sorted(route.methods or ())
    ]


async def test_no_route_answers_without_a_token_or_with_one_of_a_stranger(platform: Platform) -> None:
    stranger = {"Authorization": f"Bearer {a_token('stranger', 'eve', ['ig-lead'], at=AT)}"}
    routes = governed_routes()

    for method, path in routes:
        for headers in ({}, stranger):
            refused = await platform.client.request(method, path, headers=headers, content=b"{not json")
            assert refused.status_code == 401, (method, path)
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert refused.json()["detail"] == NotAuthenticated.advice()
    assert len(routes) > 25
    assert platform.behind.permits == []


async def test_no_route_answers_a_caller_without_any_role(platform: Platform) -> None:
    for method, path in governed_routes():
        refused = await platform.call(method, path, "lbhf/nobody/ig-lead", purpose="housing", json={})
        assert refused.status_code in (403, 422), (method, path)
    assert platform.behind.permits == []


async def test_the_operator_sees_no_personal_data(platform: Platform) -> None:
    for path in (f"/v1/people/{uuid4()}", f"/v1/people/{uuid4()}/household", f"/v1/people/{uuid4()}/access-log"):
        refused = await platform.call("GET", path, "platform/root/operator", purpose="customer-service")
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-not-permitted")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int((AT - timedelta(minutes=1)).timestamp())},
        {"exp": None},
        {"exp": "tomorrow"},
        {"aud": "another-product"},
        {"aud": None},
        {"nbf": int((AT + timedelta(minutes=1)).timestamp())},
        {"iat": int((AT + timedelta(minutes=1)).timestamp())},
        {"sub": None},
        {"sub": ""},
        {"roles": "ig-lead"},
        {"iss": issuer_of("wcc")},
        {"header": {"typ": ""}},
        {"header": {"typ": "id_token+jwt"}},
        {"header": {"kid": "unknown"}},
    ],
    ids=str,
)
async def test_a_token_that_proves_nothing_is_refused(changes: dict[str, Any]) -> None:
    token = a_token("lbhf", "ada", ["caseworker"], at=AT, **changes)

    with pytest.raises(TokenRefused):
        await verified(token)


async def test_a_good_token_proves_its_subject() -> None:
    identity = await verified(a_token("lbhf", "ada", ["caseworker", "king"], at=AT))

    assert (identity.issuer, identity.subject) == (issuer_of("lbhf"), "ada")
    assert identity.roles == {"caseworker", "king"}


async def test_a_secret_made_of_the_public_key_signs_nothing() -> None:
    public = to_json(registration("lbhf")["jwks"]["keys"][0])
    claims = {"iss": issuer_of("lbhf"), "aud": AUDIENCE, "sub": "eve", "exp": int(AT.timestamp()) + 60}
    forged = jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(public), algorithms=["HS256"])
    unsigned = forged.replace(forged.split(".")[0], "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0").rpartition(".")[0] + "."

    for token in (forged, unsigned, "a.b.c", "", "x" * 9000):
        with pytest.raises(TokenRefused):
            await verified(token)


async def test_fetched_keys_are_asked_for_again_once_and_not_too_soon() -> None:
    first, second = (OKPKey.generate_key("Ed25519", parameters={"kid": kid}) for kid in ("1", "2"))
    published, asked = [first], 0

    async def publish(scope: Any, receive: Any, send: Any) -> None:
        nonlocal asked
        asked += 1
        keys = JSONResponse(KeySet(list(published)).as_dict(private=False))
        await keys(scope, receive, send)

    issuer = TrustedIssuer(
        issuer="https://idp.example.org",
        audience=AUDIENCE,
        algorithms=("Ed25519",),
        jwks_uri="https://idp.example.org/k",
    )
    claims = {"iss": issuer.issuer, "aud": AUDIENCE, "sub": "ada", "exp": int(AT.timestamp()) + 900}
    one, two = (
        jwt.encode({"alg": "Ed25519", "typ": "JWT", "kid": key.kid}, claims, key, algorithms=["Ed25519"])
        for key in (first, second)
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(publish)) as client:
        verifier = TokenVerifier(client)
        issuers = {issuer.issuer: issuer}
        await verifier.verify(one, issuers=issuers, at=AT)
        await verifier.verify(one, issuers=issuers, at=AT)
        assert asked == 1
        for _ in range(3):
            with pytest.raises(TokenRefused):
                await verifier.verify(two, issuers=issuers, at=AT)
        assert asked == 1, "the floor between two fetches"
        published.append(second)
        await verifier.verify(two, issuers=issuers, at=AT + timedelta(seconds=31))
        assert asked == 2


async def test_keys_behind_a_redirect_or_too_large_are_not_taken() -> None:
    async def redirect(scope: Any, receive: Any, send: Any) -> None:
        path = Request(scope).url.path
        answer = (
            JSONResponse({}, 302, headers={"Location": "https://elsewhere.example.org/"})
            if path == "/moved"
            else JSONResponse({"keys": [{"kty": "OKP", "kid": "x" * 70_000}]})
        )
        await answer(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(redirect), follow_redirects=True) as client:
        for path in ("moved", "large"):
            issuer = TrustedIssuer(
                issuer=issuer_of("lbhf"),
                audience=AUDIENCE,
                algorithms=("Ed25519",),
                jwks_uri=f"https://idp.example.org/{path}",
            )
            token = a_token("lbhf", "ada", [], at=AT)
            with pytest.raises(TokenRefused):
                await TokenVerifier(client).verify(token, issuers={issuer.issuer: issuer}, at=AT)


async def test_personal_data_needs_a_purpose_there_is(platform: Platform) -> None:
    path = f"/v1/people/{uuid4()}"

    missing = await platform.call("GET", path, "lbhf/ada/caseworker")
    unknown = await platform.call("GET", path, "lbhf/ada/caseworker", purpose="curiosity")

    assert (missing.status_code, missing.json()["type"]) == (400, "/problems/purpose-required")
    assert (unknown.status_code, unknown.json()["type"]) == (400, "/problems/unknown-purpose")
    assert "curiosity" not in unknown.text


async def test_acting_for_another_organisation_needs_a_mandate(platform: Platform) -> None:
    refused = await platform.call("GET", "/v1/agreements", "lbhf/ada/caseworker", headers={"SCV-Acting-For": "wcc"})

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-mandate")


async def test_a_worker_who_calls_too_often_is_told_when_to_come_back(founded: Server) -> None:
    async with serving(founded, behind=StandIn(AT), settings={"requests_per_second": 2}) as platform:
        await found(platform.app)
        answers = [await platform.call("GET", "/v1/organisations", "platform/root/operator") for _ in range(12)]

    limited = [one for one in answers if one.status_code == 429]
    assert limited
    assert limited[0].json()["type"] == "/problems/too-many-requests"
    assert int(limited[0].headers["Retry-After"]) >= 1
    for one in answers:
        assert one.headers["RateLimit-Policy"] == '"worker";q=2;w=1'
        assert one.headers["RateLimit"].startswith('"worker";r=')


async def verified(token: str) -> Any:
    """Verify a token as the gateway does, with lbhf's identity provider registered."""
    described = registration("lbhf")
    issuer = TrustedIssuer(
        issuer=described["issuer"],
        audience=AUDIENCE,
        algorithms=("Ed25519",),
        jwks=to_json(described["jwks"]).decode(),
    )
    async with httpx.AsyncClient() as client:
        return await TokenVerifier(client).verify(token, issuers={issuer.issuer: issuer}, at=AT)
