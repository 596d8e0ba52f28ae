"""Work that no call waits for: overdue reviews of emergency access. The coroutine runs until it is cancelled."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry

from gateway.checkpoint import Signer
from gateway.commands.emergency import mark_overdue
from gateway.metrics import JobMetrics
from gateway.sealing import BATCH, seal_batch
from shared.db import Database, Transactions
from shared.logs import describe
from shared.progress import Progress

Clock = Callable[[], datetime]

_PAUSE_SECONDS: Final = 1.0

log = structlog.get_logger()


async def watch_reviews(worker: Database, *, clock: Clock, progress: Progress | None = None) -> None:
    """Mark and tell of every emergency access whose review is overdue."""
    progress = progress or Progress()
    while True:
        progress.beat()
        try:
            await look_at_reviews(worker, at=clock())
        except Exception as error:  # the worker outlives whatever the database does
            log.error("watching reviews failed", **describe(error))
        await asyncio.sleep(_PAUSE_SECONDS)


async def look_at_reviews(worker: Database, *, at: datetime) -> None:
    """Do once what is due now."""
    async with worker.transaction() as tx:
        overdue = await mark_overdue(tx, txn=uuid4(), at=at)
    if overdue:
        log.warning("reviews of emergency access overdue", count=overdue)


async def seal_audit(
    worker: Database,
    signer: Signer,
    *,
    clock: Clock,
    progress: Progress | None = None,
    metrics: JobMetrics | None = None,
) -> None:
    """Seal the audit as it is written, a batch about every second or, while rows wait, one after the other.

    Of several sealers of one database one is on duty.
    """
    progress = progress or Progress()
    metrics = metrics or JobMetrics(CollectorRegistry())
    while True:
        progress.beat()
        try:
            async with worker.on_duty("seal the audit", progress=progress) as on_duty:
                with metrics.duty.held():
                    await _seal_for_ever(on_duty, signer, clock=clock, progress=progress)
        except Exception as error:  # the sealer outlives whatever the log or the database does
            log.error("sealing failed", **describe(error))
        await asyncio.sleep(_PAUSE_SECONDS)


async def _seal_for_ever(database: Transactions, signer: Signer, *, clock: Clock, progress: Progress) -> None:
    while True:
        progress.beat()
        async with database.transaction() as tx:
            sealed = await seal_batch(tx, signer, at=clock())
        if sealed < BATCH:
            await asyncio.sleep(_PAUSE_SECONDS)
