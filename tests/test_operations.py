"""How processes that serve nobody are asked how they are: dead and busy differ, and what was away may come back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client import Counter
from pydantic_core import to_json

from shared.events import Envelope
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume
from shared.migrate import socket_url
from shared.operations import application
from shared.progress import Operations
from shared.relay import relay
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests import ledger
from tests.builders import PERMIT_KEY
from tests.forking import forked
from tests.processes import START_SECONDS, a_free_port, a_process, environment

NO_BROKER = "127.0.0.1:1"
SHORT = 2.0
"""Seconds of patience with a work that hangs on purpose."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A client of an operations endpoint."""

    client: httpx.AsyncClient

    async def status(self, path: str) -> int:
        """Give the status of an answer; 0 if there is none."""
        try:
            return (await self.client.get(path)).status_code
        except httpx.TransportError:
            return 0

    async def until(self, path: str, status: int, *, seconds: float = START_SECONDS) -> None:
        """Wait until a path answers with a status."""
        async with asyncio.timeout(seconds):
            while await self.status(path) != status:  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.1)


@asynccontextmanager
async def asked_process(package: str, name: str, told: Mapping[str, str]) -> AsyncIterator[Asked]:
    """Run a process with an operations endpoint, and ask it once it answers."""
    port = a_free_port()
    told = {**told, f"{package.upper()}_OPERATIONS_PORT": str(port), "KAFKA_BOOTSTRAP_SERVERS": NO_BROKER}
    async with (
        a_process(package, name, told, start=forked),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        asked = Asked(client)
        await asked.until("/livez", 200)
        yield asked


@asynccontextmanager
async def asked_work(operations: Operations) -> AsyncIterator[Asked]:
    """Ask what works of this very process came to."""

    async def ready() -> None:
        return

    transport = httpx.ASGITransport(application(operations, ready=ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://operations") as client:
        yield Asked(client)


@pytest.mark.parametrize(
    ("package", "name"),
    [("case_episodes", "relay"), ("case_episodes", "consumer"), ("referrals", "jobs"), ("gateway", "jobs")],
)
async def test_each_kind_of_process_answers_for_itself_and_an_absent_broker_is_not_its_fault(
    package: str, name: str, emptied: Server
) -> None:
    told = environment(emptied, package)
    if package == "gateway":
        told["GATEWAY_CHECKPOINT_KEY"] = to_json(PERMIT_KEY.as_dict(private=True)).decode()

    async with asked_process(package, name, told) as asked:
        await asked.until("/readyz", 200)

        assert await asked.status("/livez") == 200
        assert await asked.status("/metrics") == 200
        assert await asked.status("/") == 404


async def test_a_process_whose_database_is_away_is_alive_and_not_ready_and_ready_when_it_is_back(
    emptied: Server, tmp_path: Path
) -> None:
    address = socket_url(str(tmp_path), database="referrals", role="referrals_worker")
    told = environment(emptied, "referrals", worker_database_url=address)

    async with asked_process("referrals", "jobs", told) as asked:
        async with a_door(emptied, tmp_path):
            await asked.until("/readyz", 200)
        assert (await asked.status("/readyz"), await asked.status("/livez")) == (503, 200)
        async with a_door(emptied, tmp_path):
            await asked.until("/readyz", 200, seconds=10)


async def test_nothing_listens_where_no_port_is_given(emptied: Server) -> None:
    async with a_process("referrals", "jobs", environment(emptied, "referrals")) as (process, _):
        await asyncio.sleep(3)
        listening = _listening(process.pid)

    assert not listening


async def test_a_work_that_beats_in_time_is_alive_and_one_that_does_not_is_named() -> None:
    operations = Operations()
    quick = operations.progress("quick", patience_seconds=60)
    operations.progress("hanging", patience_seconds=0.05)
    Counter("scv_rounds", "Rounds", registry=operations.registry).inc()

    await asyncio.sleep(0.1)
    async with asked_work(operations) as asked:
        stuck = await asked.client.get("/livez")
        metrics = await asked.client.get("/metrics")

    assert (stuck.status_code, stuck.json()["works"]) == (503, ["hanging"])
    assert "scv_rounds_total 1.0" in metrics.text
    assert 0 < quick.age() < 60


async def test_a_work_that_waits_for_somebody_else_goes_on_beating() -> None:
    operations = Operations()
    progress = operations.progress("waits", patience_seconds=1.5)

    async with progress.waiting():
        await asyncio.sleep(2)
        assert operations.stuck() == []

    await asyncio.sleep(2)
    assert operations.stuck() == ["waits"]


async def test_a_relay_on_duty_or_on_standby_is_alive_while_no_broker_takes_its_events(server: Server) -> None:
    operations = Operations()
    bus = KafkaBus(KafkaSettings(bootstrap_servers=NO_BROKER))
    async with ledger.a_ledger(server) as made, asked_work(operations) as asked:
        await ledger.tell(made.database, "a", "word")
        relays = [
            asyncio.create_task(
                relay(
                    made.database,
                    bus,
                    outbox=ledger.outbox,
                    progress=operations.progress(name, patience_seconds=SHORT),
                )
            )
            for name in ("first", "second")
        ]
        await asyncio.sleep(3 * SHORT)

        assert await asked.status("/livez") == 200
        for task in relays:
            task.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
        await asked.until("/livez", 503, seconds=2 * SHORT)


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_consumer_that_waits_for_events_is_alive_and_one_whose_handler_hangs_is_not(kafka: str) -> None:
    operations = Operations()
    settings = KafkaSettings(bootstrap_servers=kafka, partitions=1)
    topic = f"scv.test.{uuid4().hex[:8]}"
    await create_topics(settings, [topic, dead_topic(topic, group="readers")])
    taken, released = asyncio.Event(), asyncio.Event()

    async def handler(_: Envelope) -> None:
        taken.set()
        await released.wait()

    bus = KafkaBus(settings)
    progress = operations.progress("consumer", patience_seconds=SHORT)
    reading = asyncio.create_task(consume(settings, group="readers", handlers={topic: handler}, progress=progress))
    try:
        async with asked_work(operations) as asked:
            await asyncio.sleep(3 * SHORT)
            assert await asked.status("/livez") == 200

            await bus.publish([_event(topic)])
            async with asyncio.timeout(10):
                await taken.wait()
            await asked.until("/livez", 503, seconds=3 * SHORT)

            released.set()
            await asked.until("/livez", 200, seconds=3 * SHORT)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await bus.close()


@asynccontextmanager
async def a_door(server: Server, directory: Path) -> AsyncIterator[None]:
    """Let processes reach the database by a socket in a directory; at the end cut off all who came this way."""
    ways: set[asyncio.Task[None]] = set()

    async def open_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(str(server.sockets / ".s.PGSQL.5432"))
        for source, sink in ((reader, back), (there, writer)):
            ways.add(asyncio.create_task(_passed_on(source, sink)))

    door = await asyncio.start_unix_server(open_way, directory / ".s.PGSQL.5432")
    try:
        yield
    finally:
        door.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        (directory / ".s.PGSQL.5432").unlink()


async def _passed_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while some := await source.read(65536):
            sink.write(some)
            await sink.drain()
    finally:
        sink.close()


def _listening(pid: int) -> list[str]:
    """Give the lines of the kernel's table for the sockets on which a process listens."""
    links = [one.readlink().name for one in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    lines = Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]
    assert inodes, "it has a connection to its database"
    return [line for line in lines if line.split()[3] == "0A" and line.split()[9] in inodes]


def _event(topic: str) -> Envelope:
    return Envelope(
        id=uuid4(),
        source="tests",
        type="test.happened.v1",
        topic=topic,
        subject="a",
        aggregate_version=1,
        owner="lbhf",
        txn=uuid4(),
        time=datetime(2026, 7, 1, 9, 0, tzinfo=UTC),
        data={},
    )
