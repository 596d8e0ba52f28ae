"""The relay: takes events from the outbox to the bus, in order of id, and marks them published.

A batch is published inside one transaction under an advisory lock, so of several relays of one database only one is
at work, and an event is marked only after the bus has taken it: at least once, in order.
"""

import asyncio

import structlog
from sqlalchemy import Table, func, select, update

from shared.bus import Bus
from shared.db import Database
from shared.outbox import envelope_of

_BATCH = 500
_IDLE = 0.1
"""Seconds between looks at an empty outbox."""

log = structlog.get_logger()


async def publish_batch(database: Database, bus: Bus, *, outbox: Table) -> int:
    """Publish the oldest unpublished events; give how many there were."""
    async with database.transaction() as tx:
        await tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("relay"))))
        waiting = select(outbox).where(outbox.c.published_at.is_(None)).order_by(outbox.c.id).limit(_BATCH)
        rows = (await tx.execute(waiting)).all()
        if rows:
            await bus.publish([envelope_of(row) for row in rows])
            published = update(outbox).where(outbox.c.id.in_([row.id for row in rows]))
            await tx.execute(published.values(published_at=func.now()))
        return len(rows)


async def relay(database: Database, bus: Bus, *, outbox: Table) -> None:
    """Publish events as they come, until cancelled; what cannot be published now is tried again."""
    while True:
        try:
            count = await publish_batch(database, bus, outbox=outbox)
        except Exception as error:  # the relay outlives whatever the bus or the database does
            log.error("relay failed", exc_info=error)
            count = 0
        if count < _BATCH:
            await asyncio.sleep(_IDLE)
