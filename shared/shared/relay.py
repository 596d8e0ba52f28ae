"""The relay: takes events from the outbox to the bus, in order of id, and marks them published.

Of several relays of one database one is on duty, by a lock on the very connection it reads and marks with; one that
loses the connection can do neither. It asks for what is not marked, never for what follows the last id seen: ids are
given out before transactions commit, and a cursor would pass over those that commit late. An event is marked only after
the bus has taken it: at least once, in order.
"""

import asyncio
import time
from typing import Final

import structlog
from sqlalchemy import BigInteger, Table, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from shared.bus import Bus
from shared.db import Database, Transactions
from shared.outbox import envelope_of

_BATCH: Final = 500
_SHORTEST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05
"""Seconds between looks at an empty outbox: a tenth of the time for which nothing has come, within these bounds."""
_RECOVERY_SECONDS: Final = 1.0

log = structlog.get_logger()


async def publish_batch(database: Transactions, bus: Bus, *, outbox: Table) -> int:
    """Publish the oldest unpublished events; give how many there were."""
    waiting = select(outbox).where(outbox.c.published_at.is_(None)).order_by(outbox.c.id).limit(_BATCH)
    async with database.transaction() as tx:
        rows = (await tx.execute(waiting)).all()
    if rows:
        await bus.publish([envelope_of(row) for row in rows])
        published = update(outbox).where(outbox.c.id == any_(literal([row.id for row in rows], ARRAY(BigInteger))))
        async with database.transaction() as tx:
            await tx.execute(published.values(published_at=func.now()))
    return len(rows)


async def relay(database: Database, bus: Bus, *, outbox: Table) -> None:
    """Publish events as they come, until cancelled; what cannot be published now is tried again."""
    while True:
        try:
            async with database.on_duty("relay") as on_duty:
                await _publish_for_ever(on_duty, bus, outbox=outbox)
        except Exception as error:  # the relay outlives whatever the bus or the database does
            log.error("relay failed", exc_info=error)
            await asyncio.sleep(_RECOVERY_SECONDS)


async def _publish_for_ever(database: Transactions, bus: Bus, *, outbox: Table) -> None:
    last = time.monotonic()
    while True:
        count = await publish_batch(database, bus, outbox=outbox)
        if count:
            last = time.monotonic()
        if count < _BATCH:
            await asyncio.sleep(min(max((time.monotonic() - last) / 10, _SHORTEST_PAUSE), _LONGEST_PAUSE))
