"""The evaluator's read of ids: which record belongs to which person, which persons are linked; no personal data.

Over HTTP this would take a call for each of thousands of records, so the evaluator asks customer-index's database, as
the service's own roles and inside their row-level security.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from shared.categories import AREA_CLASS, scope_of
from shared.db import Database
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
_LINK_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class DatabaseEvaluator:
    """Reads ids from the database of a node on this machine."""

    place: Place

    def matching(self) -> Matching:
        """Read what the platform believes now."""
        return asyncio.run(self._matching())

    def wait_until_linked(self) -> None:
        """Return when every person that was due for linking has been compared. Raises `Surprise` if that is slow."""
        asyncio.run(self._wait_until_linked())

    async def _matching(self) -> Matching:
        database = self._database("customer_index_app")
        try:
            async with database.transaction(_CONTEXT) as tx:
                persons = {(row[0], row[1], row[2]): str(row[3]) for row in await tx.execute(_PERSONS)}
                links = [(str(row[0]), str(row[1])) for row in await tx.execute(_LINKS)]
        finally:
            await database.close()
        return Matching(persons, links)

    async def _wait_until_linked(self) -> None:
        database = self._database("customer_index_worker")
        patience = time.monotonic() + _LINK_SECONDS
        calm = 0
        try:
            # Twice in a row, because an agreement's event is on its way before it fills the queue.
            while calm < 3:
                if time.monotonic() > patience:
                    raise Surprise(f"linking was not done within {_LINK_SECONDS} seconds")
                await asyncio.sleep(0.4)
                async with database.transaction() as tx:
                    waiting = (await tx.execute(text("SELECT EXISTS (SELECT FROM link_queue)"))).scalar_one()
                calm = 0 if waiting else calm + 1
        finally:
            await database.close()

    def _database(self, role: str) -> Database:
        announcement = self.place.announcement()
        if announcement is None:
            raise Surprise("the node is gone")
        url = socket_url(announcement.sockets, database="customer_index", role=role)
        return Database(url, pool_size=1, name="evaluator")
