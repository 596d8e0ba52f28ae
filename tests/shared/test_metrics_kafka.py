"""What a consumer tells of itself while it reads from a real Kafka: how far behind it is, and what it could not do."""

import asyncio
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from shared.bus import Condemned
from shared.cloudevents import Record
from shared.events import Envelope
from shared.kafka_consumer import consume
from shared.metrics import ConsumerMetrics
from tests.shared.test_bus_kafka import GROUP, Line, line
from tests.shared.test_metrics import until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]
__all__ = ["line"]


async def test_lag_is_what_is_not_handled_and_what_cannot_be_is_counted(line: Line) -> None:
    registry, slow = CollectorRegistry(), asyncio.Event()
    of_topic = {"topic": line.topic}

    def told(name: str) -> float | None:
        return registry.get_sample_value(name, of_topic)

    async def handler(envelope: Envelope) -> None:
        if envelope.data["word"] == "poison":
            raise Condemned(envelope, error="ValueError")
        if envelope.data["word"] == "later" and not slow.is_set():
            raise ConnectionResetError

    await line.bus.publish([line.event(version=1, word="well"), line.event(version=2, word="poison")])
    await line.bus.send([Record(line.topic, b"a", b"not json", ())])
    await line.bus.publish([line.event(version=version, word="later") for version in (3, 4, 5)])
    reading = asyncio.ensure_future(
        consume(line.settings, group=GROUP, handlers={line.topic: handler}, metrics=ConsumerMetrics(registry))
    )
    try:
        await until(lambda: bool(told("scv_consumer_failures_total")) and told("scv_consumer_lag_events") == 3)
        behind = [told("scv_consumer_handled_total"), told("scv_dead_letters_total")]
        slow.set()
        await until(lambda: told("scv_consumer_lag_events") == 0)
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading

    assert behind == [3, 2]
    assert told("scv_consumer_handled_total") == 6
    assert told("scv_dead_letters_total") == 2
