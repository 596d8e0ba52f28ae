"""The gateway's permit key is changed under load: in the right order nobody notices, in the wrong one everybody does,
and the doctor says why."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic_core import to_json

from single_node.doctor import State
from single_node.doctor.installation import Installation, examine_installation
from single_node.place import new_key, public_part
from single_node.postgres import Server
from tests.front import Front, a_front
from tests.gateway.platform import Platform, a_token
from tests.processes import environment

OLD, NEW = new_key(), new_key()
SEARCH = {"given_names": ["Adaeze"], "family_name": "Okonjo-Vale", "date_of_birth": "1984-03-09"}


class Load:
    """A worker who searches again and again, and what was answered."""

    def __init__(self, address: str) -> None:
        self.answered: Counter[int] = Counter()
        self._client = httpx.AsyncClient(base_url=address, trust_env=False, timeout=30)

    async def search(self) -> int:
        """Search once, through to customer-index; give the status."""
        token = a_token("lbhf", "front", ["frontline"], at=datetime.now(UTC))
        headers = {"Authorization": f"Bearer {token}", "SCV-Purpose": "customer-service"}
        status = (await self._client.post("/v1/people/search", json=SEARCH, headers=headers)).status_code
        self.answered[status] += 1
        return status

    async def go_on(self) -> None:
        """Search until cancelled."""
        while True:
            await self.search()

    async def some(self) -> None:
        """Search a few more times."""
        for _ in range(10):
            await self.search()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


@asynccontextmanager
async def under_load(address: str) -> AsyncIterator[Load]:
    """Let two workers search for the length of the block."""
    load = Load(address)
    searching = [asyncio.create_task(load.go_on()) for _ in range(2)]
    try:
        yield load
    finally:
        for task in searching:
            task.cancel()
        ended = await asyncio.gather(*searching, return_exceptions=True)
        await load.close()
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


@pytest.fixture
async def fronts(platform: Platform) -> AsyncIterator[tuple[Front, Front]]:
    """Fronts of customer-index and of the gateway, on databases in which there are a borough and its staff."""
    async with a_front("customer_index") as index, a_front("gateway") as gateway:
        yield index, gateway


async def trusting(index: Front, server: Server, keys: Sequence[dict[str, Any]]) -> None:
    """Restart customer-index with some permit keys."""
    permit_keys = to_json({"keys": [public_part(key) for key in keys]}).decode()
    await index.roll(environment(server, "customer_index", permit_keys=permit_keys, drain_seconds="1"))


async def signing(gateway: Front, server: Server, key: dict[str, Any], *, index: Front) -> None:
    """Restart the gateway with a permit key."""
    told = {"permit_key": to_json(key).decode(), "customer_index_url": index.address, "drain_seconds": "1"}
    await gateway.roll(environment(server, "gateway", **told))


async def test_in_the_order_of_the_runbook_no_request_fails(fronts: tuple[Front, Front], emptied: Server) -> None:
    index, gateway = fronts
    await trusting(index, emptied, [OLD])
    await signing(gateway, emptied, OLD, index=index)

    async with under_load(gateway.address) as load:
        await load.some()
        for step in (
            trusting(index, emptied, [OLD, NEW]),
            signing(gateway, emptied, NEW, index=index),
            trusting(index, emptied, [NEW]),
        ):
            await step
            await load.some()

    assert set(load.answered) == {200}, load.answered


async def test_in_the_wrong_order_permits_are_refused_and_the_doctor_says_why(
    fronts: tuple[Front, Front], emptied: Server
) -> None:
    index, gateway = fronts
    await trusting(index, emptied, [OLD])
    await signing(gateway, emptied, OLD, index=index)
    load = Load(gateway.address)
    assert await load.search() == 200
    installation = Installation(addresses=[index.behind])
    before = [one async for one in examine_installation(installation) if one.name == "permits of customer-index"]

    await signing(gateway, emptied, NEW, index=index)
    refused = await load.search()
    [told] = [one async for one in examine_installation(installation) if one.name == "permits of customer-index"]
    await load.close()

    assert (before, refused) == ([], 503)
    assert told.state is State.WRONG
    assert told.detail.startswith("1 refused since it started")
    assert "rotate-keys.md" in told.remedy
