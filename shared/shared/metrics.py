"""What a process counts of itself and measures, for Prometheus.

In this room: the registry of a process, what every process tells, what relays and consumers tell, and readings of the
database: taken now and then by the process whose work they are about, never by a scrape. A service's own metrics are
in its `metrics.py`; what is made of all of them is in deploy/observability.

A label's value is one of a few words that the code knows: never an id, a path, an organisation or anything that a
caller sent.
"""

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Table, func, select

from shared.bus import Bus
from shared.db import Database
from shared.events import Envelope
from shared.events.base import PARTNERS
from shared.progress import Progress

_READING_SECONDS: Final = 15.0

Reading = Callable[[], Awaitable[None]]
"""Asks the database something that costs the same however long the service has run, and sets gauges by the answer."""

log = structlog.get_logger()


def new_registry(*, service: str, process: str, database: Database) -> CollectorRegistry:
    """Make the registry of a process: who it is, what the interpreter and the system know of it, its connections."""
    # A second series for each counter, of which nobody makes anything.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    info = Gauge("scv_info", "1; the labels say what runs here", ["service", "process", "version"], registry=registry)
    info.labels(service, process, version(f"scv-{service}")).set(1)
    registry.register(_Connections(database))
    return registry


def watch_progress(registry: CollectorRegistry, works: Mapping[str, Progress]) -> None:
    """Tell how long ago each work of a process last went round; works may join later."""
    registry.register(_ProgressAges(works))


class _Connections(Collector):
    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Count now; it is arithmetic on numbers the pool keeps."""
        pool = self._database.connections()
        states = GaugeMetricFamily("scv_database_connections", "Connections to the database", labels=["state"])
        states.add_metric(["in_use"], pool.in_use)
        states.add_metric(["idle"], pool.idle)
        yield states
        yield GaugeMetricFamily("scv_database_connections_max", "Connections this process may hold", value=pool.most)


class _ProgressAges(Collector):
    def __init__(self, works: Mapping[str, Progress]) -> None:
        self._works = works

    def collect(self) -> Iterator[Metric]:
        """Ask each work."""
        ages = GaugeMetricFamily("scv_progress_age_seconds", "Time since a work last went round", labels=["work"])
        for work, progress in self._works.items():
            ages.add_metric([work], progress.age())
        yield ages


class ReadingsAge:
    """How long ago all readings of the database were taken last."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._last = time.monotonic()
        age = Gauge("scv_readings_age_seconds", "Time since all readings were taken", registry=registry)
        age.set_function(lambda: time.monotonic() - self._last)

    def taken(self) -> None:
        """Note that they were taken now."""
        self._last = time.monotonic()


async def keep_reading(registry: CollectorRegistry, *readings: Reading) -> None:
    """Take readings every fifteen seconds until cancelled; one that fails leaves its gauges as they are."""
    age = ReadingsAge(registry)
    while True:
        failed = False
        for reading in readings:
            try:
                await reading()
            except Exception as error:  # what is measured must never stop what is done
                log.warning("reading failed", exc_info=error)
                failed = True
        if not failed:
            age.taken()
        await asyncio.sleep(_READING_SECONDS)


def backlog(
    worker: Database,
    table: Table,
    *,
    waiting: ColumnElement[bool],
    since: ColumnElement[datetime],
    depth: Gauge,
    oldest: Gauge,
) -> Reading:
    """Make the reading of rows that wait: how many, and for how many seconds the first of them has.

    It looks at what is `waiting` alone, in order of `id`; the table has an index of just that.
    """
    count = select(func.count()).select_from(table).where(waiting)
    first = select(func.extract("epoch", func.now() - since)).where(waiting).order_by(table.c.id).limit(1)

    async def read() -> None:
        async with worker.transaction() as tx:
            found = (await tx.execute(count)).scalar_one()
            age = (await tx.execute(first)).scalar_one_or_none()
        depth.set(found)
        oldest.set(max(0.0, float(age or 0)))

    return read


