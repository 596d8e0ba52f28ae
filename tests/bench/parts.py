"""What figures of the running product are measured on: databases of their own, and processes.

The databases are as the single node has them, so that what is acknowledged is on the disk. Not in this room: what is
done with them, and the product's own processes (`tests.processes`).
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from shared.migrate import migrate, provision
from single_node.postgres import Server, running
from tests.conftest import SERVICES, url
from tests.kafka_broker import ROOT
from tests.processes import START_SECONDS, a_free_port

LEAST = "tests.bench.least"


@asynccontextmanager
async def databases(services: Iterable[str] = SERVICES) -> AsyncIterator[Server]:
    """Run a PostgreSQL with the databases of some services until the end of the block, and leave nothing of it."""
    with tempfile.TemporaryDirectory(prefix="scv-bench-") as home, running(Path(home) / "postgres") as server:
        await server.require_own()
        for service in services:
            await provision(server.admin_dsn, service=service)
            await migrate(service, url(server, service, "owner"))
        yield server


@asynccontextmanager
async def the_least(kind: str, **told: str) -> AsyncIterator[str]:
    """Run one of the APIs of `least` until the end of the block; give its address."""
    port = a_free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", LEAST, kind),
        cwd=ROOT,
        env={**os.environ, **{f"LEAST_{name.upper()}": value for name, value in told.items()}, "LEAST_PORT": str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(START_SECONDS):
            while not await _answers(client, address):
                assert process.returncode is None, f"{LEAST} {kind} did not start"
                await asyncio.sleep(0.05)
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        await client.get(address)
    except httpx.TransportError:
        return False
    return True
