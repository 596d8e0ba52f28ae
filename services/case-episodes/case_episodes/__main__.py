"""The processes of case-episodes: `python -m case_episodes` with one of the names that it prints without."""

from typing import Final

from case_episodes.app import AUDIENCE, create_app
from case_episodes.consumer import people_consumer, referrals_consumer
from case_episodes.settings import Settings
from case_episodes.tables import outbox, parked
from shared.events import CASES, PEOPLE, REFERRALS
from shared.processes import run
from shared.service import Service

SERVICE: Final = Service(
    name=AUDIENCE,
    settings=Settings,
    create_app=create_app,
    outbox=outbox,
    publishes=[CASES],
    parked=parked,
    handlers=lambda worker: {PEOPLE: people_consumer(worker), REFERRALS: referrals_consumer(worker)},
)
PROCESSES: Final = SERVICE.processes()

if __name__ == "__main__":
    run(AUDIENCE, PROCESSES)
