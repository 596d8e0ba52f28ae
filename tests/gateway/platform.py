"""A platform under test: the real gateway on a real database, with callers of four organisations and the operator.

In this room: the organisations, their tokens and how they call. Behind the gateway stands whatever a test puts there:
customer-index itself, or a stand-in that verifies permits as every inner service does and answers what it is told to.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.commands import founding
from gateway.schemas.founding import Founding
from shared.permit import HEADER, Permit, PermitGate, fingerprint
from tests.builders import AT, PERMIT_KEYS, SOURCE_AREAS

KEYS: Final = {
    org: OKPKey.generate_key("Ed25519", parameters={"kid": f"{org}-1"})
    for org in ("platform", "lbhf", "wcc", "rbkc", "shelter-west", "stranger")
}
AUDIENCE: Final = "single-customer-view"
AGREEMENT: Final[dict[str, Any]] = {
    "title": "Homelessness, LBHF to WCC",
    "type": "dda",
    "valid_from": "2026-01-01",
    "valid_until": "2028-12-31",
    "parties": [{"org": "lbhf", "role": "controller"}, {"org": "wcc", "role": "controller"}],
    "flows": [
        {
            "id": "f1",
            "from": "lbhf",
            "to": "wcc",
            "purposes": ["homelessness"],
            "trigger": "request",
            "service_areas": ["housing", "customer-services"],
            "categories": [
                {"category": "existence"},
                {"category": "identity"},
                {"category": "contact_details"},
                {"category": "cases", "form": "exists"},
            ],
            "recipient_roles": ["caseworker"],
            "legal_power": {"act": "Housing Act 1996", "section": "213"},
            "article6": "e",
            "training": {"course": "data-protection", "max_age_days": 365},
            "commitment": {"statement": "confidentiality", "version": 1},
        },
        *(
            {
                "id": number,
                "from": provider,
                "to": recipient,
                "purposes": ["homelessness"],
                "trigger": "batch",
                "service_areas": ["*"],
                "categories": [{"category": "linkage"}],
                "legal_power": {"act": "Housing Act 1996", "section": "213"},
                "article6": "e",
            }
            for number, provider, recipient in (("f2", "lbhf", "wcc"), ("f3", "wcc", "lbhf"))
        ),
    ],
}
"""The smallest working agreement: lbhf lets wcc see some of its housing and customer-services records."""

TRAINED: Final = {
    "training": [{"course": "data-protection", "completed_on": "2026-05-01"}],
    "commitments": [{"statement": "confidentiality", "version": 1, "signed_on": "2026-05-01"}],
}


def issuer_of(org: str) -> str:
    """Name an organisation's issuer."""
    return f"https://{org}.identity.example.org"


def registration(org: str) -> dict[str, Any]:
    """Describe an organisation's identity provider as its administrator would."""
    jwks = KeySet([KEYS[org]]).as_dict(private=False)
    return {"issuer": issuer_of(org), "jwks": jwks, "algorithms": ["Ed25519"], "audience": AUDIENCE}


def a_token(org: str, subject: str, claimed: Sequence[str], *, at: datetime, **changes: Any) -> str:
    """Sign a token as an organisation's identity provider would; `changes` are to claims, `header` to the header."""
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": KEYS[org].kid} | changes.pop("header", {})
    claims = {
        "iss": issuer_of(org),
        "aud": AUDIENCE,
        "sub": subject,
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=1)).timestamp()),
        "roles": list(claimed),
    }
    told = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(header, told, KEYS[org], algorithms=["Ed25519"])


Answer = Callable[[Permit, Request], Awaitable[Response]]


