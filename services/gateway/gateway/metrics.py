"""What the gateway counts and measures beside what every process does: decisions, refusals, and the services behind it.

In this room: the metrics of its API and the readings of its jobs. A decision is counted once, as the audit has it; a
reason is a type of problem that the code knows, never words that came from outside.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import func, select

from gateway.call import Call
from gateway.log_tables import audit_unsealed
from gateway.problems import ServiceUnreachable
from gateway.queries.sealing import seal_age
from gateway.schemas.emergency import ReviewStatus
from gateway.tables import emergency_accesses
from shared.db import Database
from shared.metrics import Duty, Reading
from shared.problems import Problem

Clock = Callable[[], datetime]

_REFUSALS: Final = frozenset({401, 403, 404})
_NO_PURPOSE: Final = "none"
_ELSEWHERE: Final = "other"
_REVIEWED_WITHIN: Final = timedelta(days=366)
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ApiMetrics:
    """What the gateway's API tells."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reasons = frozenset(_types_below(Problem))
        self._decisions = Counter(
            "scv_decisions", "Calls accounted for", ["action", "purpose", "outcome"], registry=registry
        )
        self._denials = Counter("scv_denials", "Calls refused", ["reason"], registry=registry)
        self._limited = Counter("scv_rate_limited", "Calls refused for coming too often", registry=registry)
        self._seconds = Histogram(
            "scv_upstream_duration_seconds",
            "Time an inner service took to answer",
            ["service"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            "scv_upstream_failures", "Calls that an inner service did not answer", ["service"], registry=registry
        )

    def follow(self, service: str) -> None:
        """Begin with zero for an inner service, so that its first failure shows as a change."""
        self._seconds.labels(service)
        self._failures.labels(service)

    def decided(self, call: Call) -> None:
        """Count a call as the audit has it."""
        if call.recorded is not None:
            self._decisions.labels(call.action, call.purpose or _NO_PURPOSE, call.recorded.outcome).inc()
            if call.recorded.status in _REFUSALS:
                reason = call.recorded.reason
                self._denials.labels(_bare(reason) if reason in self._reasons else _ELSEWHERE).inc()

    def unidentified(self, problem: Problem) -> None:
        """Count a call whose caller proved nothing; the audit has no row of it."""
        self._denials.labels(_bare(problem.type())).inc()

    def limited(self) -> None:
        """Count a call that came too soon after others."""
        self._limited.inc()

    @contextmanager
    def calling(self, service: str, *, patience_seconds: float = 0) -> Iterator[None]:
        """Time the call of an inner service and count it if it fails; one that was asked to wait is not timed."""
        started = perf_counter()
        try:
            yield
        except ServiceUnreachable:
            self._failures.labels(service).inc()
            raise
        finally:
            if not patience_seconds:
                self._seconds.labels(service).observe(perf_counter() - started)


class JobMetrics:
    """What the gateway's jobs tell: how far the seal of the audit has come, and which reviews nobody has made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duty = Duty(registry, duty="seal-audit")
        self._unsealed = Gauge("scv_audit_unsealed_rows", "Audit rows that are no leaf yet", registry=registry)
        self._oldest = Gauge("scv_audit_seal_age_seconds", "Age of the oldest of them", registry=registry)
        self._overdue = Gauge(
            "scv_emergency_reviews_overdue", "Emergency accesses nobody reviewed in time", registry=registry
        )

    def reading(self, worker: Database, *, clock: Clock) -> Reading:
        """Make the reading: of what waits to be sealed, and of the emergency accesses of a year."""
        waiting = select(func.count()).select_from(audit_unsealed)
        overdue = select(func.count()).where(emergency_accesses.c.status == ReviewStatus.OVERDUE)

        async def read() -> None:
            at = clock()
            recent = emergency_accesses.c.started_at > at - _REVIEWED_WITHIN
            async with worker.transaction() as tx:
                self._unsealed.set((await tx.execute(waiting)).scalar_one())
                self._oldest.set(await seal_age(tx, at=at))
                self._overdue.set((await tx.execute(overdue.where(recent))).scalar_one())

        return read


def _types_below(base: type[Problem]) -> Iterator[str]:
    """List the types of problem that the gateway itself knows."""
    for problem in base.__subclasses__():
        if problem.__module__.partition(".")[0] in ("gateway", "shared"):
            yield problem.type()
            yield from _types_below(problem)


def _bare(kind: str) -> str:
    return kind.removeprefix("/problems/")
