"""How fast events leave the outbox and how soon they take effect, against the bare Kafka client on the same broker.

`relay_rate` is events a second from a full outbox through the real relay, until all are marked, against the least that
must be done with the same bytes: the same client with the same settings, batch by batch, each acknowledged before the
next. `event_latency` is the time from a commit to the commit of its effect, through relay, broker, consumer and inbox,
while little happens, against the time a record takes from one bare client to another. Both sides take turns.
"""

import asyncio
import gc
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import func, select, text

from shared.cloudevents import Record, record_of
from shared.events import Envelope, PersonRecordLinked
from shared.kafka import KafkaBus, create_topics, new_producer
from shared.outbox import Happened, attributes_of, emit, envelope_of
from shared.relay import BATCH, relay
from shared.settings import KafkaSettings
from single_node.postgres import Durability, running
from tests import ledger
from tests.bench.figures import Figure, percentile, ratio_of_medians
from tests.kafka_broker import ROOT, own_broker

EVENTS: Final = 20 * BATCH
DRAINS: Final = 6
MOMENTS: Final = 100
_PAUSE: Final = (0.1, 0.5)
"""Seconds between two events while little happens, so that a relay that looks now and then has nothing to see."""
_PATIENCE: Final = 60

Timed = Callable[[], Awaitable[float]]


class Seen:
    """A bus that counts what went through it."""

    def __init__(self, bus: KafkaBus) -> None:
        self._bus = bus
        self.events = 0

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish, then count."""
        await self._bus.publish(envelopes)
        self.events += len(envelopes)


async def relay_rate() -> list[Figure]:
    """Drain a full outbox, and send the same records by hand, by turns."""
    async with _stage() as (settings, made, topic):
        records = await _fill(made, topic=topic)
        producer, bus = new_producer(settings), KafkaBus(settings)
        await producer.start()

        async def drain() -> float:
            await _fill(made, topic=topic)
            return await _drained(made, bus)

        async def send() -> float:
            began = perf_counter()
            for start in range(0, EVENTS, BATCH):
                await _send(producer, records[start : start + BATCH])
            return perf_counter() - began

        gc.collect()
        gc.freeze()
        try:
            seconds = await _by_turns({"relay": drain, "bare": send}, warm=1, times=DRAINS)
        finally:
            await producer.stop()
            await bus.close()
            gc.unfreeze()
    rates = {name: EVENTS / percentile(times, 0.5) for name, times in seconds.items()}
    return [
        Figure(
            name="relay_rate",
            value=rates["relay"] / rates["bare"],
            unit="events/s per event/s",
            beside={"events_per_second": rates["relay"], "bare_per_second": rates["bare"], "batch": float(BATCH)},
        )
    ]


async def event_latency() -> list[Figure]:
    """Wait for the effect of a change, and for a record sent by hand, by turns."""
    async with _stage() as (settings, made, topic), AsyncExitStack() as stack:
        beside = f"{topic}.bare"
        await create_topics(settings, [beside])
        await stack.enter_async_context(_following("relay", settings, made, topic=topic))
        effects = await stack.enter_async_context(_following("consumer", settings, made, topic=topic))
        arrivals = await stack.enter_async_context(_following("bare", settings, made, topic=beside))
        producer = new_producer(settings)
        await producer.start()
        stack.push_async_callback(producer.stop)
        words = map(str, count())

        async def change() -> float:
            word = next(words)
            await ledger.tell(made.database, "account", word, topic=topic)
            return await _until(effects, word, began=perf_counter())

        async def send() -> float:
            word, began = next(words), perf_counter()
            await producer.send(beside, value=word.encode(), key=b"account")
            return await _until(arrivals, word, began=began)

        seconds = await _by_turns({"event": change, "bare": send}, warm=10, times=MOMENTS, pause=_PAUSE)
    compared = ratio_of_medians("event_latency", seconds["event"], against=seconds["bare"])
    return [replace(compared, value=compared.beside["p95_ratio"], unit="p95/p95")]


async def _fill(made: ledger.Ledger, *, topic: str) -> list[Record]:
    """Empty the outbox, put events into it, and give the records that come of them."""
    async with made.database.transaction() as tx:
        await tx.execute(text("TRUNCATE outbox RESTART IDENTITY"))
    for _ in range(0, EVENTS, 1000):
        happened = [Happened(PersonRecordLinked(record_id=uuid4()), str(uuid4()), 1, topic=topic) for _ in range(1000)]
        async with made.database.transaction() as tx:
            await emit(
                tx, ledger.outbox, happened, source="/customer-index", owner="lbhf", txn=uuid4(), at=datetime.now(UTC)
            )
    async with made.database.transaction() as tx:
        rows = await tx.execute(select(*attributes_of(ledger.outbox)).order_by(ledger.outbox.c.id))
        return [record_of(envelope_of(row)) for row in rows]


async def _drained(made: ledger.Ledger, bus: KafkaBus) -> float:
    """Run a relay until nothing waits any more; give the seconds it took."""
    seen = Seen(bus)
    waiting = select(func.count()).select_from(ledger.outbox).where(ledger.outbox.c.published_at.is_(None))
    began = perf_counter()
    async with _running(relay(made.database, seen, outbox=ledger.outbox)):
        while True:
            await asyncio.sleep(0.005)
            if seen.events >= EVENTS:
                async with made.database.transaction() as tx:
                    if (await tx.execute(waiting)).scalar_one() == 0:
                        return perf_counter() - began


async def _send(producer: Any, records: Sequence[Record]) -> None:
    taken = [
        await producer.send(record.topic, value=record.value, key=record.key, headers=list(record.headers))
        for record in records
    ]
    await asyncio.gather(*taken)


@asynccontextmanager
async def _following(
    role: str, settings: KafkaSettings, made: ledger.Ledger, *, topic: str
) -> AsyncIterator[asyncio.StreamReader]:
    """Run a follower until the end of the block; give what it says."""
    follower = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.followers", role, made.url, topic),
        cwd=ROOT,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers},
        stdout=asyncio.subprocess.PIPE,
    )
    assert follower.stdout is not None
    try:
        yield follower.stdout
    finally:
        if follower.returncode is None:
            follower.send_signal(signal.SIGTERM)
        await follower.wait()


async def _until(said: asyncio.StreamReader, word: str, *, began: float) -> float:
    """Wait until a follower says a word; give the seconds until it said so."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            arrived, at = (await said.readline()).decode().split()
            if arrived == word:
                return float(at) - began


