"""What any bus of ours does, tried on the one inside a process and on real Apache Kafka: outbox, relay, bus, inbox."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import TimeoutError as PoolExhausted
from structlog.testing import capture_logs

from shared import telemetry
from shared.bus import Handler, LocalBus
from shared.db import Database, Transaction
from shared.events import Envelope
from shared.inbox import once, redrive
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume
from shared.logs import with_ids
from shared.relay import relay
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests import ledger

BUSES = [
    "local",
    pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")]),
]


@dataclass
class Way:
    """The whole way of an event: what is told here takes effect there."""

    database: Database
    topic: str
    handler: Handler
    received: list[Envelope] = field(default_factory=list)
    effects: list[tuple[str, int]] = field(default_factory=list)
    """Tried, whether or not they were committed."""
    traces: list[tuple[int, str]] = field(default_factory=list)
    """The versions tried, and the trace in which that was done."""
    refusals: dict[str, Iterator[Exception]] = field(default_factory=dict)
    """What the effect of a word fails with, as long as there is any more."""

    async def tell(self, account: str, *words: str) -> None:
        """Tell an account some words."""
        for word in words:
            await ledger.tell(self.database, account, word, topic=self.topic)

    async def arrive(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110  what is waited for is in a database
                await asyncio.sleep(0.02)

    async def versions(self, account: str) -> list[int]:
        """Give the versions that took effect, in their order."""
        mine = select(ledger.applied.c.version).where(ledger.applied.c.subject == account)
        async with self.database.transaction() as tx:
            return list((await tx.execute(mine.order_by(ledger.applied.c.id))).scalars())

    async def parked(self, account: str) -> list[tuple[int, str | None]]:
        """Give the versions that are parked, with what was wrong."""
        table = ledger.parked
        async with self.database.transaction() as tx:
            rows = await tx.execute(
                select(table.c.version, table.c.error).where(table.c.subject == account).order_by(table.c.version)
            )
            return [(row.version, row.error) for row in rows]

    async def publish_again(self) -> None:
        """Have everything published once more, as after a crash before it was marked."""
        async with self.database.transaction() as tx:
            await tx.execute(update(ledger.outbox).values(published_at=None))

    async def published(self) -> bool:
        """Tell whether the outbox is empty."""
        waiting = select(func.count()).select_from(ledger.outbox).where(ledger.outbox.c.published_at.is_(None))
        async with self.database.transaction() as tx:
            return (await tx.execute(waiting)).scalar_one() == 0


def way_on(database: Database, topic: str) -> Way:
    """Make a way whose effects can be made to fail."""

    async def effect(tx: Transaction, envelope: Envelope) -> None:
        made.received.append(envelope)
        made.effects.append((envelope.subject, envelope.aggregate_version))
        made.traces.append((envelope.aggregate_version, telemetry.ids()["trace_id"]))
        await ledger.follow(tx, envelope)
        refusal = next(made.refusals.get(envelope.data["word"], iter(())), None)
        if refusal is not None:
            raise refusal

    made = Way(database, topic, once(database, effect, inbox=ledger.inbox, parked=ledger.parked))
    return made


@pytest.fixture
def said() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged."""
    with capture_logs(processors=[with_ids]) as said:
        yield said


@pytest.fixture(params=BUSES)
def broker(request: Any) -> str | None:
    """The address of Kafka, or None for the bus inside this process."""
    return request.getfixturevalue("kafka") if request.param == "kafka" else None


@pytest.fixture
async def way(broker: str | None, server: Server, said: object) -> AsyncIterator[Way]:
    """A way over each bus in turn."""
    topic = f"scv.test.{uuid4().hex[:8]}"
    async with ledger.a_ledger(server, pool_size=6) as made:
        database = made.database
        way = way_on(database, topic)
        if broker is None:
            bus = LocalBus()
            bus.subscribe(topic, way.handler)
            async with running(relay(database, bus, outbox=ledger.outbox)):
                yield way
        else:
            settings = KafkaSettings(bootstrap_servers=broker, partitions=3)
            await create_topics(settings, [topic, dead_topic(topic, group="readers")])
            kafka = KafkaBus(settings)
            reading = consume(settings, group="readers", handlers={topic: way.handler})
            async with running(relay(database, kafka, outbox=ledger.outbox)), running(reading):
                yield way
            await kafka.close()


