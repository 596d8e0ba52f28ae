"""Reading events from Apache Kafka: the loop around a service's handlers, and its dead letters.

A record's offset is committed after the handler has committed its effect. What happens between the two, a crash, a
rebalance, a failed commit, leads to the record being handed over again, which the inbox passes over.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from prometheus_client import CollectorRegistry

from shared import telemetry
from shared.bus import Condemned, Handler
from shared.cloudevents import Record, Unreadable, envelope_of, record_of, traceparent_of
from shared.kafka import KafkaBus, connection, dead_topic
from shared.metrics import ConsumerMetrics
from shared.progress import Progress
from shared.settings import KafkaSettings

_BATCH: Final = 200
_WAIT_MS: Final = 1000
_RECOVERY_SECONDS: Final = 1.0
_ERROR: Final = "scv_error"
_ORIGIN: Final = "scv_origin"
_UNREADABLE: Final = Unreadable.__name__.encode()

log = structlog.get_logger()


async def consume(
    settings: KafkaSettings,
    *,
    group: str,
    handlers: Mapping[str, Handler],
    progress: Progress | None = None,
    metrics: ConsumerMetrics | None = None,
) -> None:
    """Hand each record of some topics to the handler of its topic, in order of each partition, until cancelled.

    What a handler condemns and what is no event of ours goes to the group's dead letters; any other failure of a
    handler is tried again. `progress` beats with every record, and while the brokers are waited for.
    """
    progress = progress or Progress()
    metrics = metrics or ConsumerMetrics(CollectorRegistry())
    metrics.follow(handlers)
    while True:
        progress.beat()
        try:
            async with (
                _reader(settings, topics=handlers, group=group, member=settings.member, progress=progress) as consumer,
                _writer(settings) as dead,
            ):
                while True:
                    progress.beat()
                    fetched = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BATCH)
                    for partition, records in fetched.items():
                        await _follow(
                            consumer,
                            partition,
                            records,
                            group=group,
                            handlers=handlers,
                            dead=dead,
                            progress=progress,
                            metrics=metrics,
                        )
                    metrics.behind(await _lags(consumer, handlers))
        except Exception as error:  # the consumer outlives whatever the brokers do
            log.error("consumer failed", group=group, exc_info=error)
            await asyncio.sleep(_RECOVERY_SECONDS)


async def redrive_unreadable(settings: KafkaSettings, *, group: str, handlers: Mapping[str, Handler]) -> int:
    """Try the dead letters that could not be read once more, in order; give how many still cannot.

    Those that could be read are rows in the service's own database as well, and `shared.inbox.redrive` tries them.
    """
    letters = {dead_topic(topic, group=group): topic for topic in handlers}
    unreadable = 0
    uncounted = ConsumerMetrics(CollectorRegistry())
    async with (
        _reader(settings, topics=letters, group=f"{group}.redrive", member=None, progress=Progress()) as consumer,
        _writer(settings) as dead,
    ):
        async for record in _kept(consumer):
            letter = _record(record)
            if letter.header(_ERROR) == _UNREADABLE:
                again = _original(letter, topic=letters[letter.topic])
                handler = handlers[again.topic]
                unreadable += await _take_over(
                    again, origin=_origin(letter), group=group, handler=handler, dead=dead, metrics=uncounted
                )
    return unreadable


async def _follow(
    consumer: Any,
    partition: TopicPartition,
    records: Sequence[Any],
    *,
    group: str,
    handlers: Mapping[str, Handler],
    dead: KafkaBus,
    progress: Progress,
    metrics: ConsumerMetrics,
) -> None:
    """Have records of a partition handled as far as it goes, and commit how far that was."""
    handled: int | None = None
    for record in records:
        progress.beat()
        if partition not in consumer.assignment():
            break
        this, origin = _record(record), f"{record.partition}/{record.offset}"
        with telemetry.following(traceparent_of(this)):
            try:
                handler = handlers[partition.topic]
                await _take_over(this, origin=origin, group=group, handler=handler, dead=dead, metrics=metrics)
            except Exception as error:  # whatever it was, the record is handed over again
                log.warning("record failed", topic=partition.topic, offset=record.offset, exc_info=error)
                metrics.failed(partition.topic)
                await asyncio.sleep(_RECOVERY_SECONDS)
                _go_back(consumer, partition, record.offset)
                break
        handled = record.offset + 1
        metrics.handled(partition.topic)
    if handled is not None:
        async with progress.waiting():
            await _commit(consumer, partition, handled)


async def _take_over(
    record: Record, *, origin: str, group: str, handler: Handler, dead: KafkaBus, metrics: ConsumerMetrics
) -> int:
    """Have a record handled or put with the dead letters; give 1 if it cannot be read."""
    try:
        envelope = envelope_of(record)
    except Unreadable:
        log.error("record unreadable", topic=record.topic, origin=origin)
        await dead.send([_letter(record, group=group, error=Unreadable.__name__, origin=origin)])
        metrics.buried(record.topic)
        return 1
    try:
        await handler(envelope)
    except Condemned as error:
        # It may be one that was parked and whose turn came with this record.
        this = record if error.envelope == envelope else record_of(error.envelope)
        await dead.send([_letter(this, group=group, error=error.error, origin=origin)])
        metrics.buried(record.topic)
    return 0


async def _lags(consumer: Any, topics: Iterable[str]) -> dict[str, int]:
    """Give how many records of each topic are yet to be handled, on the partitions that this member has."""
    lags = dict.fromkeys(topics, 0)
    for partition in consumer.assignment():
        try:
            end = consumer.highwater(partition)
            if end is not None:
                lags[partition.topic] += max(0, end - await consumer.position(partition))
        except (IllegalStateError, AssertionError):  # another member has the partition now, and tells of it
            continue
    return lags


def _letter(record: Record, *, group: str, error: str, origin: str) -> Record:
    """Make the dead letter of a record: its own bytes and headers, what went wrong, and where it stood."""
    said = ((_ERROR, error.encode()), (_ORIGIN, origin.encode()))
    return replace(record, topic=dead_topic(record.topic, group=group), headers=record.headers + said)


def _original(letter: Record, *, topic: str) -> Record:
    headers = tuple(header for header in letter.headers if header[0] not in (_ERROR, _ORIGIN))
    return replace(letter, topic=topic, headers=headers)


def _origin(letter: Record) -> str:
    return (letter.header(_ORIGIN) or b"").decode()


def _record(record: Any) -> Record:
    return Record(topic=record.topic, key=record.key, value=record.value, headers=tuple(record.headers))


def _go_back(consumer: Any, partition: TopicPartition, offset: int) -> None:
    try:
        consumer.seek(partition, offset)
    except IllegalStateError:  # another member has the partition now, and starts from what was committed
        log.info("partition moved", topic=partition.topic, partition=partition.partition)


async def _commit(consumer: Any, partition: TopicPartition, offset: int) -> None:
    try:
        await consumer.commit({partition: offset})
    except KafkaError as error:  # normal after a rebalance
        log.warning("offset not committed", topic=partition.topic, partition=partition.partition, exc_info=error)


async def _kept(consumer: Any) -> AsyncIterator[Any]:
    """Give the records that the consumer's partitions hold now; commit each when it was dealt with."""
    ends = await consumer.end_offsets(consumer.assignment())
    for partition, end in sorted(ends.items()):
        while await consumer.position(partition) < end:
            fetched = await consumer.getmany(partition, timeout_ms=_WAIT_MS)
            for record in fetched.get(partition, ()):
                if record.offset < end:
                    yield record
                    await consumer.commit({partition: record.offset + 1})


@asynccontextmanager
async def _reader(
    settings: KafkaSettings, *, topics: Iterable[str], group: str, member: str | None, progress: Progress
) -> AsyncIterator[Any]:
    consumer: Any = AIOKafkaConsumer(
        *topics,
        **connection(settings),
        group_id=group,
        group_instance_id=member,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        # It comes back with its share of the partitions: after all others of the group have let go of theirs.
        async with progress.waiting():
            await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def _writer(settings: KafkaSettings) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(settings)
    try:
        yield bus
    finally:
        await bus.close()
