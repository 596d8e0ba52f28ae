"""Work that outlives a call: loads, links, and protections that run out. Each coroutine runs until it is cancelled."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from customer_index.commands.link import link_waiting
from customer_index.commands.loads import fail_load, take_in_chunk
from customer_index.commands.protection import lapse_protections
from customer_index.metrics import JobMetrics
from customer_index.model import Model, load_model
from customer_index.preparation import Assertion
from customer_index.queries.loads import find_waiting
from customer_index.tables import protections, sources
from shared.db import AnyRow, Context, Database, Transaction
from shared.permit import SourceFacts
from shared.progress import Progress

Clock = Callable[[], datetime]

_IDLE = 0.2
"""Seconds between looks at an empty queue."""
_DAYBREAK = 60.0
"""Seconds between looks for protections that have run out."""
PROTECTIONS_PATIENCE_SECONDS = 4 * _DAYBREAK
_ATTEMPTS = 3

log = structlog.get_logger()


async def work_loads(
    app: Database,
    worker: Database,
    *,
    clock: Clock,
    progress: Progress | None = None,
    metrics: JobMetrics | None = None,
) -> None:
    """Take in loads, the oldest first: found by the worker role, asserted by the application role in the context of
    the load's own organisation."""
    progress = progress or Progress()
    metrics = metrics or JobMetrics(CollectorRegistry())
    while True:
        progress.beat()
        try:
            if await take_in_next(app, worker, clock=clock, progress=progress, metrics=metrics):
                continue
        except Exception as error:  # the worker outlives whatever a load or the database does
            log.error("loads failed", exc_info=error)
        await asyncio.sleep(_IDLE)


async def take_in_next(
    app: Database,
    worker: Database,
    *,
    clock: Clock,
    progress: Progress | None = None,
    metrics: JobMetrics | None = None,
) -> bool:
    """Take in the load waiting longest, to its end; False if none waits. `progress` beats with every chunk."""
    async with worker.transaction() as tx:
        load = await find_waiting(tx)
    if load is None:
        return False
    metrics = metrics or JobMetrics(CollectorRegistry())
    progress = progress or Progress()
    await _take_in(app, load, model=load_model(), clock=clock, progress=progress, metrics=metrics)
    return True


async def work_links(worker: Database, *, clock: Clock, progress: Progress | None = None) -> None:
    """Decide the links of persons that changed."""
    progress = progress or Progress()
    model = load_model()
    while True:
        progress.beat()
        try:
            async with worker.transaction() as tx:
                asked = await link_waiting(tx, model=model, at=clock())
            if asked:
                continue
        except Exception as error:  # the worker outlives whatever a person or the database does
            log.error("links failed", exc_info=error)
        await asyncio.sleep(_IDLE)


async def work_protections(app: Database, worker: Database, *, clock: Clock, progress: Progress | None = None) -> None:
    """Lift protections whose last day has passed."""
    progress = progress or Progress()
    while True:
        progress.beat()
        try:
            await lift_ended(app, worker, clock=clock, progress=progress)
        except Exception as error:  # the worker outlives whatever a person or the database does
            log.error("protections failed", exc_info=error)
        await asyncio.sleep(_DAYBREAK)


async def lift_ended(app: Database, worker: Database, *, clock: Clock, progress: Progress | None = None) -> None:
    """Lift all protections that have run out: found by the worker role, lifted by the application role for their own
    organisation."""
    progress = progress or Progress()
    at = clock()
    ended = select(protections.c.owner).where(protections.c.until < at.date()).distinct()
    async with worker.transaction() as tx:
        owners = (await tx.execute(ended)).scalars().all()
    for owner in owners:
        progress.beat()
        async with app.transaction({"scv.org": owner, "scv.matching_owner": owner}) as tx:
            await lapse_protections(tx, owner=owner, model=load_model(), txn=uuid4(), at=at)


async def _take_in(
    app: Database, load: AnyRow, *, model: Model, clock: Clock, progress: Progress, metrics: JobMetrics
) -> None:
    """Take in a load to its end; a chunk that fails time and again fails the load."""
    failures = 0
    while True:
        progress.beat()
        try:
            async with app.transaction(_context(load)) as tx:
                by = Assertion(owner=load.owner, source=await _facts(tx, load), txn=load.txn, at=clock())
                counts = await take_in_chunk(tx, load, by=by, model=model)
            if counts is None:
                metrics.finished("done")
                return
            metrics.taken_in(counts)
            failures = 0
        except Exception as error:
            failures += 1
            log.error("chunk failed", load_id=str(load.load_id), attempt=failures, exc_info=error)
            if failures == _ATTEMPTS:
                async with app.transaction(_context(load)) as tx:
                    await fail_load(tx, load.load_id, at=clock())
                metrics.finished("failed")
                return
            await asyncio.sleep(_IDLE)
        await asyncio.sleep(0)


async def _facts(tx: Transaction, load: AnyRow) -> SourceFacts:
    statement = select(sources).where(sources.c.owner == load.owner, sources.c.source == load.source)
    row = (await tx.execute(statement)).one()
    return SourceFacts(row.source, row.service_area, row.trust, row.linkage, row.statutory_bar)


def _context(load: AnyRow) -> Context:
    """Give the rights fixed when the load was accepted: the source's own scope, and matching inside its owner."""
    return {
        "scv.org": load.owner,
        "scv.scopes": load.scope,
        "scv.barred": "",
        "scv.matching_owner": load.owner,
        "scv.write_scope": load.scope,
    }
