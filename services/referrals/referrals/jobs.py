"""Work that no call waits for: the clocks of referrals. The coroutine runs until it is cancelled."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry

from referrals.commands.system import expire_unanswered, recall_unsupported
from referrals.metrics import JobMetrics
from shared.db import Database
from shared.progress import Progress

Clock = Callable[[], datetime]

_PAUSE_SECONDS: Final = 1.0

log = structlog.get_logger()


async def watch_clocks(
    worker: Database, *, clock: Clock, progress: Progress | None = None, metrics: JobMetrics | None = None
) -> None:
    """Expire what was not received in time, and recall what rests on an agreement whose last day has passed."""
    progress = progress or Progress()
    metrics = metrics or JobMetrics(CollectorRegistry())
    while True:
        progress.beat()
        try:
            metrics.expired(await look_at_clocks(worker, at=clock()))
        except Exception as error:  # the worker outlives whatever a referral or the database does
            log.error("clocks failed", exc_info=error)
        await asyncio.sleep(_PAUSE_SECONDS)


async def look_at_clocks(worker: Database, *, at: datetime) -> int:
    """Do once what is due now; give how many referrals expired.

    Recalling here, and not only when an agreement changes, also finds a referral that was made while its agreement was
    being suspended.
    """
    async with worker.transaction() as tx:
        await recall_unsupported(tx, txn=uuid4(), at=at)
    async with worker.transaction() as tx:
        expired = await expire_unanswered(tx, txn=uuid4(), at=at)
    if expired:
        log.warning("referrals expired unreceived", count=expired)
    return expired
