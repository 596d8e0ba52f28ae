"""How fast an extract is taken in, against Splink training on and de-duplicating the same file, and in how much memory.

`bulk_rate` is records a second from handing the extract over until the last is taken in, by the real service and its
jobs process on a database that keeps what it acknowledges, with events written and households protected, against
Splink before and after it. `bulk_memory` is the largest resident set (RSS) of the jobs process; `beside` says how large
it was when a quarter was taken in, for what grows with an extract would have grown by then. The population is made up,
the records of all its sources in one file; BENCH_RECORDS says how many, 20,000 unless it does.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Final

import httpx
from pydantic_core import to_json
from sqlalchemy import select, text

from customer_index.app import create_app
from customer_index.settings import Settings
from customer_index.tables import loads
from shared.db import Database
from shared.migrate import migrate, provision, socket_url
from shared.permit import HEADER, fingerprint
from single_node.population.world import generate
from single_node.postgres import Durability, Server, running
from tests.bench.figures import Figure
from tests.builders import MINT, PERMIT_KEYS, SECRET, write_permit
from tests.conftest import url
from tests.kafka_broker import ROOT
from tests.processes import a_free_port, environment

RECORDS: Final = 20_000
"""What a machine shared with others takes in within three minutes."""
SERVICE: Final = "customer_index"
OWNER: Final = "lbhf"
_RECORDS_OF_A_RESIDENT: Final = 2
_MIB: Final = 1024
_LOOK_SECONDS: Final = 0.1

_PROTECT: Final = text(
    """
    INSERT INTO protections (protection_id, scheme, owner, source, local_id, household_wide, by_household,
                             set_by, set_at)
    SELECT gen_random_uuid(), 'refuge', :owner, 'crm', 'protected-before', true, false, 'bench', now()
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """How a load went."""

    seconds: float
    quarter_mib: float
    peak_mib: float
    counts: dict[str, float]


async def measure() -> list[Figure]:
    """Take an extract in between two rounds of Splink on the same file."""
    with tempfile.TemporaryDirectory(prefix="scv-bench-") as home:
        extract = Path(home) / "extract.ndjson"
        count = _write(extract, records=int(os.environ.get("BENCH_RECORDS", RECORDS)))
        _say(f"{count} records")
        before = await _splinked(extract)
        _say(f"Splink {count / before['seconds']:.0f} records/s")
        taken = await _taken_in(extract, Path(home))
        _say(f"taken in {count / taken.seconds:.0f} records/s")
        after = await _splinked(extract)
        _say(f"Splink {count / after['seconds']:.0f} records/s")
    splink = (before["seconds"] + after["seconds"]) / 2
    return [
        Figure(
            name="bulk_rate",
            value=splink / taken.seconds,
            unit="records/s per record/s",
            beside={
                "records": float(count),
                "records_per_second": count / taken.seconds,
                "splink_per_second": count / splink,
                "splink_people": before["people"],
                **taken.counts,
            },
        ),
        Figure(
            name="bulk_memory",
            value=taken.peak_mib,
            unit="MiB",
            beside={"records": float(count), "after_a_quarter": taken.quarter_mib},
        ),
    ]


def _write(extract: Path, *, records: int) -> int:
    """Write about so many records of a made-up population; give how many there are."""
    world = generate(7, residents=records // _RECORDS_OF_A_RESIDENT)
    with extract.open("wb") as file:
        for one in world.records:
            file.write(to_json({"local_id": f"{one.owner}-{one.source}-{one.local_id}", **one.record}) + b"\n")
    return len(world.records)


async def _splinked(extract: Path) -> dict[str, float]:
    """Have Splink work on an extract; it fails for want of what benchmark.lock names."""
    splink = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.splinked", str(extract)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await splink.communicate()
    if splink.returncode != 0:
        raise RuntimeError("Splink failed; make bench installs it")
    return dict(json.loads(out.splitlines()[-1]))


async def _taken_in(extract: Path, home: Path) -> TakenIn:
    with running(home / "postgres", durability=Durability.KEPT) as server:
        await server.require_own()
        await provision(server.admin_dsn, service=SERVICE)
        await migrate(SERVICE, url(server, SERVICE, "owner"))
        behind = Database(socket_url(str(server.sockets), database=SERVICE, role="postgres"), pool_size=1, name="bench")
        try:
            async with behind.transaction() as tx:
                await tx.execute(_PROTECT, {"owner": OWNER})
            async with _jobs(server) as jobs:
                began = perf_counter()
                await _hand_over(server, extract)
                quarter = 0.0
                while True:
                    await asyncio.sleep(_LOOK_SECONDS)
                    async with behind.transaction() as tx:
                        load = (await tx.execute(select(loads))).one()
                    counts = {name: float(getattr(load, name)) for name in ("created", "linked", "review", "rejected")}
                    if not quarter and sum(counts.values()) >= load.received / 4:
                        quarter = _peak_mib(jobs.pid)
                    if load.status in ("done", "failed"):
                        break
                if load.status == "failed":
                    raise RuntimeError("the load failed")
                seconds = perf_counter() - began
                return TakenIn(seconds=seconds, quarter_mib=quarter, peak_mib=_peak_mib(jobs.pid), counts=counts)
        finally:
            await behind.close()


async def _hand_over(server: Server, extract: Path) -> None:
    settings = Settings(
        database_url=url(server, SERVICE, "app"), cursor_secret=SECRET, permit_keys=to_json(PERMIT_KEYS).decode()
    )
    app = create_app(settings)
    path = "/v1/sources/crm/loads"
    permit = MINT.mint(
        write_permit(OWNER, "crm"), audience="customer-index", request=fingerprint("POST", path), at=datetime.now(UTC)
    )
    headers = {HEADER: permit, "Content-Type": "application/x-ndjson"}

    async def content() -> AsyncIterator[bytes]:
        with extract.open("rb") as file:
            while piece := file.read(65536):
                yield piece

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://customer-index") as client:
        answer = await client.post(path, headers=headers, content=content())
    await app.state.database.close()
    if answer.status_code != 202:
        raise RuntimeError(f"the extract was refused: {answer.status_code}")


@asynccontextmanager
async def _jobs(server: Server) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the jobs process."""
    told = environment(server, SERVICE, permit_keys=to_json(PERMIT_KEYS).decode(), operations_port=str(a_free_port()))
    jobs = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", SERVICE, "jobs"),
        cwd=ROOT,
        env={**os.environ, **told},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield jobs
    finally:
        if jobs.returncode is None:
            jobs.send_signal(signal.SIGTERM)
        await jobs.wait()


def _peak_mib(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines() if "VmHWM" in line]
    return int(line.split()[1]) / _MIB


def _say(what: str) -> None:
    print(f"bulk_rate: {what}", file=sys.stderr, flush=True)  # noqa: T201  progress of what takes minutes
