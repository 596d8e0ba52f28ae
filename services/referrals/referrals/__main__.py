"""The processes of referrals: `python -m referrals` with one of the names that it prints without.

A referral is sent by the consumer, once the relay has published that it was authorised.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from referrals.app import AUDIENCE, create_app
from referrals.consumer import governance_consumer, people_consumer, referral_consumer
from referrals.jobs import watch_clocks
from referrals.metrics import JobMetrics
from referrals.settings import Settings
from referrals.tables import outbox, parked
from shared.bus import Handler
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, REFERRALS
from shared.metrics import keep_reading
from shared.processes import run, together
from shared.service import Service


def _clock() -> datetime:
    return datetime.now(UTC)


def _handlers(worker: Database) -> Mapping[str, Handler]:
    return {
        GOVERNANCE: governance_consumer(worker, clock=_clock),
        PEOPLE: people_consumer(worker),
        REFERRALS: referral_consumer(worker, clock=_clock),
    }


SERVICE: Final = Service(
    name=AUDIENCE,
    settings=Settings,
    create_app=create_app,
    outbox=outbox,
    publishes=[REFERRALS],
    parked=parked,
    handlers=_handlers,
)


async def _jobs() -> None:
    async with SERVICE.lasting("jobs") as (worker, operations):
        metrics = JobMetrics(operations.registry)
        await together(
            keep_reading(operations.registry, metrics.reading(worker, clock=_clock)),
            watch_clocks(worker, clock=_clock, progress=operations.progress("clocks"), metrics=metrics),
        )


PROCESSES: Final = {**SERVICE.processes(), "jobs": _jobs}

if __name__ == "__main__":
    run(AUDIENCE, PROCESSES)
