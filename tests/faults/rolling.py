"""Replicas that are restarted, and the callers that keep them busy meanwhile.

Not in this room: what stands between the two (`balancing`), and what must hold (`test_rolling_restart`).
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

import httpx

from tests.forking import Forked, forked
from tests.gateway.platform import a_token
from tests.gateway.residents import COLLEAGUE, HOMELESS, OF_WCC, Resident
from tests.processes import a_free_port

CALLERS: Final = 4
_PAUSE_SECONDS: Final = 0.1
_START_SECONDS: Final = 120
"""How long a process may take to become ready on a machine that is busy with others and with the callers."""
_STOP_SECONDS: Final = 60
_STARTS_AT_ONCE: Final = 4
_LETTERS: Final = "abcdefghijklmnoprstuvwyz"


@dataclass(kw_only=True)
class Replica:
    """One process of a service, which answers on a port of its own, again and again."""

    package: str
    process: str = "api"
    told: Mapping[str, str]
    port: int = field(default_factory=a_free_port)
    running: Forked | None = None
    said: list[bytes] = field(default_factory=list)

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        port = "PORT" if self.process == "api" else "OPERATIONS_PORT"
        told = {**os.environ, **self.told, f"{self.package.upper()}_{port}": str(self.port)}
        self.running = await forked(self.package, self.process, told)
        self._listening = asyncio.create_task(self._listen(self.running))
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(_START_SECONDS):
            while not await self._ready(client):
                assert self.running.returncode is None, self.said[-3:]
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.running.wait(), _STOP_SECONDS)
        await self._listening
        assert self.running.returncode == 0, self.said[-3:]

    async def restart(self) -> None:
        """Stop it, and start it on the same port."""
        await self.stop()
        await self.start()

    async def end(self) -> None:
        """Kill it if it still runs."""
        if self.running is not None and self.running.returncode is None:
            self.running.kill()
            await self.running.wait()

    async def _ready(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def _listen(self, process: Forked) -> None:
        assert process.stderr is not None
        self.said.extend([line async for line in process.stderr])


@asynccontextmanager
async def started(*replicas: Replica) -> AsyncIterator[None]:
    """Run replicas until the end of the block."""
    at_once = asyncio.Semaphore(_STARTS_AT_ONCE)

    async def start(replica: Replica) -> None:
        async with at_once:
            await replica.start()

    try:
        await asyncio.gather(*(start(replica) for replica in replicas))
        yield
    finally:
        for replica in replicas:
            await replica.end()


@dataclass
class Callers:
    """Workers and systems at work: what was answered, what failed, and what was promised to be kept."""

    addresses: tuple[str, ...]
    residents: Mapping[str, Resident]
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    records: dict[str, str] = field(default_factory=dict)
    """Acknowledged records: the person of each by its local id."""
    cases: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _tokens: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Have everybody call, one thing after the other, until the end of the block."""
        over = asyncio.Event()
        works = [asyncio.create_task(self._keep_calling(number, over)) for number in range(CALLERS)]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*works)

    async def _keep_calling(self, number: int, over: asyncio.Event) -> None:
        doings: tuple[Callable[[httpx.AsyncClient], Awaitable[None]], ...]
        doings = (self._view, self._search, self._assert, self._decide, self._view, self._open_case)
        address = self.addresses[number % len(self.addresses)]
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as client:
            for turn in count(number):
                if over.is_set():
                    return
                doing = doings[turn % len(doings)]
                try:
                    await doing(client)
                except (httpx.TransportError, AssertionError) as error:
                    self.failed.append(f"{doing.__name__}: {type(error).__name__} {error}"[:300])
                else:
                    self.answered[doing.__name__] += 1
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _view(self, client: httpx.AsyncClient) -> None:
        view = await self._call(client, "GET", f"/v1/people/{self.residents['quilla'].theirs}", OF_WCC)
        assert view["unavailable"] == [], view["unavailable"]
        assert view["cases"], "the view spans all services"

    async def _search(self, client: httpx.AsyncClient) -> None:
        asked = self.residents["osric"].search["name"]
        found = await self._call(client, "POST", "/v1/people/search", COLLEAGUE, json=asked)
        assert found["items"], "somebody is found"

    async def _decide(self, client: httpx.AsyncClient) -> None:
        asked = {"subject": "ada", "roles": ["caseworker"], "purpose": "homelessness", "action": "read"}
        await self._call(client, "POST", "/v1/decisions", COLLEAGUE, json=asked)

    async def _assert(self, client: httpx.AsyncClient) -> None:
        number = next(self._numbers)
        name = "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(3))
        record = {
            "given_names": [f"Ro{name}"],
            "family_name": f"{name[::-1]}wick".title(),
            "date_of_birth": f"19{50 + number % 50}-0{1 + number % 9}-{10 + number % 18}",
            "observed_at": "2026-06-01T10:00:00Z",
        }
        path = f"/v1/sources/housing/records/rolling-{number}"
        told = await self._call(client, "PUT", path, "lbhf/crm/system", purpose="data-stewardship", json=record)
        self.records[f"rolling-{number}"] = told["person_id"]

    async def _open_case(self, client: httpx.AsyncClient) -> None:
        about = {"source": "housing", "local_id": self.residents["osric"].local_id, "lgsl": HOMELESS, "lgil": 0}
        told = await self._call(client, "POST", "/v1/cases", COLLEAGUE, json={**about, "description": "Has to leave."})
        self.cases.append(told["case_id"])

    async def _call(
        self, client: httpx.AsyncClient, method: str, path: str, who: str, *, purpose: str = "homelessness", **sent: Any
    ) -> dict[str, Any]:
        if who not in self._tokens:
            org, subject, roles = who.split("/")
            self._tokens[who] = a_token(org, subject, roles.split(","), at=datetime.now(UTC))
        headers = {"Authorization": f"Bearer {self._tokens[who]}", "SCV-Purpose": purpose}
        answer = await client.request(method, path, headers=headers, **sent)
        assert answer.status_code in (200, 201), f"{answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told
