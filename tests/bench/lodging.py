"""How soon a process of a service is ready, and how much memory it holds while nobody asks anything of it.

`start` is the time from exec to the first `/readyz` that answers 200, of the slowest of the four APIs; `start_ratio` is
that against an API that is empty but for the same libraries (`bare`), started by turns with the others. `idle_memory`
is the resident set (RSS) of the largest of all processes a few seconds after it was ready: more than a container is
charged for, since pages shared with other processes count in full.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

import httpx
from pydantic_core import to_json

from shared.migrate import migrate, provision
from single_node.postgres import Durability, Server, running
from tests.bench.figures import Figure, percentile
from tests.builders import PERMIT_KEY, PERMIT_KEYS
from tests.conftest import SERVICES, url
from tests.kafka_broker import ROOT, NoKafka, any_broker
from tests.processes import START_SECONDS, a_free_port, environment

STARTS: Final = 3
IDLE_SECONDS: Final = 4
PROCESSES: Final = {
    "customer_index": ("api", "relay", "consumer", "jobs"),
    "case_episodes": ("api", "relay", "consumer"),
    "referrals": ("api", "relay", "consumer", "jobs"),
    "gateway": ("api", "relay", "jobs"),
}
_BARE: Final = ("tests.bench.bare", "api")
_MIB: Final = 1024


async def starts() -> list[Figure]:
    """Time the start of each API, and of the empty one, by turns."""
    modules = [(package, "api") for package in PROCESSES]
    seconds: dict[str, list[float]] = {module: [] for module, _ in (*modules, _BARE)}
    async with _databases() as server:
        for _ in range(STARTS):
            for module, process in (_BARE, *modules):
                async with _ready(server, module, process) as (took, _):
                    seconds[module].append(took)
    medians = {module: percentile(times, 0.5) for module, times in seconds.items()}
    bare = medians.pop(_BARE[0])
    slowest = max(medians.values())
    return [
        Figure(name="start", value=slowest, unit="s", beside={**medians, "bare": bare}),
        Figure(name="start_ratio", value=slowest / bare, unit="p50/p50", beside={"bare_s": bare}),
    ]


async def idle_memory() -> list[Figure]:
    """Weigh each process of each service once it has been idle for a while."""
    held: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        try:
            broker = await stack.enter_async_context(any_broker())
        except NoKafka:
            broker = "127.0.0.1:1"
        server = await stack.enter_async_context(_databases())
        for package, processes in PROCESSES.items():
            for process in processes:
                async with _ready(server, package, process, KAFKA_BOOTSTRAP_SERVERS=broker) as (_, pid):
                    await asyncio.sleep(IDLE_SECONDS)
                    held[f"{package}_{process}"] = _resident_mib(pid)
    return [Figure(name="idle_memory", value=max(held.values()), unit="MiB", beside=held)]


@asynccontextmanager
async def _ready(server: Server, module: str, process: str, **more: str) -> AsyncIterator[tuple[float, int]]:
    """Run a process; give the seconds until it was ready, and its id."""
    port = a_free_port()
    began = perf_counter()
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, process),
        cwd=ROOT,
        env={**os.environ, **_told(server, module, process, port), **more},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(START_SECONDS):
            while not await _answers(client, port):
                if started.returncode is not None:
                    raise RuntimeError(f"{module} {process} did not start")
                await asyncio.sleep(0.02)
        yield perf_counter() - began, started.pid
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGTERM)
        await started.wait()


async def _answers(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def _told(server: Server, module: str, process: str, port: int) -> dict[str, str]:
    if module == _BARE[0]:
        return {"BARE_DATABASE_URL": url(server, "gateway", "app"), "BARE_PORT": str(port)}
    key = to_json(PERMIT_KEY.as_dict(private=True)).decode()
    keys = to_json(PERMIT_KEYS).decode()
    kept: Mapping[str, str] = (
        {"permit_key": key, "checkpoint_key": key, "customer_index_url": "http://127.0.0.1:1"}
        if module == "gateway"
        else {"permit_keys": keys}
    )
    at = {"port" if process == "api" else "operations_port": str(port)}
    return environment(server, module, **kept, **at)


def _resident_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines() if "VmRSS" in line]
    return int(line.split()[1]) / _MIB


@asynccontextmanager
async def _databases() -> AsyncIterator[Server]:
    with (
        tempfile.TemporaryDirectory(prefix="scv-bench-") as home,
        running(Path(home) / "postgres", durability=Durability.THROW_AWAY) as server,
    ):
        await server.require_own()
        for service in SERVICES:
            await provision(server.admin_dsn, service=service)
            await migrate(service, url(server, service, "owner"))
        yield server
