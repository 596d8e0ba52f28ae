"""The processes of customer-index: `python -m customer_index api|relay|consumer|jobs|migrate|topics|redrive`.

Only `migrate` is told how to connect as the owner of the schema; only `relay`, `consumer`, `topics` and `redrive` need
Kafka.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from customer_index.app import AUDIENCE, create_app
from customer_index.consumer import governance_consumer
from customer_index.jobs import work_links, work_loads
from customer_index.settings import Settings
from customer_index.tables import outbox, parked
from shared import inbox
from shared.bus import Handler
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume, redrive_unreadable
from shared.migrate import migrate
from shared.processes import run, serve, together
from shared.relay import relay
from shared.settings import KafkaSettings, OwnerSettings

PREFIX: Final = "CUSTOMER_INDEX_"
WORKER_CONNECTIONS: Final = 4


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
    settings = Settings()
    app = Database(settings.database_url, pool_size=settings.pool_size, name=f"{AUDIENCE} jobs")
    try:
        async with _worker("jobs") as worker:
            await together(work_loads(app, worker, clock=_clock), work_links(worker, clock=_clock))
    finally:
        await app.close()


async def _migrate() -> None:
    await migrate("customer_index", OwnerSettings(_env_prefix=PREFIX).owner_database_url)


async def _topics() -> None:
    await create_topics(KafkaSettings(), [PEOPLE, GOVERNANCE, dead_topic(GOVERNANCE, group=AUDIENCE)])


async def _redrive() -> None:
    async with _worker("redrive") as worker:
        handlers = _handlers(worker)
        await inbox.redrive(worker, parked=parked, handlers=handlers)
        await redrive_unreadable(KafkaSettings(), group=AUDIENCE, handlers=handlers)


def _handlers(worker: Database) -> dict[str, Handler]:
    return {GOVERNANCE: governance_consumer(worker)}


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
