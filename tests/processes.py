"""Services as the processes they are deployed as: started on a free port of the loopback, asked, told to stop.

A process is stopped by its own id. It is started `afresh`, as whoever deploys it does, or `forked` where what it does
is the point and not that it starts. Not in this room: processes that are killed (`faults/process.py`).
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx

from single_node.postgres import Server
from tests.builders import SECRET
from tests.conftest import url
from tests.forking import forked
from tests.kafka_broker import ROOT

START_SECONDS = 40
"""How long a process may take to become ready on a machine that is busy with others."""


class Process(Protocol):
    """A process, however it was started; what it says on its standard error is read by us."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, or what killed it as a negative number; None while it lives."""

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """What it says."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""

    def kill(self) -> None:
        """Kill it."""

    async def wait(self) -> int:
        """Wait until it has ended; give its exit code."""


Start = Callable[[str, str, Mapping[str, str]], Awaitable[Process]]
"""How to start a process: of a package, by its name, with an environment."""


async def afresh(package: str, name: str, environ: Mapping[str, str]) -> Process:
    """Start a process as it is deployed."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", package, name), cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE
    )


@dataclass(frozen=True, slots=True)
class Api:
    """A service's API process and the address it answers at."""

    process: Process
    address: str


def a_free_port() -> int:
    """Give a port of the loopback that nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def environment(server: Server, package: str, **more: str) -> dict[str, str]:
    """Give what a process of a service is told, by the names of its settings."""
    told = {
        "database_url": url(server, package, "app"),
        "worker_database_url": url(server, package, "worker"),
        "cursor_secret": SECRET,
        "drain_seconds": "0",
        **more,
    }
    return {f"{package.upper()}_{name.upper()}": value for name, value in told.items()}


@asynccontextmanager
async def an_api(package: str, told: Mapping[str, str], *, start: Start = afresh) -> AsyncIterator[Api]:
    """Run the API of a service until the end of the block, and see that it stops in order when it is told to."""
    port = a_free_port()
    told = {**told, f"{package.upper()}_PORT": str(port)}
    async with a_process(package, "api", told, start=start) as (process, said):
        api = Api(process, f"http://127.0.0.1:{port}")
        await await_ready(api, said)
        yield api


@asynccontextmanager
async def a_process(
    package: str, name: str, told: Mapping[str, str], *, start: Start = afresh
) -> AsyncIterator[tuple[Process, asyncio.Future[list[bytes]]]]:
    """Run a process of a service until the end of the block, and see that it stops in order when it is told to; give
    it with what it will have said in the end."""
    process = await start(package, name, {**os.environ, **told})
    said = asyncio.ensure_future(_drained(process))
    try:
        yield process, said
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
        last = (await said)[-1]
        assert process.returncode == 0, last
        assert json.loads(last)["event"] == "stopped"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await said


async def ended(package: str, name: str, environ: Mapping[str, str]) -> tuple[int | None, str]:
    """Run a process of a service that ends by itself, with nothing else in its environment; give its exit code and
    what it logged. It prints nothing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", package, name),
        cwd=ROOT,
        env=environ,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, log = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert out == b""
    return process.returncode, log.decode()


async def ended_forked(package: str, name: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a process of a service that ends by itself, forked; give its exit code and what it logged. It prints
    nothing."""
    process = await forked(package, name, environ)
    assert process.stderr is not None
    log = (await asyncio.wait_for(process.stderr.read(), START_SECONDS)).decode()
    assert all(line.startswith('{"') for line in log.splitlines()), log
    return await process.wait(), log


async def _drained(process: Process) -> list[bytes]:
    assert process.stderr is not None
    return [line async for line in process.stderr]


async def await_ready(api: Api, said: asyncio.Future[list[bytes]]) -> None:
    """Wait until a process answers that it is ready."""
    async with httpx.AsyncClient(base_url=api.address, trust_env=False) as client, asyncio.timeout(START_SECONDS):
        while True:
            assert api.process.returncode is None, await said
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
