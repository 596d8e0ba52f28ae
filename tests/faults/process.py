"""A relay or a consumer of the ledger as a process of its own, that can be killed.

Told to die, it kills itself at the worst moment there is: a relay when the brokers have a batch and it is not yet
marked, a consumer when effects are committed and offsets are not. Beside them stand a relay and a consumer that are
wrong on purpose, to see whether the comparison of histories finds it.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from sqlalchemy import select

from shared import logs
from shared.bus import Bus, Handler
from shared.cloudevents import Record, envelope_of
from shared.db import Database
from shared.events import Envelope
from shared.inbox import once
from shared.kafka import KafkaBus, connection
from shared.kafka_consumer import consume
from shared.outbox import attributes_of
from shared.outbox import envelope_of as envelope_of_row
from shared.processes import until_told_to_stop
from shared.relay import relay
from shared.settings import KafkaSettings
from tests import ledger


def group_of(topic: str) -> str:
    """Name the group that reads a topic: its own, so that no member of another test's has to be waited out."""
    return f"readers-of.{topic}"


class Doomed:
    """A bus, or a handler, that kills its process when it has worked so many times; 0 is never."""

    def __init__(self, bus: Bus | None = None, handler: Handler | None = None, *, after: int) -> None:
        self._bus, self._handler, self._left = bus, handler, after

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish, and perhaps die before anyone learns that it is done."""
        assert self._bus is not None
        await self._bus.publish(envelopes)
        self._count()

    async def __call__(self, envelope: Envelope) -> None:
        """Handle, and perhaps die before anyone learns that it is done."""
        assert self._handler is not None
        await self._handler(envelope)
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def cursor_relay(database: Database, bus: Bus) -> None:
    """Wrong: asks for what follows the last id seen, and so passes over what commits late."""
    last = 0
    while True:
        async with database.transaction() as tx:
            found = select(ledger.outbox.c.id, *attributes_of(ledger.outbox))
            following = found.where(ledger.outbox.c.id > last).order_by(ledger.outbox.c.id)
            rows = (await tx.execute(following)).all()
        await bus.publish([envelope_of_row(row[1:]) for row in rows])
        last = max((row.id for row in rows), default=last)
        await asyncio.sleep(0.002)


async def hasty_consumer(settings: KafkaSettings, topic: str, handler: Handler) -> None:
    """Wrong: commits the offset and then the effect, and so loses what it was about to do when it dies."""
    consumer: Any = AIOKafkaConsumer(
        topic,
        **connection(settings),
        group_id=group_of(topic),
        group_instance_id=settings.member,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    while True:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=200)).values():
            await consumer.commit()
            for record in records:
                await handler(envelope_of(Record(record.topic, record.key, record.value, tuple(record.headers))))


async def work(role: str, url: str, topic: str, settings: KafkaSettings, *, after: int) -> None:
    """Be a relay or a consumer."""
    database = Database(url, pool_size=3, name=role)
    handler = Doomed(
        handler=once(database, ledger.follow, inbox=ledger.inbox, parked=ledger.parked),
        after=after,
    )
    bus = Doomed(KafkaBus(settings), after=after)
    match role:
        case "relay":
            await relay(database, bus, outbox=ledger.outbox)
        case "consumer":
            await consume(settings, group=group_of(topic), handlers={topic: handler})
        case "cursor-relay":
            await cursor_relay(database, bus)
        case "hasty-consumer":
            await hasty_consumer(settings, topic, handler)


def be(role: str, url: str, topic: str, after: str) -> None:
    """Be the process, until it dies or is told to stop."""
    logs.configure("fault", level="ERROR")
    asyncio.run(until_told_to_stop(lambda: work(role, url, topic, KafkaSettings(), after=int(after))))
