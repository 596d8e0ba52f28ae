"""The organisations of the single node and of the demo, and how the operator enters them through any gateway.

In this room: who they are, what the gateway is told of each, the operator's founding as it is handed over. Not in this
room: the founding itself, which only the gateway's own database can be asked for.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from single_node import tokens
from single_node.place import Place
from single_node.staff import LOCAL_ADMIN

OPERATOR: Final = "platform"

_NAME: Final = "Platform operator"
_ORGANISATIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "lbhf": {"name": "London Borough of Hammersmith & Fulham", "kind": "borough", "gss": "E09000013"},
    "rbkc": {"name": "Royal Borough of Kensington and Chelsea", "kind": "borough", "gss": "E09000020"},
    "wcc": {"name": "Westminster City Council", "kind": "borough", "gss": "E09000033"},
    "shelter-west": {"name": "Shelter West", "kind": "partner"},
}
_AREAS: Final = {
    "crm": "customer-services",
    "council-tax": "council-tax",
    "housing": "housing",
    "benefits": "benefits",
    "adult-social-care": "adult-social-care",
}
"""The sources every borough has, each with its service area."""


def founding(place: Place) -> dict[str, Any]:
    """Give what a gateway is told of its operator: a local identity provider and one administrator."""
    provider = tokens.registration(OPERATOR, key=_key(place, OPERATOR)) | {"name": tokens.NAME}
    return {"org": OPERATOR, "name": _NAME, "identity_provider": provider, "administrators": [LOCAL_ADMIN]}


def operator_token(place: Place) -> str:
    """Sign a token for the operator's administrator."""
    key = _key(place, OPERATOR)
    return tokens.signed_token(OPERATOR, subject=LOCAL_ADMIN, roles=("operator",), key=key, at=datetime.now(UTC))


async def enter(operator: httpx.AsyncClient, place: Place) -> None:
    """Enter what is new of the organisations, their identity providers, administrators and sources.

    What is there already is left as it is: an administrator may have changed it since. Raises `RuntimeError` if the
    gateway refuses.
    """
    for org, description in _ORGANISATIONS.items():
        for path, body in _entries(org, description, key=_key(place, org)):
            await _enter(operator, f"/v1/organisations/{org}{path}", body)


def _entries(
    org: str, description: Mapping[str, str], *, key: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", description
    yield f"/identity-providers/{tokens.NAME}", tokens.registration(org, key=key)
    yield f"/staff/{LOCAL_ADMIN}", {"roles": ["admin"]}
    if description["kind"] == "borough":
        for source, area in _AREAS.items():
            yield f"/sources/{source}", {"service_area": area}


async def _enter(operator: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> None:
    found = await operator.get(path)
    if found.status_code == httpx.codes.NOT_FOUND:
        found = await operator.put(path, json=body)
    if found.is_error:
        raise RuntimeError(f"the gateway answered {found.status_code} to the founding of {path}")


def _key(place: Place, org: str) -> dict[str, Any]:
    return place.signing_key(f"identity-{org}")
