"""The town that is fuzzed: the whole platform with residents who are worked for, and who calls each of its services.

In this room: what generated requests may name that exists, and how each identity proves itself. Not in this room: how a
request is made and watched (`bridge`), and what is generated (`campaign`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote
from uuid import UUID

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from shared.categories import AREA_CLASS, Action, Protection, Role, Scope
from shared.permit import HEADER, Anchor, fingerprint
from tests.builders import AT, MINT, SOURCE_AREAS, a_permit, facts, granting, linking
from tests.fuzz.bridge import Credentials, Identity
from tests.gateway.platform import TRAINED, a_token
from tests.gateway.residents import HOMELESS, Resident, look_alike, settle_in
from tests.gateway.whole import SERVICE, Whole

ALL_ROLES: Final = tuple(sorted(role for role in Role if role is not Role.OPERATOR))
SERVICES: Final = ("case-episodes", "referrals", "customer-index", "gateway")
"""In this order: the last two withdraw residents, among other things, and leave less to ask for."""
_ELSEWHERE: Final = {"customer-index": "referrals", "case-episodes": "customer-index", "referrals": "case-episodes"}


@dataclass(frozen=True, kw_only=True)
class Town:
    """The platform at work, who lives there, and what was agreed about them."""

    whole: Whole
    residents: Sequence[Resident]
    agreement_id: str

    def app(self, service: str) -> FastAPI:
        """Give the application of a service."""
        return self.whole.platform.app if service == "gateway" else self.whole.inner[service]

    async def describe(self, service: str) -> dict[str, Any]:
        """Ask a service to describe itself."""
        transport = httpx.ASGITransport(self.app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://town") as client:
            told: dict[str, Any] = (await client.get("/openapi.json")).json()
            return told

    @property
    def known(self) -> dict[str, Sequence[str | int]]:
        """Give values that exist, by the parameter that may name them."""
        lives: dict[str, Sequence[str | int]] = {
            f"path.{name}": [getattr(resident, name) for resident in self.residents]
            for name in ("person_id", "local_id", "case_id", "episode_id", "assessment_id", "referral_id", "review_id")
        }
        return lives | {
            "path.source": ["housing"],
            "path.org": ["lbhf"],
            "path.service_id": [SERVICE],
            "path.agreement_id": [self.agreement_id],
            "header.SCV-Purpose": ["homelessness", "data-stewardship"],
            "header.SCV-Acting-For": ["lbhf"],
            "header.If-Match": ['"1"', "*"],
            "body.source": ["housing"],
            "body.local_id": [resident.local_id for resident in self.residents],
            "body.lgsl": [HOMELESS],
            "body.for_lgsl": [HOMELESS],
            "body.lgil": [0, 8],
            "body.service_id": [SERVICE],
        }

    def identities(self, service: str) -> list[Identity]:
        """Give who calls a service: nobody, who belongs elsewhere, and last who may do most."""
        nobody = Identity(name="nobody", credentials=lambda _method, _target: [], is_let_in=False)
        if service == "gateway":
            stranger, operator = _bearing("rbkc", "rex", ALL_ROLES), _bearing("platform", "root", (Role.OPERATOR,))
            return [
                nobody,
                Identity(name="a worker of another borough", credentials=stranger, is_let_in=True),
                Identity(name="the operator", credentials=operator, is_let_in=True),
                Identity(name="a worker", credentials=_bearing("lbhf", "fay", ALL_ROLES), is_let_in=True),
            ]
        elsewhere, here = (self._permitted(service, audience=one) for one in (_ELSEWHERE[service], service))
        return [
            nobody,
            Identity(name="a permit of another service", credentials=elsewhere, is_let_in=False),
            Identity(name="a permit", credentials=here, is_let_in=True),
        ]

    def _permitted(self, service: str, *, audience: str) -> Credentials:
        action_of = _actions(self.app(service))
        about = tuple(
            Anchor("lbhf", UUID(resident.person_id), UUID(resident.record_id), Scope("lbhf/housing"))
            for resident in self.residents
        )
        areas = [f"{org}/{area}" for org in ("lbhf", "wcc") for area in AREA_CLASS]

        def permit(method: str, target: str) -> list[tuple[str, str]]:
            path = unquote(target.partition("?")[0])
            parts = path.split("/")
            named = parts[3] if parts[2:3] == ["sources"] and parts[3] in SOURCE_AREAS else None
            granted = a_permit(
                "lbhf",
                roles=ALL_ROLES,
                purpose="homelessness",
                action=action_of(method, path),
                grants=granting(*areas),
                about=() if service == "customer-index" else about,
                linkages=(linking("lbhf", "wcc"),),
                cleared=tuple(f"{org}/{scheme}" for org in ("lbhf", "wcc") for scheme in Protection),
                source=None if named is None else facts(named),
            )
            return [(HEADER, MINT.mint(granted, audience=audience, request=fingerprint(method, target), at=AT))]

        return permit


def _bearing(org: str, subject: str, roles: Sequence[str]) -> Credentials:
    proof = [("Authorization", f"Bearer {a_token(org, subject, roles, at=AT)}")]
    return lambda _method, _target: proof


def _actions(app: FastAPI) -> Callable[[str, str], Action]:
    """Make what tells which action the door of a route asks for."""
    routes: list[Any] = [route for route in iter_route_contexts(app.routes) if (route.path or "").startswith("/v1/")]
    doors = [(route.methods, route.path_regex, door) for route in routes for door in _doors(route.dependant)]

    def action_of(method: str, path: str) -> Action:
        found = (door for methods, regex, door in doors if method in methods and regex.match(path))
        return next(found, Action.READ)

    return action_of


def _doors(dependant: Any) -> Iterator[Action]:
    yield from getattr(dependant.call, "actions", ())[:1]
    for inner in dependant.dependencies:
        yield from _doors(inner)


async def settle(whole: Whole) -> Town:
    """Have people live and be worked for in the town, and enter the workers who call."""
    residents = await settle_in(whole, "osric", "ludo")
    ludo = await look_alike(whole, "ludo", residents["ludo"])
    for org, subject in (("lbhf", "fay"), ("rbkc", "rex")):
        await whole.platform.enter(f"{org}/{subject}/{','.join(ALL_ROLES)}", **TRAINED)
    agreements = await whole.done("GET", "/v1/agreements", "lbhf/ig/ig-lead", None)
    return Town(whole=whole, residents=(ludo, residents["osric"]), agreement_id=agreements["items"][0]["agreement_id"])
