"""The processes of referrals: `python -m referrals api|relay|consumer|jobs|migrate|topics|redrive`.

Only `migrate` is told how to connect as the owner of the schema; only `relay`, `consumer`, `topics` and `redrive` need
Kafka. A referral is sent by the consumer, once the relay has published that it was authorised.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from referrals.app import AUDIENCE, create_app
from referrals.consumer import governance_consumer, people_consumer, referral_consumer
from referrals.jobs import watch_clocks
from referrals.settings import Settings
from referrals.tables import outbox, parked
from shared import inbox
from shared.bus import Handler
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, REFERRALS
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume, redrive_unreadable
from shared.migrate import migrate
from shared.processes import run, serve
from shared.relay import relay
from shared.settings import KafkaSettings, OwnerSettings

PREFIX: Final = "REFERRALS_"
WORKER_CONNECTIONS: Final = 4
_READ: Final = (GOVERNANCE, PEOPLE, REFERRALS)


async def _api() -> None:
    settings = Settings()
    await serve(create_app(settings), settings)


async def _relay() -> None:
    bus = KafkaBus(KafkaSettings())
    try:
        async with _worker("relay") as worker:
            await relay(worker, bus, outbox=outbox)
    finally:
        await bus.close()


async def _consumer() -> None:
    async with _worker("consumer") as worker:
        await consume(KafkaSettings(), group=AUDIENCE, handlers=_handlers(worker))


async def _jobs() -> None:
    async with _worker("jobs") as worker:
        await watch_clocks(worker, clock=_clock)


async def _migrate() -> None:
    await migrate("referrals", OwnerSettings(_env_prefix=PREFIX).owner_database_url)


async def _topics() -> None:
    dead = [dead_topic(topic, group=AUDIENCE) for topic in _READ]
    await create_topics(KafkaSettings(), [*_READ, *dead])


async def _redrive() -> None:
    async with _worker("redrive") as worker:
        handlers = _handlers(worker)
        await inbox.redrive(worker, parked=parked, handlers=handlers)
        await redrive_unreadable(KafkaSettings(), group=AUDIENCE, handlers=handlers)


def _handlers(worker: Database) -> dict[str, Handler]:
    return {
        GOVERNANCE: governance_consumer(worker, clock=_clock),
        PEOPLE: people_consumer(worker),
        REFERRALS: referral_consumer(worker, clock=_clock),
    }


@asynccontextmanager
async def _worker(process: str) -> AsyncIterator[Database]:
    url = Settings().worker_database_url
    worker = Database(url, pool_size=WORKER_CONNECTIONS, name=f"{AUDIENCE} {process}")
    try:
        yield worker
    finally:
        await worker.close()


def _clock() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    run(
        AUDIENCE,
        {
            "api": _api,
            "relay": _relay,
            "consumer": _consumer,
            "jobs": _jobs,
            "migrate": _migrate,
            "topics": _topics,
            "redrive": _redrive,
        },
    )