async def _by_turns(
    works: Mapping[str, Timed], *, warm: int, times: int, pause: tuple[float, float] = (0.0, 0.0)
) -> dict[str, list[float]]:
    """Have each of some works done so many times after warming up; give the seconds that each says it took."""
    chance = Random(7)  # noqa: S311  a repeatable order, not a secret
    seconds: dict[str, list[float]] = {name: [] for name in works}
    order = list(works)
    for turn in range(-warm, times):
        chance.shuffle(order)
        for name in order:
            await asyncio.sleep(chance.uniform(*pause))
            took = await works[name]()
            if turn >= 0:
                seconds[name].append(took)
    return seconds


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _stage() -> AsyncIterator[tuple[KafkaSettings, ledger.Ledger, str]]:
    """Run a broker and a database of our own; give them, and the name of a topic."""
    topic = f"scv.bench.{uuid4().hex[:8]}"
    with (
        tempfile.TemporaryDirectory(prefix="scv-bench-") as home,
        running(Path(home) / "postgres", durability=Durability.THROW_AWAY) as server,
    ):
        async with own_broker() as broker, ledger.a_ledger(server, pool_size=6) as made:
            settings = KafkaSettings(bootstrap_servers=broker.address, partitions=3)
            await create_topics(settings, [topic])
            yield settings, made, topic
