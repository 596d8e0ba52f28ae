"""The evaluator's read of ids: which record belongs to which person, which persons are linked; no personal data.

Over HTTP this would take a call for each of thousands of records, so the evaluator asks the databases, as the services'
own roles and inside their row-level security.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import TextClause, bindparam, text

from shared.categories import AREA_CLASS, scope_of
from shared.db import Database
from shared.events import GOVERNANCE
from shared.migrate import socket_url
from single_node.demo.quality import Matching
from single_node.demo.telling import Surprise
from single_node.place import Place
from single_node.population import OWNERS

_CONTEXT: Final = {
    "scv.scopes": ",".join(scope_of(owner, area) for owner in OWNERS for area in AREA_CLASS),
    "scv.pairs": ",".join(f"{one}|{other}" for one in OWNERS for other in OWNERS if one < other),
    "scv.barred": "",
}
_PERSONS: Final = text(
    "SELECT owner, records.source, local_id, person_id FROM records JOIN members USING (record_id, owner)"
)
_LINKS: Final = text("SELECT first_person, second_person FROM links WHERE kind = 'automatic'")
_SAID: Final = text(
    "SELECT source, subject, max(aggregate_version) FROM outbox WHERE topic = :topic GROUP BY source, subject"
).bindparams(bindparam("topic", GOVERNANCE))
_HEARD: Final = text("SELECT source, subject, version FROM inbox")
_QUEUED: Final = text("SELECT EXISTS (SELECT FROM link_queue)")
_LINK_SECONDS: Final = 120
_PAUSE_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class DatabaseEvaluator:
    """Reads ids from the databases whose addresses it is given."""

    index_app: str = field(repr=False)
    index_worker: str = field(repr=False)
    gateway_worker: str = field(repr=False)

    def matching(self) -> Matching:
        """Read what the platform believes now."""
        return asyncio.run(self._matching())

    def wait_until_linked(self) -> None:
        """Return when every person that was due for linking has been compared. Raises `Surprise` if that is slow."""
        asyncio.run(self._wait_until_linked())

    async def _matching(self) -> Matching:
        database = _opened(self.index_app)
        try:
            async with database.transaction(_CONTEXT) as tx:
                persons = {(row[0], row[1], row[2]): str(row[3]) for row in await tx.execute(_PERSONS)}
                links = [(str(row[0]), str(row[1])) for row in await tx.execute(_LINKS)]
        finally:
            await database.close()
        return Matching(persons, links)

    async def _wait_until_linked(self) -> None:
        gateway, index = _opened(self.gateway_worker), _opened(self.index_worker)
        patience = time.monotonic() + _LINK_SECONDS
        try:
            said = await _versions(gateway, _SAID)
            while True:
                # What an agreement makes due is in the queue once its event has arrived, and not before.
                heard = await _versions(index, _HEARD)
                if all(heard.get(name, 0) >= version for name, version in said.items()):
                    async with index.transaction() as tx:
                        if not (await tx.execute(_QUEUED)).scalar_one():
                            return
                if time.monotonic() > patience:
                    raise Surprise(f"linking was not done within {_LINK_SECONDS} seconds")
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            await gateway.close()
            await index.close()


def evaluator_of(place: Place) -> DatabaseEvaluator:
    """Give the evaluator of the node that runs on a data directory. Raises `Surprise`."""
    announcement = place.announcement()
    if announcement is None:
        raise Surprise("the node is gone")

    def url(database: str, role: str) -> str:
        return socket_url(announcement.sockets, database=database, role=f"{database}_{role}")

    return DatabaseEvaluator(
        index_app=url("customer_index", "app"),
        index_worker=url("customer_index", "worker"),
        gateway_worker=url("gateway", "worker"),
    )


async def _versions(database: Database, question: TextClause) -> Mapping[tuple[str, str], int]:
    async with database.transaction() as tx:
        return {(row[0], row[1]): row[2] for row in await tx.execute(question)}


def _opened(url: str) -> Database:
    return Database(url, pool_size=1, name="evaluator")
