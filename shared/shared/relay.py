"""The relay: takes events from the outbox to the bus, in order of id, and marks them published.

Of several relays of one database one is on duty, by a lock on the very connection it reads and marks with; one that
loses the connection can do neither. It asks for what is not marked, never for what follows the last id seen: ids are
given out before transactions commit, and a cursor would pass over those that commit late. An event is marked only after
the bus has taken it: at least once, in order.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import BigInteger, Integer, Select, Table, Update, all_, any_, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from shared import telemetry
from shared.bus import Bus
from shared.cloudevents import traced
from shared.db import Database, OnDuty, Transactions
from shared.events import Envelope
from shared.logs import describe
from shared.metrics import RelayMetrics
from shared.outbox import ASLEEP, CHANNEL, attributes_of, envelope_of
from shared.progress import Progress

BATCH: Final = 500
_SHORTEST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05
"""Seconds between looks while awake: a tenth of the time for which nothing has come, within these bounds."""
_QUIET_SECONDS: Final = 0.05
"""How long nothing must have come before the relay sleeps until it is woken."""
_LONGEST_SLEEP: Final = 1.0
"""An older version of a service, beside this one during an upgrade, wakes nobody."""
_RECOVERY_SECONDS: Final = 1.0

_FALL_ASLEEP: Final = text(f"SELECT pg_try_advisory_lock(hashtext('{ASLEEP}'))")
_WAKE_UP: Final = text(f"SELECT pg_advisory_unlock(hashtext('{ASLEEP}'))")

log = structlog.get_logger()

_Batch = Mapping[int, Envelope]
"""Events by their ids in the outbox, in order of these."""
_NOTHING: Final[_Batch] = MappingProxyType({})


async def publish_batch(database: Transactions, bus: Bus, *, outbox: Table) -> int:
    """Publish the oldest unpublished events; give how many there were."""
    batch = await _mark_and_look(database, outbox=outbox)
    if batch:
        await _publish(bus, batch)
        await _mark_and_look(database, outbox=outbox, taken=batch, wanted=0)
    return len(batch)


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


async def _publish_for_ever(on_duty: OnDuty, bus: Bus, *, outbox: Table, progress: Progress) -> None:
    """Publish batch after batch; while the bus takes a full one, mark the one before it and look for the next."""
    heard = await on_duty.listen(CHANNEL)
    last, asleep = time.monotonic(), False
    taken = batch = _NOTHING
    while True:
        progress.beat()
        heard.clear()
        publishing = asyncio.ensure_future(_publish(bus, batch))
        try:
            if len(batch) < BATCH:
                await asyncio.wait((publishing,))
            found = await _mark_and_look(on_duty, outbox=outbox, taken=taken, under_way=batch)
            await publishing
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        taken, batch = batch, found
        if taken or batch:
            last = time.monotonic()
        if asleep and taken and batch:
            await _wake_up(on_duty)
            asleep = False
        elif asleep and not (taken or batch):
            with suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), _LONGEST_SLEEP)
        elif not asleep and len(batch) < BATCH:
            quiet = time.monotonic() - last
            asleep = quiet > _QUIET_SECONDS and await _fall_asleep(on_duty)
            if not asleep:
                await asyncio.sleep(min(max(quiet / 10, _SHORTEST_PAUSE), _LONGEST_PAUSE))


async def _fall_asleep(database: Transactions) -> bool:
    """Have whoever emits from now on wake this relay; False while somebody emits who found it awake.

    What they and others before them committed has to be looked for once more.
    """
    async with database.transaction() as tx:
        return bool((await tx.execute(_FALL_ASLEEP)).scalar_one())


async def _wake_up(database: Transactions) -> None:
    async with database.transaction() as tx:
        await tx.execute(_WAKE_UP)


async def _mark_and_look(
    database: Transactions,
    *,
    outbox: Table,
    taken: _Batch = _NOTHING,
    under_way: _Batch = _NOTHING,
    wanted: int = BATCH,
) -> _Batch:
    """Mark what the bus has taken, and find the oldest of what waits beside what is under way to it."""
    async with database.transaction() as tx:
        if taken:
            await tx.execute(_marking(outbox), {"ids": list(taken)})
        rows = await tx.execute(_waiting(outbox), {"under_way": list(under_way), "wanted": wanted})
        return {row.id: envelope_of(row[1:]) for row in rows}


async def _publish(bus: Bus, batch: _Batch) -> None:
    envelopes = list(batch.values())
    if not envelopes:
        return
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


@cache
def _waiting(outbox: Table) -> Select[*tuple[Any, ...]]:
    under_way = bindparam("under_way", type_=ARRAY(BigInteger))
    return (
        select(outbox.c.id, *attributes_of(outbox))
        .where(outbox.c.published_at.is_(None), outbox.c.id != all_(under_way))
        .order_by(outbox.c.id)
        .limit(bindparam("wanted", type_=Integer))
    )


@cache
def _marking(outbox: Table) -> Update:
    taken = outbox.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
    return update(outbox).where(taken).values(published_at=func.now())
