"""What is peculiar to Apache Kafka: records as any client sees them, dead letters, a producer that broke."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import MessageSizeTooLargeError

from shared.bus import Condemned
from shared.cloudevents import Record, record_of
from shared.events import Envelope
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume, redrive_unreadable
from shared.settings import KafkaSettings

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

GROUP = "readers"


@dataclass
class Line:
    """A topic with its dead letters, and a bus to it."""

    settings: KafkaSettings
    topic: str
    bus: KafkaBus

    @property
    def dead(self) -> str:
        """The topic of its dead letters."""
        return dead_topic(self.topic, group=GROUP)

    def event(self, subject: str = "a", *, version: int = 1, **data: Any) -> Envelope:
        """Make an event."""
        return Envelope(
            id=uuid4(),
            source="tests",
            type="test.happened.v1",
            topic=self.topic,
            subject=subject,
            aggregate_version=version,
            owner="lbhf",
            txn=uuid4(),
            time=datetime(2026, 7, 1, 9, 0, tzinfo=UTC),
            data=data,
        )

    async def kept(self, topic: str, *, at_least: int) -> list[Any]:
        """Give what a topic holds, by a client that knows nothing of us, once it holds so much."""
        client: Any = AIOKafkaConsumer(bootstrap_servers=self.settings.bootstrap_servers)
        await client.start()
        try:
            client.assign([TopicPartition(topic, number) for number in range(self.settings.partitions)])
            await client.seek_to_beginning()
            records: list[Any] = []
            async with asyncio.timeout(20):
                while len(records) < at_least:
                    for some in (await client.getmany(timeout_ms=200)).values():
                        records += some
            return records
        finally:
            await client.stop()


@pytest.fixture
async def line(kafka: str) -> AsyncIterator[Line]:
    """A topic of two partitions without a record."""
    settings = KafkaSettings(bootstrap_servers=kafka, partitions=2)
    topic = f"scv.test.{uuid4().hex[:8]}"
    await create_topics(settings, [topic, dead_topic(topic, group=GROUP)])
    line = Line(settings, topic, KafkaBus(settings))
    yield line
    await line.bus.close()


async def consumed(line: Line, handler: Callable[[Envelope], Awaitable[None]], *, until: asyncio.Event) -> None:
    """Consume until something has happened."""
    reading = asyncio.ensure_future(consume(line.settings, group=GROUP, handlers={line.topic: handler}))
    try:
        async with asyncio.timeout(20):
            await until.wait()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_record_is_a_cloud_event_in_binary_mode_of_bytes_only(line: Line) -> None:
    event = line.event("lbhf/crm", version=3, state="open")
    await line.bus.publish([event])

    (record,) = await line.kept(line.topic, at_least=1)
    assert record.key == b"lbhf/crm"
    assert record.value == b'{"state":"open"}'
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(event.id).encode(),
        "ce_source": b"tests",
        "ce_type": b"test.happened.v1",
        "ce_time": b"2026-07-01T09:00:00Z",
        "ce_subject": b"lbhf/crm",
        "ce_aggregateversion": b"3",
        "ce_owner": b"lbhf",
        "ce_txn": str(event.txn).encode(),
        "content-type": b"application/json",
    }


async def test_topics_that_exist_are_left_as_they_are(line: Line) -> None:
    await line.bus.publish([line.event()])
    await create_topics(line.settings, [line.topic, line.dead])

    assert len(await line.kept(line.topic, at_least=1)) == 1


async def test_a_topic_is_made_when_it_is_first_written_to(line: Line) -> None:
    partners = f"scv.test.partner.{uuid4().hex[:8]}"
    await line.bus.publish([line.event(), line.event().model_copy(update={"topic": partners})])

    assert len(await line.kept(partners, at_least=1)) == 1


async def test_what_is_no_event_is_put_aside_with_its_bytes_and_the_rest_goes_on(line: Line) -> None:
    odd = Record(line.topic, b"a", b"\xff\x00 not json", (("foreign", b"\x01\x02"),))
    tampered = record_of(line.event(version=2))
    tampered = replace(
        tampered, headers=tuple((name, b"?" if name == "ce_id" else of) for name, of in tampered.headers)
    )
    handled, done = [], asyncio.Event()

    async def handler(envelope: Envelope) -> None:
        handled.append(envelope.aggregate_version)
        if len(handled) == 2:
            done.set()

    await line.bus.send([record_of(line.event(version=1)), odd, tampered, record_of(line.event(version=3))])
    await consumed(line, handler, until=done)

    first, second = await line.kept(line.dead, at_least=2)
    assert handled == [1, 3]
    assert (first.key, first.value) == (odd.key, odd.value)
    assert first.headers[:1] == odd.headers
    assert dict(first.headers)["scv_error"] == b"Unreadable"
    assert dict(first.headers)["scv_origin"].endswith(b"/1")
    assert (second.value, second.headers[: len(tampered.headers)]) == (tampered.value, tampered.headers)


async def test_what_a_handler_condemns_is_put_aside_as_it_came(line: Line) -> None:
    done = asyncio.Event()

    async def handler(envelope: Envelope) -> None:
        if envelope.subject == "ill":
            raise Condemned(envelope, error="ValueError")
        done.set()

    sent = record_of(line.event("ill", word="poison"))
    sent = replace(sent, headers=(*sent.headers, ("traceparent", b"00-ab-cd-01")))
    await line.bus.send([sent])
    await line.bus.publish([line.event("well")])
    await consumed(line, handler, until=done)

    (letter,) = await line.kept(line.dead, at_least=1)
    assert (letter.key, letter.value, letter.headers[: len(sent.headers)]) == (sent.key, sent.value, sent.headers)
    assert dict(letter.headers)["scv_error"] == b"ValueError"


async def test_of_what_was_parked_and_condemned_when_its_turn_came_the_dead_letter_is_its_own(line: Line) -> None:
    parked, done = line.event(version=2, word="poison"), asyncio.Event()

    async def handler(envelope: Envelope) -> None:
        if envelope.aggregate_version == 1:
            raise Condemned(parked, error="ValueError")
        done.set()

    await line.bus.publish([line.event(version=1), line.event(version=3)])
    await consumed(line, handler, until=done)

    (letter,) = await line.kept(line.dead, at_least=1)
    assert letter.value == b'{"word":"poison"}'
    assert dict(letter.headers)["ce_aggregateversion"] == b"2"


async def test_dead_letters_that_can_be_read_by_now_are_handled_in_order(line: Line) -> None:
    unreadable = (("scv_error", b"Unreadable"), ("scv_origin", b"0/7"))
    condemned = (("scv_error", b"ValueError"), ("scv_origin", b"0/8"))
    letters = [
        *(replace(record_of(line.event(version=version)), topic=line.dead) for version in (1, 2)),
        Record(line.dead, b"a", b"still not json", ()),
    ]
    await line.bus.send([replace(letter, headers=letter.headers + unreadable) for letter in letters])
    known = replace(record_of(line.event("b")), topic=line.dead)
    await line.bus.send([replace(known, headers=known.headers + condemned)])
    handled: list[tuple[str, int]] = []

    async def handler(envelope: Envelope) -> None:
        handled.append((envelope.topic, envelope.aggregate_version))

    for _ in range(2):
        assert await redrive_unreadable(line.settings, group=GROUP, handlers={line.topic: handler}) == 1

    assert handled == [(line.topic, 1), (line.topic, 2)], "not again, and not what is parked in a database"
    again = (await line.kept(line.dead, at_least=6))[4:]
    assert {record.value for record in again} == {b"still not json"}
    assert dict(again[-1].headers)["scv_origin"] == b"0/7"


async def test_a_record_that_cannot_be_sent_is_told_and_the_bus_goes_on(line: Line) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await line.bus.publish([line.event("a", word="x" * 2_000_000)])
    await line.bus.publish([line.event("b")])

    assert [record.key for record in await line.kept(line.topic, at_least=1)] == [b"b"]


async def test_a_producer_whose_sequence_broke_is_replaced(line: Line) -> None:
    await line.bus.publish([line.event("a")])
    producer = line.bus._producer
    for _ in range(2):
        for number in range(line.settings.partitions):
            producer._txn_manager.increment_sequence_number(TopicPartition(line.topic, number), 5)

    with pytest.raises(Exception, match="OutOfOrderSequenceNumber"):
        await asyncio.wait_for(line.bus.publish([line.event("a", version=2)]), 10)
    await line.bus.publish([line.event("a", version=2)])

    assert line.bus._producer is not producer
    assert len(await line.kept(line.topic, at_least=2)) == 2


async def test_a_failing_handler_is_handed_the_same_record_again_before_any_later_one(line: Line) -> None:
    attempts, done = count(), asyncio.Event()
    handled: list[UUID] = []

    async def handler(envelope: Envelope) -> None:
        if envelope.aggregate_version == 2 and next(attempts) < 2:
            raise ConnectionResetError
        handled.append(envelope.id)
        if len(handled) == 3:
            done.set()

    events = [line.event(version=version) for version in (1, 2, 3)]
    await line.bus.publish(events)
    await consumed(line, handler, until=done)

    assert handled == [event.id for event in events]


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
async def test_what_was_not_handled_when_a_consumer_ends_is_handed_to_the_next(line: Line, trouble: str) -> None:
    tried, stuck, done = count(), asyncio.Event(), asyncio.Event()
    handled: list[int] = []

    async def ends_at_the_second(envelope: Envelope) -> None:
        if envelope.aggregate_version == 2:
            if trouble == "hangs" or next(tried):
                stuck.set()
                await asyncio.Event().wait()
            raise ConnectionResetError

    async def handler(envelope: Envelope) -> None:
        handled.append(envelope.aggregate_version)
        if envelope.aggregate_version == 3:
            done.set()

    await line.bus.publish([line.event(version=version) for version in (1, 2, 3)])
    await consumed(line, ends_at_the_second, until=stuck)
    await consumed(line, handler, until=done)

    assert handled[-2:] == [2, 3]


async def test_how_far_records_were_handled_is_known_to_the_brokers(line: Line) -> None:
    async def handler(_: Envelope) -> None:
        return

    async def committed() -> int:
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=line.settings.bootstrap_servers)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(GROUP)
            return sum(max(0, at.offset) for partition, at in offsets.items() if partition.topic == line.topic)
        finally:
            await admin.close()

    await line.bus.publish([line.event(subject, version=1) for subject in "abc"])
    reading = asyncio.ensure_future(consume(line.settings, group=GROUP, handlers={line.topic: handler}))
    try:
        async with asyncio.timeout(20):
            while await committed() < 3:  # noqa: ASYNC110  what is waited for is at the brokers
                await asyncio.sleep(0.1)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
