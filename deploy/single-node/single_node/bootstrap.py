"""What a new platform is told first: its organisations, their identity providers and administrators, their sources.

The operator is founded; everything else it enters through the gateway's API like any operator would, so it stands in
the audit. What is there already is left as it is: an administrator may have changed it since.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from fastapi import FastAPI

from gateway.commands.founding import found
from gateway.schemas.founding import Founding
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


async def tell(app: FastAPI, place: Place) -> None:
    """Tell a gateway that serves already, whatever of it is new; raise `RuntimeError` if it refuses."""
    await _found_operator(app, place)
    token = tokens.signed_token(
        OPERATOR, subject=LOCAL_ADMIN, roles=("operator",), key=_key(place, OPERATOR), at=datetime.now(UTC)
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gateway", headers={"Authorization": f"Bearer {token}"}
    ) as operator:
        for org, description in _ORGANISATIONS.items():
            for path, body in _entries(org, description, key=_key(place, org)):
                await _enter(operator, f"/v1/organisations/{org}{path}", body)


async def _found_operator(app: FastAPI, place: Place) -> None:
    provider = tokens.registration(OPERATOR, key=_key(place, OPERATOR)) | {"name": tokens.NAME}
    told = {"org": OPERATOR, "name": _NAME, "identity_provider": provider, "administrators": [LOCAL_ADMIN]}
    await found(app.state.database, Founding.model_validate(told))


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
