"""The relay: takes events from the outbox to the bus, in order of id, and marks them published.

Of several relays of one database one is on duty, by a lock on the very connection it reads and marks with; one that
loses the connection can do neither. It asks for what is not marked, never for what follows the last id seen: ids are
given out before transactions commit, and a cursor would pass over those that commit late. An event is marked only after
the bus has taken it: at least once, in order.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import BigInteger, Table, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from shared import telemetry
from shared.bus import Bus
from shared.cloudevents import traced
from shared.db import Database, Transactions
from shared.events import Envelope
from shared.logs import describe
from shared.metrics import RelayMetrics
from shared.outbox import envelope_of
from shared.progress import Progress

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
        await _publish(bus, [envelope_of(row) for row in rows])
        published = update(outbox).where(outbox.c.id == any_(literal([row.id for row in rows], ARRAY(BigInteger))))
        async with database.transaction() as tx:
            await tx.execute(published.values(published_at=func.now()))
    return len(rows)


async def relay(
    database: Database,
    bus: Bus,
    *,
    outbox: Table,
    progress: Progress | None = None,
    metrics: RelayMetrics | None = None,
) -> None:
    """Publish events as they come, until cancelled; what cannot be published now is tried again."""
    progress = progress or Progress()
    metrics = metrics or RelayMetrics(CollectorRegistry())
    bus = metrics.counting(bus)
    while True:
        progress.beat()
        try:
            async with database.on_duty("relay", progress=progress) as on_duty:
                with metrics.duty.held():
                    await _publish_for_ever(on_duty, bus, outbox=outbox, progress=progress)
        except Exception as error:  # the relay outlives whatever the bus or the database does
            log.error("relay failed", exc_info=error)
            metrics.failures.inc()
            await asyncio.sleep(_RECOVERY_SECONDS)


async def _publish(bus: Bus, envelopes: Sequence[Envelope]) -> None:
    with ExitStack() as stack:
        # The oldest comes last, so that what the log says of a batch it says of the event that all others wait for.
        if telemetry.is_recording():
            for envelope in reversed(envelopes):
                if envelope.traceparent is not None:
                    stack.enter_context(traced(envelope, "send"))
        else:
            stack.enter_context(telemetry.following(envelopes[0].traceparent))
        try:
            await bus.publish(envelopes)
        except Exception as error:
            log.warning("batch not published", events=len(envelopes), **describe(error))
            raise


async def _publish_for_ever(database: Transactions, bus: Bus, *, outbox: Table, progress: Progress) -> None:
    last = time.monotonic()
    while True:
        progress.beat()
        count = await publish_batch(database, bus, outbox=outbox)
        if count:
            last = time.monotonic()
        if count < _BATCH:
            await asyncio.sleep(min(max((time.monotonic() - last) / 10, _SHORTEST_PAUSE), _LONGEST_PAUSE))
