"""How a service leaves: who calls it learns of it with the next answer, and no call is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from shared.processes import serve
from shared.settings import ServiceSettings
from shared.web import create_app
from tests.faults.balancing import a_service, endpoints
from tests.processes import a_free_port

DRAIN_SECONDS = 2.0
LOOK_SECONDS = 0.7
"""How long a balancer may take to learn who is ready: less than the one, and more than nothing."""
LOADERS = 8


@dataclass
class Served:
    """A small service of this very process, and what its calls wait for."""

    drain_seconds: float = 1.0
    finish_seconds: int = 35
    port: int = field(default_factory=a_free_port)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    received: int = 0

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        settings = ServiceSettings(
            database_url="postgresql+asyncpg://nowhere",
            cursor_secret=SecretStr("x" * 32),
            port=self.port,
            drain_seconds=self.drain_seconds,
            finish_seconds=self.finish_seconds,
        )
        self._serving = asyncio.create_task(serve(self._app(), settings))
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, self.address):  # noqa: ASYNC110  it becomes ready by itself
                await asyncio.sleep(0.02)

    def told_to_stop(self) -> None:
        """Do what a signal does, the first time."""
        if not self._serving.cancelling():
            self._serving.cancel()

    async def gone(self) -> None:
        """Wait until it has left."""
        with suppress(asyncio.CancelledError):
            await self._serving

    def _app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield

        async def ready() -> None:
            return

        app = create_app(
            "drained", registry=CollectorRegistry(), lifespan=lifespan, ready=ready, max_body_bytes=10_000_000
        )

        @app.get("/slow")
        async def slow() -> dict[str, str]:
            self.called.set()
            await self.released.wait()
            return {"status": "done"}

        @app.post("/loads")
        async def load(request: Request) -> dict[str, int]:
            async for some in request.stream():
                self.received += len(some)
                self.called.set()
            return {"received": self.received}

        return app


@asynccontextmanager
async def served(**told: float) -> AsyncIterator[tuple[Served, httpx.AsyncClient]]:
    """Serve until the end of the block."""
    service = Served(**told)  # type: ignore[arg-type]
    await service.start()
    async with httpx.AsyncClient(base_url=service.address, trust_env=False, timeout=20) as client:
        try:
            yield service, client
        finally:
            service.released.set()
            service.told_to_stop()
            await service.gone()


async def test_one_who_leaves_is_not_ready_but_answers_and_ends_every_connection() -> None:
    async with served() as (service, client):
        before = await client.get("/livez")
        service.told_to_stop()
        await asyncio.sleep(0.1)
        on_the_same = await client.get("/livez")
        on_another = await client.get("/readyz")

    assert "connection" not in before.headers
    assert (on_the_same.status_code, on_the_same.headers["connection"]) == (200, "close")
    assert (on_another.status_code, on_another.headers["connection"]) == (503, "close")
    assert on_another.json()["type"] == "/problems/unavailable"


async def test_a_call_under_way_is_finished_and_then_nobody_listens() -> None:
    async with served(drain_seconds=0) as (service, client):
        slow = asyncio.create_task(client.get("/slow"))
        await service.called.wait()
        service.told_to_stop()
        await asyncio.sleep(0.5)
        with pytest.raises(httpx.ConnectError):
            await client.get("/livez")
        service.released.set()
        answer = await slow
        await service.gone()

    assert (answer.status_code, answer.json()) == (200, {"status": "done"})


async def test_a_call_that_takes_too_long_is_told_to_try_again() -> None:
    async with served(drain_seconds=0, finish_seconds=1) as (service, client):
        slow = asyncio.create_task(client.get("/slow"))
        await service.called.wait()
        service.told_to_stop()
        answer = await slow
        await service.gone()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_an_upload_that_takes_too_long_is_told_to_try_again() -> None:
    forever = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        yield json.dumps({"local_id": "a"}).encode()
        await forever.wait()

    async with served(drain_seconds=0, finish_seconds=1) as (service, client):
        load = asyncio.create_task(client.post("/loads", content=lines()))
        await service.called.wait()
        service.told_to_stop()
        await service.gone()
        forever.set()
        answer = await load

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(("drain_seconds", "fails"), [(DRAIN_SECONDS, False), (0.0, True)])
async def test_a_restart_behind_a_balancer_fails_no_call_and_would_without_draining(
    drain_seconds: float, fails: bool
) -> None:
    failed: list[str] = []
    answered = 0
    over = asyncio.Event()

    async def keep_calling(address: str) -> None:
        nonlocal answered
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            while not over.is_set():
                try:
                    assert (await client.get("/livez")).status_code == 200
                    answered += 1
                except httpx.TransportError as error:
                    failed.append(type(error).__name__)
                await asyncio.sleep(0.002)

    async with AsyncExitStack() as stack:
        first, _ = await stack.enter_async_context(served(drain_seconds=drain_seconds))
        second, _ = await stack.enter_async_context(served(drain_seconds=drain_seconds))
        replicas = await stack.enter_async_context(endpoints(first.port, second.port, look_seconds=LOOK_SECONDS))
        address = await stack.enter_async_context(a_service(replicas))
        while len(replicas.ready) < 2:  # noqa: ASYNC110  whoever watches them finds out
            await asyncio.sleep(0.02)
        callers = [asyncio.create_task(keep_calling(address)) for _ in range(LOADERS)]
        for replica in (first, second):
            replica.told_to_stop()
            await replica.gone()
            await asyncio.sleep(LOOK_SECONDS)
            await replica.start()
            while len(replicas.ready) < 2:  # noqa: ASYNC110  the same
                await asyncio.sleep(0.02)
        over.set()
        await asyncio.gather(*callers)

    assert answered > LOADERS
    assert bool(failed) is fails, failed


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"{address}/readyz")).status_code == 200
    except httpx.TransportError:
        return False
