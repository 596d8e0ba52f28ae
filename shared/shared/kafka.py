"""Events over Apache Kafka: topics, and the bus a relay publishes to. Reading them is in kafka_consumer.py.

The client is given bytes and gives bytes; it serialises and parses nothing. No Kafka transactions: publication is at
least once, and the inbox of each reader makes of it once.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context
from aiokafka.partitioner import DefaultPartitioner

from shared.cloudevents import Record, record_of
from shared.events import Envelope
from shared.settings import KafkaSettings

_SEND_SECONDS: Final = 30.0
"""An idempotent producer never gives up; a new one is how we see that it is not the producer that hangs."""
_STOP_SECONDS: Final = 5.0
_BATCH_BYTES: Final = 256 * 1024
"""What goes to one partition at once: a relay's whole batch, where the client's 16 KiB would take turns of it."""
_FOR_EVER: Final = {"retention.ms": "-1", "cleanup.policy": "delete"}
"""A service that joins later, or is restored empty, reads every topic from its start."""

_partition_of: Final = DefaultPartitioner()

log = structlog.get_logger()


def dead_topic(topic: str, *, group: str) -> str:
    """Name the topic that keeps what a group could not handle of another."""
    return f"{topic}.{group}.dead"


async def create_topics(settings: KafkaSettings, topics: Iterable[str]) -> None:
    """Create the topics that are missing, to be kept for ever; raise `KafkaError` if one cannot be made."""
    admin: Any = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        missing = set(topics) - set(await admin.list_topics())
        if not missing:
            return
        wanted = [NewTopic(name, settings.partitions, settings.replicas, topic_configs=_FOR_EVER) for name in missing]
        answer = await admin.create_topics(wanted)
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(name)
    finally:
        await admin.close()


class KafkaBus:
    """The bus every service publishes to. Connects when it is first needed, and anew after a failure.

    Topics are created when they are first written to: a new partner has one without anybody having to think of it.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._topics: frozenset[str] = frozenset()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when all in-sync brokers have every event; raise `TimeoutError` if they do not take them for long."""
        await self.send([record_of(envelope) for envelope in envelopes])

    async def send(self, records: Sequence[Record]) -> None:
        """Send records as they are, in order; return when all are acknowledged."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._send(records)
        except BaseException:
            # Some errors, such as a broken sequence, are the end of a producer, and after a cancellation we cannot
            # know what it still delivers. A new one costs milliseconds.
            await self.close()
            raise

    async def _send(self, records: Sequence[Record]) -> None:
        producer = await self._started()
        await self._require({record.topic for record in records})
        acknowledged = [
            await producer.send_batch(batch, topic, partition=partition)
            for batch, (topic, partition) in await _batches(producer, records)
        ]
        outcomes = await asyncio.gather(*acknowledged, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def close(self) -> None:
        """Disconnect; what is under way and cannot be delivered soon is given up."""
        producer, self._producer = self._producer, None
        self._topics = frozenset()
        if producer is not None:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(producer.stop(), _STOP_SECONDS)

    async def _started(self) -> Any:
        if self._producer is None:
            producer = new_producer(self._settings)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _require(self, topics: set[str]) -> None:
        if not topics <= self._topics:
            await create_topics(self._settings, topics - self._topics)
            self._topics |= topics


def new_producer(settings: KafkaSettings) -> Any:
    """Make a producer as the bus uses it, not started yet."""
    return AIOKafkaProducer(
        **connection(settings),
        enable_idempotence=True,
        acks="all",
        max_batch_size=_BATCH_BYTES,
        request_timeout_ms=10_000,
    )


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Give the options by which any client of ours connects."""
    options: dict[str, Any] = {"bootstrap_servers": settings.bootstrap_servers, "metadata_max_age_ms": 30_000}
    if settings.ca_file is not None:
        options["security_protocol"] = "SSL"
        options["ssl_context"] = create_ssl_context(
            cafile=settings.ca_file, certfile=settings.certificate_file, keyfile=settings.key_file
        )
    return options


async def _batches(producer: Any, records: Sequence[Record]) -> list[tuple[Any, tuple[str, int]]]:
    """Put records into batches of one partition each, in their order, by the rule all Kafka clients share.

    Handed over one by one, each record would cost the client twice as much.
    """
    partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in {record.topic for record in records}}
    filled: list[tuple[Any, tuple[str, int]]] = []
    filling: dict[tuple[str, int], Any] = {}
    for record in records:
        all_of_it = partitions[record.topic]
        place = record.topic, _partition_of(record.key, all_of_it, all_of_it)
        content = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
        if place not in filling or filling[place].append(**content) is None:
            filling[place] = producer.create_batch()
            filling[place].append(**content)
            filled.append((filling[place], place))
    return filled
