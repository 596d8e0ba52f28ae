"""The processes of customer-index: `python -m customer_index` with one of the names that it prints without."""

from datetime import UTC, datetime
from typing import Final

from customer_index.app import AUDIENCE, create_app
from customer_index.consumer import governance_consumer
from customer_index.jobs import work_links, work_loads, work_protections
from customer_index.settings import Settings
from customer_index.tables import outbox, parked
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE
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
)


async def _jobs() -> None:
    settings = Settings()
    app = Database(settings.database_url, pool_size=settings.pool_size, name=f"{AUDIENCE} jobs")
    try:
        async with SERVICE.worker("jobs") as worker:
            await together(
                work_loads(app, worker, clock=_clock),
                work_links(worker, clock=_clock),
                work_protections(app, worker, clock=_clock),
            )
    finally:
        await app.close()


def _clock() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    run(AUDIENCE, {**SERVICE.processes(), "jobs": _jobs})
