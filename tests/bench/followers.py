"""What `event_latency` waits for, each a process of its own as it is deployed: `python -m tests.bench.followers ROLE`.

A relay, a consumer with an inbox and an effect of one statement, or a bare client. The latter two say on their output
what has arrived and when, by the clock that all processes of a machine share. Not in this room: who sends, and waits.
"""

import asyncio
import sys
from time import perf_counter
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from sqlalchemy.dialects.postgresql import insert as upsert

from shared import logs
from shared.db import Database, Transaction
from shared.events import Envelope
from shared.inbox import once
from shared.kafka import KafkaBus, connection
from shared.kafka_consumer import consume
from shared.processes import until_told_to_stop
from shared.relay import relay
from shared.settings import KafkaSettings
from tests import ledger

ROLES: Final = ("relay", "consumer", "bare")


async def follow(role: str, url: str, topic: str) -> None:
    """Be a relay, a consumer or a bare client, until told to stop."""
    settings = KafkaSettings()
    database = Database(url, pool_size=3, name=role)
    match role:
        case "relay":
            await relay(database, KafkaBus(settings), outbox=ledger.outbox)
        case "consumer":
            handle = once(database, _effect, inbox=ledger.inbox, parked=ledger.parked)

            async def tell(envelope: Envelope) -> None:
                await handle(envelope)
                _say(envelope.data["word"])

            await consume(settings, group="followers", handlers={topic: tell})
        case "bare":
            consumer: Any = AIOKafkaConsumer(
                topic, **connection(settings), group_id="bare", auto_offset_reset="earliest"
            )
            await consumer.start()
            try:
                async for record in consumer:
                    _say(record.value.decode())
            finally:
                await consumer.stop()


async def _effect(tx: Transaction, envelope: Envelope) -> None:
    kept = upsert(ledger.copies).values(id=envelope.subject, state=envelope.data["word"])
    await tx.execute(kept.on_conflict_do_update(index_elements=["id"], set_={"state": kept.excluded.state}))


def _say(arrived: str) -> None:
    print(arrived, perf_counter(), flush=True)  # noqa: T201  read by who waits for it


if __name__ == "__main__":
    logs.configure("bench", level="CRITICAL")
    asyncio.run(until_told_to_stop(lambda: follow(*sys.argv[1:])))
