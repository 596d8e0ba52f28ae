"""The processes of case-episodes: `python -m case_episodes api|relay|consumer|migrate|topics|redrive`.

Only `migrate` is told how to connect as the owner of the schema; only `relay`, `consumer`, `topics` and `redrive` need
Kafka.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from case_episodes.app import AUDIENCE, create_app
from case_episodes.consumer import people_consumer
from case_episodes.settings import Settings
from case_episodes.tables import outbox, parked
from shared import inbox
from shared.bus import Handler
from shared.db import Database
from shared.events import CASES, PEOPLE
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume, redrive_unreadable
from shared.migrate import migrate
from shared.processes import run, serve
from shared.relay import relay
from shared.settings import KafkaSettings, OwnerSettings

PREFIX: Final = "CASE_EPISODES_"
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


async def _migrate() -> None:
    await migrate("case_episodes", OwnerSettings(_env_prefix=PREFIX).owner_database_url)


async def _topics() -> None:
    await create_topics(KafkaSettings(), [CASES, PEOPLE, dead_topic(PEOPLE, group=AUDIENCE)])


async def _redrive() -> None:
    async with _worker("redrive") as worker:
        handlers = _handlers(worker)
        await inbox.redrive(worker, parked=parked, handlers=handlers)
        await redrive_unreadable(KafkaSettings(), group=AUDIENCE, handlers=handlers)


def _handlers(worker: Database) -> dict[str, Handler]:
    return {PEOPLE: people_consumer(worker)}


@asynccontextmanager
async def _worker(process: str) -> AsyncIterator[Database]:
    url = Settings().worker_database_url
    worker = Database(url, pool_size=WORKER_CONNECTIONS, name=f"{AUDIENCE} {process}")
    try:
        yield worker
    finally:
        await worker.close()


if __name__ == "__main__":
    run(
        AUDIENCE,
        {
            "api": _api,
            "relay": _relay,
            "consumer": _consumer,
            "migrate": _migrate,
            "topics": _topics,
            "redrive": _redrive,
        },
    )
