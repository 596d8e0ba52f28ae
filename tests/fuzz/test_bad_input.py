"""Bad input of any kind gets a 4xx problem, leaves nothing half-written, and is not repeated, whoever sends it."""

import asyncio
import json
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.fuzz.bridge import Bridge, Description, Rows
from tests.fuzz.campaign import SEED, campaign
from tests.fuzz.town import SERVICES, Town

pytestmark = pytest.mark.xdist_group("fuzz")

ENOUGH: Final = 0.4
"""The share of operations that are answered to who may do most; less, and nobody looked behind the doors."""


async def a_bridge(town: Town, service: str, admins: dict[str, AsyncEngine]) -> Bridge:
    """Make a bridge to a service, which watches the databases it can write to."""
    behind = admins.values() if service == "gateway" else [admins[service.replace("-", "_")]]
    return Bridge(
        app=town.app(service),
        loop=asyncio.get_running_loop(),
        identities=town.identities(service),
        rows=Rows(behind),
        described=Description(await town.describe(service)),
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_generated_requests_are_answered_as_described(
    service: str, town: Town, admins: dict[str, AsyncEngine]
) -> None:
    bridge = await a_bridge(town, service, admins)

    found = await asyncio.to_thread(campaign, bridge, known=town.known)

    told = "\n\n".join(f"{where}\n{how}" for where, how in found.items())
    assert not found, f"seed {SEED}, {len(found)} findings:\n\n{told}"
    assert len(bridge.served) >= ENOUGH * len(bridge.described.operations)


HORRORS: Final[dict[str, bytes]] = {
    "no number": b"NaN",
    "no end": b"-Infinity",
    "a huge exponent": b"1e999999",
    "more digits than Python reads": b"1" * 5000,
    "one more than a bigint": b"9223372036854775808",
    "a null character": b'"\\u0000"',
    "half a character": b'"\\ud800"',
    "two halves the wrong way round": b'"\\udfff\\ud800"',
    "no Unicode": b'"\xff\xfe"',
    "an overlong string": json.dumps("x" * 100_000).encode(),
    "the first moment, east": b'"0001-01-01T00:00:00+23:59"',
    "the last moment, west": b'"9999-12-31T23:59:59-23:59"',
    "a deep list": b"[" * 5000 + b"]" * 5000,
    "a deep object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "an end that never comes": b"[" * 50_000,
}
"""JSON values that a generator does not draw."""
WRITES: Final = {
    "/v1/cases": "lgsl",
    "/v1/contacts": "started_at",
    "/v1/assessments": "facts",
    "/v1/referrals": "consent",
    "/v1/people/search": "date_of_birth",
    "/v1/agreements": "valid_from",
    "/v1/decisions": "person_id",
}
"""A field of each of some bodies."""


async def test_what_no_generator_writes_is_refused_as_well(town: Town, admins: dict[str, AsyncEngine]) -> None:
    bridge = await a_bridge(town, "gateway", admins)

    for value in HORRORS.values():
        for path, field in WRITES.items():
            answer = await bridge.ask(post(path), b'{"%s": %s}' % (field.encode(), value))
            assert 400 <= answer.status < 500
        assert 400 <= (await bridge.ask(post(path), value)).status < 500

    assert bridge.broken == {}


def post(path: str) -> dict[str, object]:
    """Make the scope of a request that posts JSON."""
    sent = [(b"content-type", b"application/json"), (b"scv-purpose", b"homelessness")]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": sent,
    }
