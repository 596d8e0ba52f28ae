"""What relays, consumers and pools tell of themselves. On real PostgreSQL; Kafka's part is in test_metrics_kafka.py."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shared.bus import Condemned
from shared.db import Database
from shared.events import Envelope
from shared.inbox import once
from shared.metrics import ConsumerMetrics, RelayMetrics, keep_reading, new_registry, topic_label, watch_progress
from shared.progress import Progress
from shared.relay import publish_batch, relay
from single_node.postgres import Server
from tests import ledger


class Away:
    """A bus that is away until it is back."""

    def __init__(self) -> None:
        self.back = asyncio.Event()
        self.taken: list[Envelope] = []

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Take events, once it is back."""
        if not self.back.is_set():
            raise ConnectionResetError
        self.taken += envelopes


@pytest.fixture
async def made(server: Server) -> AsyncIterator[ledger.Ledger]:
    """An empty ledger."""
    async with ledger.a_ledger(server, pool_size=6) as made:
        yield made


def values(registry: CollectorRegistry) -> Callable[..., float]:
    """Make a function that gives the value of a sample, or -1 if there is none."""

    def value(name: str, **labels: str) -> float:
        found = registry.get_sample_value(name, labels)
        return -1 if found is None else found

    return value


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.02)


async def test_an_outbox_is_seen_to_fill_while_the_bus_is_away_and_to_drain_when_it_is_back(
    made: ledger.Ledger,
) -> None:
    registry, bus = CollectorRegistry(), Away()
    metrics = RelayMetrics(registry)
    read = metrics.reading(made.database, outbox=ledger.outbox)
    told = values(registry)
    await read()
    before = [told("scv_outbox_unpublished_events"), told("scv_outbox_oldest_seconds")]
    relaying = asyncio.ensure_future(relay(made.database, bus, outbox=ledger.outbox, metrics=metrics))
    try:
        for word in ("one", "two"):
            await ledger.tell(made.database, "a", word)
        await ledger.tell(made.database, "b", "three", topic="scv.partner.shelter-west.referrals")
        await until(lambda: told("scv_relay_failures_total") >= 1)
        await read()
        full, age = told("scv_outbox_unpublished_events"), told("scv_outbox_oldest_seconds")
        bus.back.set()
        await until(lambda: told("scv_relay_published_total", topic="scv.test.accounts") == 2)
        await until(lambda: told("scv_on_duty", duty="relay") == 1)
        await asyncio.sleep(0.1)
        await read()
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)

    assert before == [0, 0]
    assert full == 3
    assert 0 < age < 60
    assert told("scv_outbox_unpublished_events") == 0
    assert told("scv_outbox_oldest_seconds") == 0
    assert told("scv_relay_published_total", topic="scv.partner") == 1, "no organisation is named"
    assert told("scv_on_duty", duty="relay") == 0, "it has gone off duty"


async def test_of_two_relays_one_is_on_duty(made: ledger.Ledger) -> None:
    bus = Away()
    bus.back.set()
    registries = [CollectorRegistry(), CollectorRegistry()]
    relays = [
        asyncio.ensure_future(relay(made.database, bus, outbox=ledger.outbox, metrics=RelayMetrics(registry)))
        for registry in registries
    ]
    try:
        on_duty = {"duty": "relay"}
        await until(lambda: any(one.get_sample_value("scv_on_duty", on_duty) for one in registries))
        await asyncio.sleep(0.2)
        assert sorted(one.get_sample_value("scv_on_duty", on_duty) or 0 for one in registries) == [0, 1]
    finally:
        for one in relays:
            one.cancel()
        await asyncio.gather(*relays, return_exceptions=True)


async def test_parked_and_condemned_events_are_counted_until_they_have_taken_effect(made: ledger.Ledger) -> None:
    registry, caught = CollectorRegistry(), Away()
    read = ConsumerMetrics(registry).reading(made.database, parked=ledger.parked)
    told = values(registry)
    caught.back.set()
    for account, words in (("a", ("one", "two", "three")), ("b", ("four",))):
        for word in words:
            await ledger.tell(made.database, account, word)
    await publish_batch(made.database, caught, outbox=ledger.outbox)
    first, second, third, poison = caught.taken
    handle = once(made.database, ledger.follow, inbox=ledger.inbox, parked=ledger.parked)

    await handle(second)
    await handle(third)
    with pytest.raises(Condemned):
        await handle(poison.model_copy(update={"data": {"word": None}}))
    await read()
    parked = [told("scv_inbox_parked_events"), told("scv_inbox_condemned_events")]
    await handle(first)
    await handle(poison)
    await read()

    assert parked == [2, 1]
    assert [told("scv_inbox_parked_events"), told("scv_inbox_condemned_events")] == [0, 0]


async def test_a_process_says_what_it_is_and_how_many_connections_it_has(made: ledger.Ledger) -> None:
    registry = new_registry(service="customer-index", process="jobs", database=made.database)
    told = values(registry)

    async with made.database.transaction():
        in_use = told("scv_database_connections", state="in_use")
        idle = told("scv_database_connections", state="idle")

    assert [in_use, idle] == [1, 0]
    assert told("scv_database_connections", state="in_use") == 0
    assert told("scv_database_connections", state="idle") == 1
    assert told("scv_database_connections_max") == 6
    text = generate_latest(registry).decode()
    assert 'scv_info{process="jobs",service="customer-index",version="' in text
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text


async def test_how_long_ago_each_work_went_round_is_asked_at_the_scrape() -> None:
    registry, works = CollectorRegistry(), {"links": Progress()}
    watch_progress(registry, works)
    works["loads"] = Progress()

    await asyncio.sleep(0.05)
    works["loads"].beat()

    ages = [values(registry)("scv_progress_age_seconds", work=work) for work in ("links", "loads")]
    assert ages[0] > 0.04 > ages[1]


async def test_a_reading_that_fails_stops_no_other_and_is_seen_to_grow_old() -> None:
    registry, taken = CollectorRegistry(), asyncio.Event()

    async def fails() -> None:
        raise ConnectionResetError

    async def succeeds() -> None:
        taken.set()

    reading = asyncio.ensure_future(keep_reading(registry, fails, succeeds))
    await asyncio.wait_for(taken.wait(), 5)
    await asyncio.sleep(0.05)

    age = values(registry)("scv_readings_age_seconds")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert age > 0.04


async def test_a_reading_of_a_database_that_is_away_leaves_the_gauges_as_they_are(server: Server) -> None:
    registry = CollectorRegistry()
    away = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none", pool_size=1, name="away")
    metrics = RelayMetrics(registry)
    with pytest.raises(OSError, match="Connect call failed"):
        await metrics.reading(away, outbox=ledger.outbox)()
    await away.close()

    assert registry.get_sample_value("scv_outbox_unpublished_events") == 0


def test_the_topics_of_all_partners_are_one_label() -> None:
    assert topic_label("scv.partner.shelter-west.referrals") == topic_label("scv.partner.other.referrals")
    assert topic_label("scv.people") == "scv.people"
