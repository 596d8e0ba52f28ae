"""The processes of the gateway: `python -m gateway api|relay|migrate|topics`.

Only `migrate` is told how to connect as the owner of the schema; only `relay` and `topics` need Kafka. The gateway
follows nobody's events and has no jobs.
"""

from typing import Final

from gateway.app import create_app
from gateway.settings import Settings
from gateway.tables import outbox
from shared.db import Database
from shared.events import GOVERNANCE
from shared.kafka import KafkaBus, create_topics
from shared.migrate import migrate
from shared.processes import run, serve
from shared.relay import relay
from shared.settings import KafkaSettings, OwnerSettings

PREFIX: Final = "GATEWAY_"


async def _api() -> None:
    settings = Settings()
    await serve(create_app(settings), settings)


async def _relay() -> None:
    bus = KafkaBus(KafkaSettings())
    worker = Database(Settings().worker_database_url, pool_size=1, name="gateway relay")
    try:
        await relay(worker, bus, outbox=outbox)
    finally:
        await worker.close()
        await bus.close()


async def _migrate() -> None:
    await migrate("gateway", OwnerSettings(_env_prefix=PREFIX).owner_database_url)


async def _topics() -> None:
    await create_topics(KafkaSettings(), [GOVERNANCE])


if __name__ == "__main__":
    run("gateway", {"api": _api, "relay": _relay, "migrate": _migrate, "topics": _topics})
