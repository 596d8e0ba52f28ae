"""The processes of the gateway: `python -m gateway` with one of the names that it prints without.

The gateway follows nobody's events. Only `jobs` is told the key that signs checkpoints of the audit.
"""

from datetime import UTC, datetime
from typing import Final

import structlog
from pydantic_core import from_json

from gateway.app import create_app
from gateway.checkpoint import Signer
from gateway.commands.founding import found
from gateway.jobs import seal_audit, watch_reviews
from gateway.ledgered import LEDGERED, replayed
from gateway.metrics import JobMetrics
from gateway.settings import FoundingSettings, JobSettings, Settings
from gateway.tables import ledger, outbox
from shared.db import Database
from shared.events import GOVERNANCE
from shared.ledger import Kept
from shared.metrics import keep_reading
from shared.processes import run, together
from shared.service import Service

log = structlog.get_logger()

SERVICE: Final = Service(
    name="gateway",
    settings=Settings,
    create_app=create_app,
    outbox=outbox,
    publishes=[GOVERNANCE],
    kept=Kept(ledger=ledger, tables=LEDGERED, replayed=replayed),
)


async def _jobs() -> None:
    settings = JobSettings()
    signer = Signer(from_json(settings.checkpoint_key.get_secret_value()), origin=settings.checkpoint_origin)
    async with SERVICE.lasting("jobs") as (worker, operations):
        metrics = JobMetrics(operations.registry)
        await together(
            keep_reading(operations.registry, metrics.reading(worker, clock=_clock)),
            watch_reviews(worker, clock=_clock, progress=operations.progress("reviews")),
            seal_audit(worker, signer, clock=_clock, progress=operations.progress("seals"), metrics=metrics),
        )


async def _found() -> None:
    settings = FoundingSettings()
    database = Database(settings.database_url, pool_size=1, name="gateway found")
    try:
        founded = await found(database, settings.founding)
    finally:
        await database.close()
    log.info("founded" if founded else "founded before", org=settings.founding.org)


def _clock() -> datetime:
    return datetime.now(UTC)


PROCESSES: Final = {**SERVICE.processes(), "jobs": _jobs, "found": _found}

if __name__ == "__main__":
    run("gateway", PROCESSES)
