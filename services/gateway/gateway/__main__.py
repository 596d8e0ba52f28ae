"""The processes of the gateway: `python -m gateway api|relay|jobs|migrate|topics`.

Only `migrate` is told how to connect as the owner of the schema, and only `jobs` the key that signs checkpoints of the
audit; only `relay` and `topics` need Kafka. The gateway follows nobody's events.
"""

from datetime import UTC, datetime
from typing import Final

from pydantic_core import from_json

from gateway.app import create_app
from gateway.checkpoint import Signer
from gateway.jobs import seal_audit, watch_reviews
from gateway.settings import JobSettings, Settings
from gateway.tables import outbox
from shared.db import Database
from shared.events import GOVERNANCE
from shared.kafka import KafkaBus, create_topics
from shared.migrate import migrate
from shared.processes import run, serve, together
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


async def _jobs() -> None:
    settings = JobSettings()
    signer = Signer(from_json(settings.checkpoint_key.get_secret_value()), origin=settings.checkpoint_origin)
    worker = Database(settings.worker_database_url, pool_size=2, name="gateway jobs")
    try:
        await together(watch_reviews(worker, clock=_clock), seal_audit(worker, signer, clock=_clock))
    finally:
        await worker.close()


async def _migrate() -> None:
    await migrate("gateway", OwnerSettings(_env_prefix=PREFIX).owner_database_url)


async def _topics() -> None:
    await create_topics(KafkaSettings(), [GOVERNANCE])


def _clock() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    run("gateway", {"api": _api, "relay": _relay, "jobs": _jobs, "migrate": _migrate, "topics": _topics})