@dataclass
class StandIn:
    """An inner service that verifies the permit of each call, notes it, and answers what it was told to."""

    at: datetime
    permits: list[Permit] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: Answer | None = None
    gate: PermitGate = field(default_factory=lambda: PermitGate(PERMIT_KEYS, audience="customer-index"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        request = Request(scope, receive)
        if request.url.path == "/openapi.json":
            await Response(status_code=404)(scope, receive, send)
            return
        target = scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        permit = self.gate.verify(request.headers.get(HEADER), request=fingerprint(request.method, target), at=self.at)
        self.permits.append(permit)
        self.headers.append(request.headers)
        self.bodies.append(await request.body())
        response = JSONResponse({}) if self.answer is None else await self.answer(permit, request)
        await response(scope, receive, send)


@dataclass
class Platform:
    """The gateway and how its callers call it."""

    app: FastAPI
    client: httpx.AsyncClient
    behind: StandIn = field(default_factory=lambda: StandIn(AT))

    async def call(
        self, method: str, path: str, who: str, *, purpose: str | None = None, **sent: Any
    ) -> httpx.Response:
        """Call as `org/subject/role,role`."""
        org, subject, roles = who.split("/")
        headers = {"Authorization": f"Bearer {a_token(org, subject, roles.split(','), at=AT)}"}
        if purpose is not None:
            headers["SCV-Purpose"] = purpose
        return await self.client.request(method, path, headers=headers | dict(sent.pop("headers", {})), **sent)

    async def enter(self, who: str, **standing: Any) -> None:
        """Enter a worker in the staff register of its organisation with the roles it will claim."""
        org, subject, roles = who.split("/")
        path = f"/v1/organisations/{org}/staff/{subject}"
        entered = await self.call("PUT", path, "platform/root/operator", json={"roles": roles.split(","), **standing})
        assert entered.status_code == 201, entered.text

    async def agree(self, content: Mapping[str, Any] = AGREEMENT) -> str:
        """Draft, propose and sign an agreement between lbhf and wcc; give its id."""
        drafted = await self.call("POST", "/v1/agreements", "lbhf/ig/ig-lead", json=content)
        assert drafted.status_code == 201, drafted.text
        path = f"/v1/agreements/{drafted.json()['agreement_id']}/transitions"
        await self.move(path, "lbhf/ig/ig-lead", action="propose")
        digest = drafted.json()["digest"]
        await self.move(path, "lbhf/sign/signatory", action="sign", digest=digest, position="Director")
        signed = await self.move(path, "wcc/sign/signatory", action="sign", digest=digest)
        assert signed["status"] == "active"
        return str(drafted.json()["agreement_id"])

    async def move(self, path: str, who: str, **transition: Any) -> dict[str, Any]:
        """Move an agreement."""
        moved = await self.call("POST", path, who, json=transition)
        assert moved.status_code == 200, moved.text
        answered: dict[str, Any] = moved.json()
        return answered

    async def audited(self, org: str, **wanted: str) -> list[dict[str, Any]]:
        """List the audit as an organisation's information-governance lead reads it, newest first."""
        rows = await self.call("GET", "/v1/audit", f"{org}/ig/ig-lead", params={"limit": 200, **wanted})
        assert rows.status_code == 200, rows.text
        items: list[dict[str, Any]] = rows.json()["items"]
        return items


async def found(app: FastAPI) -> None:
    """Enter the operator, which nobody could be entitled to do over HTTP."""
    assert await founding.found(app.state.database, Founding.model_validate(founding_body()))


def founding_body() -> dict[str, Any]:
    """Describe the operator as whoever installs the platform would."""
    provider = registration("platform") | {"name": "local"}
    return {"org": "platform", "name": "Platform", "identity_provider": provider, "administrators": ["root"]}


async def populate(platform: Platform) -> None:
    """Enter three boroughs, a partner, their sources and some staff, as the operator would."""
    kinds = {"lbhf": "borough", "wcc": "borough", "rbkc": "borough", "shelter-west": "partner"}
    for org, kind in kinds.items():
        entries: dict[str, dict[str, Any]] = {"": {"name": org.upper(), "kind": kind}}
        entries["/identity-providers/local"] = registration(org)
        if kind == "borough":
            entries |= {f"/sources/{name}": {"service_area": area} for name, area in SOURCE_AREAS.items()}
        for path, body in entries.items():
            answered = await platform.call("PUT", f"/v1/organisations/{org}{path}", "platform/root/operator", json=body)
            assert answered.status_code == 201, answered.text
        for who in ("ig/ig-lead", "sign/signatory", "boss/admin", "crm/system", "front/frontline"):
            await platform.enter(f"{org}/{who}")
    await platform.enter("lbhf/ada/caseworker", **TRAINED)
    await platform.enter("wcc/will/caseworker", **TRAINED)
    await platform.enter("wcc/new/caseworker")
