"""What the jobs of customer-index tell: what waits to be linked, reviewed and loaded, and what came of what was loaded.

Not in this room: what every process tells (`shared.metrics`) and how the backlog is counted (`queries.backlog`).
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from customer_index.queries import backlog
from customer_index.queries.backlog import Backlog
from shared.db import Database
from shared.metrics import Reading

_OUTCOMES: Final = ("created", "linked", "review", "updated", "unchanged", "rejected")
_UNFINISHED: Final = ("queued", "running")
_FINISHED: Final = ("done", "failed")


class JobMetrics:
    """What the jobs tell; `reading` keeps the backlog current, the rest is counted as it happens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._links = Gauge("scv_links_waiting", "Persons whose links are to be looked at", registry=registry)
        self._reviews = Gauge("scv_reviews_open", "Possible matches stewards have not decided", registry=registry)
        self._reviews_oldest = Gauge("scv_reviews_oldest_seconds", "Age of the oldest of them", registry=registry)
        self._loads = Gauge("scv_loads", "Loads that are not finished", ["status"], registry=registry)
        self._loads_oldest = Gauge("scv_loads_oldest_seconds", "Time since the oldest was accepted", registry=registry)
        self._records = Counter("scv_load_records", "Records taken in by loads", ["outcome"], registry=registry)
        self._finished = Counter("scv_loads_finished", "Loads that came to an end", ["status"], registry=registry)
        for outcome in _OUTCOMES:
            self._records.labels(outcome)
        for status in _FINISHED:
            self._finished.labels(status)

    def taken_in(self, counts: Mapping[str, int]) -> None:
        """Count records by their outcome."""
        for outcome, count in counts.items():
            self._records.labels(outcome).inc(count)

    def finished(self, status: str) -> None:
        """Count a load that is `done` or has `failed`."""
        self._finished.labels(status).inc()

    def reading(self, app: Database, worker: Database) -> Reading:
        """Make the reading: the worker counts what it may see, the application what only an organisation may, in the
        context of each organisation in turn."""

        async def read() -> None:
            async with worker.transaction() as tx:
                owners = await backlog.list_owners(tx)
                self._links.set(await backlog.count_links(tx))
                waiting = await backlog.count_loads(tx)
            for status in _UNFINISHED:
                self._loads.labels(status).set(sum(one.count for one in waiting if one.status == status))
            ages = [await _oldest_load(app, owner) for owner in {one.owner for one in waiting}]
            self._loads_oldest.set(max(ages, default=0.0))
            found = sum([await _open_reviews(app, worker, owner, owners=owners) for owner in owners], Backlog())
            self._reviews.set(found.waiting)
            self._reviews_oldest.set(found.oldest_seconds)

        return read


async def _oldest_load(app: Database, owner: str) -> float:
    async with app.transaction({"scv.org": owner}) as tx:
        return max(0.0, await backlog.oldest_load_seconds(tx))


async def _open_reviews(app: Database, worker: Database, owner: str, *, owners: list[str]) -> Backlog:
    async with app.transaction({"scv.org": owner}) as tx:
        inside = await backlog.open_record_reviews(tx, owner)
    async with worker.transaction({"scv.link_owners": ",".join(owners)}) as tx:
        return inside + await backlog.open_link_reviews(tx, owner)