def a_traceparent(number: int) -> str:
    """Name a place in a trace."""
    return f"00-{number:032x}-{number:016x}-01"


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    """Do something in the background as long as the block runs."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_events_of_an_aggregate_take_effect_in_order_and_once(way: Way) -> None:
    for number in range(30):
        await way.tell(f"a-{number % 3}", f"word-{number}")
    await ledger.settle(way.database)

    finding = await ledger.find(way.database)
    assert finding == ledger.Finding(written=30, lost=0, reordered=0, repeated=0, states_equal=True)


async def test_an_event_whose_handling_failed_for_a_moment_is_handed_over_again(way: Way) -> None:
    way.refusals["late"] = iter([PoolExhausted(), ConnectionResetError()])
    await way.tell("a", "early", "late", "later")
    await ledger.settle(way.database)

    assert await way.versions("a") == [1, 2, 3]
    assert way.effects.count(("a", 2)) >= 3
    assert await way.parked("a") == []


async def test_what_is_published_twice_takes_effect_once(way: Way) -> None:
    await way.tell("a", "one", "two")
    await ledger.settle(way.database)
    await way.publish_again()
    await way.arrive(way.published)
    await way.tell("a", "three")
    await ledger.settle(way.database)

    assert await way.versions("a") == [1, 2, 3]
    assert (await ledger.find(way.database)).states_equal


async def test_a_poisonous_event_parks_its_aggregate_and_no_other_until_it_is_redriven(way: Way) -> None:
    way.refusals["poison"] = repeat(ValueError("bad"))
    await way.tell("ill", "sound", "poison", "after", "later")
    await way.tell("well", "one", "two")

    async def all_seen() -> bool:
        return await way.versions("well") == [1, 2] and len(await way.parked("ill")) == 3

    await way.arrive(all_seen)
    assert await way.versions("ill") == [1]
    assert await way.parked("ill") == [(2, "ValueError"), (3, None), (4, None)]
    handlers = {way.topic: way.handler}
    assert await redrive(way.database, parked=ledger.parked, handlers=handlers) == 1, "it still fails"
    assert await way.versions("ill") == [1]

    way.refusals.clear()
    assert await redrive(way.database, parked=ledger.parked, handlers=handlers) == 0
    assert await way.versions("ill") == [1, 2, 3, 4]
    assert await way.parked("ill") == []
    await way.tell("ill", "well again")
    await ledger.settle(way.database)
    assert await ledger.find(way.database) == ledger.Finding(6 + 1, 0, 0, 0, states_equal=True)


async def test_what_one_member_gave_up_after_another_had_taken_it_in_is_forgotten_when_it_is_redriven(way: Way) -> None:
    await way.tell("a", "one", "two")
    await ledger.settle(way.database)
    given_up = way.received[1]
    row = {"source": "accounts", "subject": "a", "version": 2, "topic": way.topic, "error": "ValueError"}
    async with way.database.transaction() as tx:
        await tx.execute(insert(ledger.parked).values(row | {"envelope": given_up.model_dump(mode="json")}))

    assert await redrive(way.database, parked=ledger.parked, handlers={way.topic: way.handler}) == 0

    assert await way.versions("a") == [1, 2]
    assert await way.parked("a") == []


async def test_an_event_arrives_as_it_was_told(way: Way) -> None:
    with telemetry.following(a_traceparent(1)):
        await way.tell("é/ü", "naïve “word”")
    await ledger.settle(way.database)

    (envelope,) = way.received
    async with way.database.transaction() as tx:
        row = (await tx.execute(select(ledger.outbox))).one()
    assert envelope.model_dump() == {
        "id": row.event_id,
        "source": "accounts",
        "type": "account.told.v1",
        "topic": way.topic,
        "subject": "é/ü",
        "aggregate_version": 1,
        "owner": "lbhf",
        "txn": row.txn,
        "time": row.time,
        "data": {"word": "naïve “word”"},
        "traceparent": a_traceparent(1),
    }


async def test_what_comes_of_an_event_is_done_in_its_trace_also_when_it_had_to_wait(
    way: Way, said: list[MutableMapping[str, Any]]
) -> None:
    way.refusals["late"] = iter([PoolExhausted()])
    way.refusals["poison"] = iter([ValueError()] * 3)
    for number, word in enumerate(("late", "poison", "after"), start=1):
        with telemetry.following(a_traceparent(number)):
            await way.tell("a", word)
    await way.tell("b", "untraced")

    async def parked() -> bool:
        return len(await way.parked("a")) == 2 and await way.versions("b") == [1]

    await way.arrive(parked)
    assert await redrive(way.database, parked=ledger.parked, handlers={way.topic: way.handler}) == 0

    assert await way.versions("a") == [1, 2, 3]
    of_a = list(zip(way.effects, way.traces, strict=True))
    assert {trace for (account, _), trace in of_a if account == "a"} == {
        (number, a_traceparent(number).split("-")[1]) for number in (1, 2, 3)
    }
    traces = {trace for _, (_, trace) in of_a}
    assert len(traces) == 4, "what has none gets one"
    waited = [line for line in said if line["event"] in ("record failed", "batch not published")]
    assert [line["trace_id"] for line in waited] == [a_traceparent(1).split("-")[1]]


async def test_a_gap_raises_an_alarm_and_is_waited_for(way: Way, said: list[MutableMapping[str, Any]]) -> None:
    def event(version: int) -> Envelope:
        return Envelope(
            id=uuid4(), source="accounts", type="account.told.v1", topic=way.topic, subject="a", owner="lbhf",
            aggregate_version=version, txn=uuid4(), time=datetime.now(UTC), data={"word": str(version)},
        )  # fmt: skip

    for version in (1, 3, 4, 2, 5):
        await way.handler(event(version))

    alarms = [(each["version"], each["after"]) for each in said if each["event"] == "event ahead of its time"]
    assert alarms == [(3, 1), (4, 1)]
    assert await way.versions("a") == [1, 2, 3, 4, 5]
    assert await way.parked("a") == []
