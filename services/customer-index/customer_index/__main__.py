"""The processes of customer-index: `python -m customer_index` with one of the names that it prints without."""

from datetime import UTC, datetime
from typing import Final

from customer_index.app import AUDIENCE, create_app
from customer_index.consumer import governance_consumer
from customer_index.jobs import PROTECTIONS_PATIENCE_SECONDS, work_links, work_loads, work_protections
from customer_index.ledgered import LEDGERED, replayed
from customer_index.metrics import JobMetrics
from customer_index.settings import JobSettings, Settings
from customer_index.tables import ledger, outbox, parked
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE
from shared.ledger import ENTRY, Kept
from shared.metrics import keep_reading
from shared.processes import run, together
from shared.service import Service

SERVICE: Final = Service(
    name=AUDIENCE,
    settings=Settings,
    create_app=create_app,
    outbox=outbox,
    publishes=[PEOPLE],
    parked=parked,
    handlers=lambda worker: {GOVERNANCE: governance_consumer(worker)},
    kept=Kept(ledger=ledger, tables=LEDGERED, replayed=replayed),
)


async def _jobs() -> None:
    settings = JobSettings()
    app = Database(settings.database_url, pool_size=settings.pool_size, name=f"{AUDIENCE} jobs", entry=ENTRY)
    try:
        async with SERVICE.lasting("jobs") as (worker, operations):
            protections = operations.progress("protections", patience_seconds=PROTECTIONS_PATIENCE_SECONDS)
            metrics = JobMetrics(operations.registry)
            await together(
                keep_reading(operations.registry, metrics.reading(app, worker)),
                work_loads(app, worker, clock=_clock, progress=operations.progress("loads"), metrics=metrics),
                work_links(worker, clock=_clock, progress=operations.progress("links")),
                work_protections(app, worker, clock=_clock, progress=protections),
            )
    finally:
        await app.close()


def _clock() -> datetime:
    return datetime.now(UTC)


PROCESSES: Final = {**SERVICE.processes(), "jobs": _jobs}

if __name__ == "__main__":
    run(AUDIENCE, PROCESSES)
