"""What the jobs of referrals tell of partners who do not answer in time."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from referrals.jobs import look_at_clocks
from referrals.metrics import JobMetrics
from tests.referrals.conftest import Desk


async def test_a_referral_not_received_in_time_is_seen_until_it_has_expired_and_counted_then(desk: Desk) -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    read = metrics.reading(desk.worker, clock=lambda: desk.at)

    async def overdue() -> float | None:
        await read()
        return registry.get_sample_value("scv_referrals_overdue")

    taken, _ = await desk.refer(), await desk.refer()
    await desk.moves(taken, "receive")
    in_time = await overdue()
    desk.at += timedelta(hours=24)
    late = await overdue()
    metrics.expired(await look_at_clocks(desk.worker, at=desk.at))

    assert [in_time, late, await overdue()] == [0, 1, 0]
    assert registry.get_sample_value("scv_referrals_expired_total") == 1
