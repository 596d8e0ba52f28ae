"""Every way to ask the gateway about somebody, route by route, so that none is forgotten.

In this room: how each route names a person or what belongs to one, and which routes are about nobody, with the reason.
A route that is in neither list fails the test that reads them. Not in this room: who asks, and what is compared.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import httpx

from tests.alike import told
from tests.gateway.residents import HOMELESS, ROLES, Resident
from tests.gateway.whole import SERVICE, Whole

Route = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, and a person of its own organisation that it may know."""

    who: str
    knows: str

    @property
    def org(self) -> str:
        """The organisation."""
        return self.who.split("/")[0]

    @property
    def subject(self) -> str:
        """The worker."""
        return self.who.split("/")[1]


Body = Callable[[Resident, Asker], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request about somebody. Its path names the person or what belongs to it, but if `path_names_known`: then the
    path names somebody the asker knows, and the body whom it is about."""

    name: str = ""
    query: str = ""
    body: Body | None = None
    path_names_known: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def _saying(told: Any, **more: Any) -> tuple[Ask, ...]:
    return (Ask(body=lambda *_: told, **more),)


def _named(**told: Any) -> tuple[Ask, ...]:
    """Name whom it is about in the body, by a record and by the person."""
    return (
        Ask(name="by record", body=lambda about, _: {"source": "housing", "local_id": about.local_id, **told}),
        Ask(name="by person", body=lambda about, _: {"person_id": about.person_id, **told}),
    )


def _searched(kind: str) -> Ask:
    return Ask(name=kind, body=lambda about, _: about.search[kind])


_PLAIN: Final = (Ask(),)
_MATCH: Final = {"If-Match": "*"}
_CASE: Final = {"lgsl": HOMELESS, "lgil": 0}
_REFERRED: Final = {"service_id": SERVICE, "need": "a bed for tonight", "urgency": "urgent"}
_PROTECTION: Final = {"scheme": "other", "until": None, "review_on": "2027-01-01", "household_wide": False}

ASKS: Final[Mapping[Route, tuple[Ask, ...]]] = {
    ("GET", "/v1/people/{person_id}"): (
        Ask(),
        *(Ask(name=one, query=f"?include={one}") for one in ("household", "cases")),
    ),
    ("GET", "/v1/people/{person_id}/timeline"): _PLAIN,
    ("GET", "/v1/people/{person_id}/household"): _PLAIN,
    ("GET", "/v1/people/{person_id}/access-log"): _PLAIN,
    ("GET", "/v1/people/{person_id}/assessments"): _PLAIN,
    ("POST", "/v1/people/search"): tuple(
        map(_searched, ("name", "postcode", "address", "phone", "email", "identifier"))
    ),
    ("POST", "/v1/decisions"): (
        Ask(
            body=lambda about, by: {
                "subject": by.subject,
                "roles": ROLES.split(","),
                "purpose": "homelessness",
                "action": "read",
                "person_id": about.person_id,
            }
        ),
    ),
    ("GET", "/v1/sources/{source}/records/{local_id}"): _PLAIN,
    ("PUT", "/v1/sources/{source}/records/{local_id}"): _saying({"family_name": "Farthingale"}),
    ("DELETE", "/v1/sources/{source}/records/{local_id}"): _PLAIN,
    ("GET", "/v1/cases/{case_id}"): _PLAIN,
    ("GET", "/v1/episodes/{episode_id}"): _PLAIN,
    ("GET", "/v1/referrals/{referral_id}"): _PLAIN,
    ("GET", "/v1/referrals/{referral_id}/payload"): _PLAIN,
    ("POST", "/v1/referrals/preview"): _named(**_REFERRED),
    ("POST", "/v1/referrals"): _named(**_REFERRED),
    ("POST", "/v1/contacts"): _named(**_CASE, channel="telephone"),
    ("POST", "/v1/cases"): _named(**_CASE, description="Has to leave the flat."),
    ("POST", "/v1/assessments"): _named(lgsl=HOMELESS, facts=[{"attribute": "tenancy", "value": "assured"}]),
    ("POST", "/v1/cases/{case_id}/notes"): _saying({"text": "Rang back."}),
    ("PATCH", "/v1/cases/{case_id}"): _saying({"handled_by": "jo"}, headers=_MATCH),
    ("POST", "/v1/cases/{case_id}/transitions"): _saying({"to": "in-progress"}),
    ("POST", "/v1/episodes/{episode_id}/regroup"): (Ask(body=lambda about, _: {"cases": [about.case_id]}),),
    ("POST", "/v1/episodes/{episode_id}/transitions"): _saying({"to": "dormant"}),
    ("POST", "/v1/assessments/{assessment_id}/reuse"): _saying({"decision": "accepted", "for_lgsl": HOMELESS}),
    ("POST", "/v1/assessments/{assessment_id}/transitions"): _saying({"to": "withdrawn"}),
    ("POST", "/v1/referrals/{referral_id}/transitions"): _saying({"action": "withdraw", "reason": "no longer needed"}),
    ("PUT", "/v1/organisations/{org}/exclusions/{exclusion_id}"): (
        Ask(
            body=lambda about, _: {
                "subject": "front",
                "record": {"source": "housing", "local_id": about.local_id},
                "reason": "conflict-of-interest",
                "review_on": "2027-01-01",
            }
        ),
    ),
    ("GET", "/v1/people/{person_id}/protection"): _PLAIN,
    ("PUT", "/v1/people/{person_id}/protection"): _saying(_PROTECTION),
    ("DELETE", "/v1/people/{person_id}/protection"): _PLAIN,
    ("POST", "/v1/people/{person_id}/split"): (
        Ask(name="its own", body=lambda about, _: {"records": [about.record_id], "reason": "two people"}),
        Ask(
            name="of another",
            body=lambda about, _: {"records": [about.record_id], "reason": "two people"},
            path_names_known=True,
        ),
    ),
    ("POST", "/v1/people/{person_id}/merge"): (
        Ask(name="into another", body=lambda _, by: {"other": by.knows, "reason": "one person"}),
        Ask(
            name="of another",
            body=lambda about, _: {"other": about.person_id, "reason": "one person"},
            path_names_known=True,
        ),
    ),
    ("POST", "/v1/reviews/{review_id}/decision"): _saying({"decision": "no-match", "note": "two people"}),
    ("POST", "/v1/stewardship/{stewardship_id}/undo"): _saying({"reason": "a mistake"}),
}
"""How each route that is about somebody names them; what changes something comes after what looks."""

LISTS: Final = frozenset(
    {
        "/v1/work-queue",
        "/v1/referrals",
        "/v1/reviews",
        "/v1/events",
        "/v1/organisations/{org}/exclusions",
        "/v1/organisations/{org}/exclusions/{exclusion_id}",
    }
)
"""What is listed for whoever asks, naming nobody: `GET` of these shows nothing of somebody unknowable."""

ABOUT_NOBODY: Final[Mapping[str, str]] = {
    "/docs": "the description of the API",
    "/openapi.json": "the description of the API",
    "/v1/asyncapi.json": "the description of the events",
    "/livez": "the state of the service",
    "/readyz": "the state of the service",
    "/metrics": "the state of the service",
    "/v1/policy-schema": "what policies are written in",
    "/v1/services": "the directory of services",
    "/v1/service_at_locations": "the directory of services",
    "/v1/taxonomies": "the directory of services",
    "/v1/taxonomy_terms": "the directory of services",
    "/v1/catalogue": "the catalogue of services",
    "/v1/agreements": "agreements between organisations",
    "/v1/organisations": "organisations, their sources, staff, policies and mandates",
    "/v1/sources/{source}/loads": "an extract is an assertion, and says nothing of who is there",
    "/v1/loads": "an extract is an assertion, and says nothing of who is there",
    "/v1/audit": "what an information-governance lead oversees, by ids",
    "/v1/emergency-access": "what workers did in an emergency, without personal data",
}
"""The beginnings of paths that are about no person, each with the reason."""


def is_covered(method: str, path: str) -> bool:
    """Tell whether a route is asked about somebody here, or is about nobody."""
    if (method, path) in ASKS or (method == "GET" and path in LISTS):
        return True
    if "/exclusions" in path:
        return method == "DELETE"  # it names the entry
    return any(path == start or path.startswith(start + "/") for start in ABOUT_NOBODY)


def asked() -> Iterator[tuple[Route, Ask]]:
    """Give every way to ask about somebody, looks first."""
    for route, asks in ASKS.items():
        for ask in asks:
            yield route, ask


async def ask_about(
    whole: Whole, asker: Asker, about: Resident, route: Route, ask: Ask, *, purpose: str
) -> httpx.Response:
    """Ask one thing about somebody."""
    method, path = route
    ids = asdict(about) | {"org": asker.org, "source": "housing", "exclusion_id": "x-1"}
    if ask.path_names_known:
        ids["person_id"] = asker.knows
    sent: dict[str, Any] = {"headers": dict(ask.headers)}
    if ask.body is not None:
        sent["json"] = ask.body(about, asker)
    return await whole.call(method, path.format(**ids) + ask.query, asker.who, purpose, **sent)


async def listed(whole: Whole, asker: Asker, *, purpose: str) -> str:
    """Give all that is listed for a worker, whomever it is about."""
    paths = [path.format(org=asker.org, exclusion_id="x-1") for path in sorted(LISTS)]
    return "".join([told(await whole.call("GET", path, asker.who, purpose)) for path in paths])
