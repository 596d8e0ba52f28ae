"""What the jobs of referrals tell: who has not answered in time.

Not in this room: what every process tells (`shared.metrics`) and what follows from being late (`commands.system`).
"""

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import func, select

from referrals.referral import Status
from referrals.tables import referrals
from shared.db import Database
from shared.metrics import Reading

Clock = Callable[[], datetime]


class JobMetrics:
    """What the jobs tell."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._overdue = Gauge(
            "scv_referrals_overdue", "Referrals sent, not received in time and not expired yet", registry=registry
        )
        self._expired = Counter("scv_referrals_expired", "Referrals nobody received in time", registry=registry)

    def expired(self, count: int) -> None:
        """Count referrals that expired."""
        self._expired.inc(count)

    def reading(self, worker: Database, *, clock: Clock) -> Reading:
        """Make the reading; it looks at what is sent and unanswered alone."""

        async def read() -> None:
            late = (referrals.c.status == Status.SENT) & (referrals.c.due_receive <= clock())
            async with worker.transaction() as tx:
                count = (await tx.execute(select(func.count(referrals.c.referral_id)).where(late))).scalar_one()
            self._overdue.set(count)

        return read