class Duty:
    """Whether this process is the one on duty, of those that could be."""

    def __init__(self, registry: CollectorRegistry, *, duty: str) -> None:
        """`duty` is one of the names of duties in the code."""
        self._gauge = Gauge("scv_on_duty", "1 while this process is on a duty", ["duty"], registry=registry)
        self._on_duty = self._gauge.labels(duty)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Say that the duty is ours, for the length of the block."""
        self._on_duty.set(1)
        try:
            yield
        finally:
            self._on_duty.set(0)


class RelayMetrics:
    """What a relay tells: what it published, and what waits for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duty = Duty(registry, duty="relay")
        self.failures = Counter("scv_relay_failures", "Times the relay had to begin again", registry=registry)
        self._published = Counter("scv_relay_published", "Events the bus has taken", ["topic"], registry=registry)
        self._waiting = Gauge("scv_outbox_unpublished_events", "Events that wait to be published", registry=registry)
        self._oldest = Gauge("scv_outbox_oldest_seconds", "Age of the oldest event that waits", registry=registry)

    def counting(self, bus: Bus) -> Bus:
        """Give a bus that counts what it has taken."""
        return _CountingBus(bus, self._published)

    def reading(self, worker: Database, *, outbox: Table) -> Reading:
        """Make the reading of an outbox, by the index the relay uses."""
        since, waiting = outbox.c.time, outbox.c.published_at.is_(None)
        return backlog(worker, outbox, waiting=waiting, since=since, depth=self._waiting, oldest=self._oldest)


class _CountingBus:
    def __init__(self, bus: Bus, published: Counter) -> None:
        self._bus = bus
        self._published = published

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        await self._bus.publish(envelopes)
        for topic, events in Counts(envelope.topic for envelope in envelopes).items():
            self._published.labels(topic_label(topic)).inc(events)


class ConsumerMetrics:
    """What a consumer tells: how far behind it is, what it handled, and what it could not."""

    def __init__(self, registry: CollectorRegistry) -> None:
        of_topic = ["topic"]
        self._lag = Gauge("scv_consumer_lag_events", "Records not handled yet", of_topic, registry=registry)
        self._handled = Counter("scv_consumer_handled", "Records dealt with", of_topic, registry=registry)
        self._failures = Counter("scv_consumer_failures", "Records to be tried again", of_topic, registry=registry)
        self._dead = Counter("scv_dead_letters", "Records put with the dead letters", of_topic, registry=registry)
        self._parked = Gauge("scv_inbox_parked_events", "Events that wait for one before them", registry=registry)
        self._condemned = Gauge("scv_inbox_condemned_events", "Events whose effect failed", registry=registry)

    def follow(self, topics: Iterable[str]) -> None:
        """Begin with zero of everything for some topics, so that the first of anything shows as a change."""
        for topic in topics:
            self._lag.labels(topic_label(topic)).set(0)
            for counter in (self._handled, self._failures, self._dead):
                counter.labels(topic_label(topic))

    def behind(self, lags: Mapping[str, int]) -> None:
        """Say how many records of each topic are still to come on the partitions that this process has."""
        for topic, records in lags.items():
            self._lag.labels(topic_label(topic)).set(records)

    def handled(self, topic: str) -> None:
        """Count a record that is dealt with."""
        self._handled.labels(topic_label(topic)).inc()

    def failed(self, topic: str) -> None:
        """Count a record that will be handed over again."""
        self._failures.labels(topic_label(topic)).inc()

    def buried(self, topic: str) -> None:
        """Count a record that went to the dead letters of its topic."""
        self._dead.labels(topic_label(topic)).inc()

    def reading(self, worker: Database, *, parked: Table) -> Reading:
        """Make the reading of the events that are parked."""
        count = select(parked.c.error.is_not(None).label("condemned"), func.count()).group_by("condemned")

        async def read() -> None:
            async with worker.transaction() as tx:
                found: dict[bool, int] = {row[0]: row[1] for row in await tx.execute(count)}
            self._parked.set(found.get(False, 0))
            self._condemned.set(found.get(True, 0))

        return read


def topic_label(topic: str) -> str:
    """Give a topic as a label may name it: those of the partners, of which there may be any number, as one."""
    return PARTNERS if topic.startswith(f"{PARTNERS}.") else topic
