"""Events over real PostgreSQL and real Apache Kafka, with everything going wrong: none lost, none out of order.

The comparison of histories is itself tried on a relay and a consumer that are wrong.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from single_node.postgres import Server
from tests import ledger
from tests.faults.conftest import TRANSACTIONS, Stage, a_stage
from tests.kafka_broker import NoKafka, give_up, own_broker

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

PATIENCE_SECONDS = 90
"""For a process to die of what it does; a consumer may have to wait for a group that has members no more."""
Report = Callable[..., None]
WHOLE = ledger.Finding(written=TRANSACTIONS, lost=0, reordered=0, repeated=0, states_equal=True)


async def test_sixteen_writers_on_five_hot_accounts_lose_and_reorder_nothing(stage: Stage, report: Report) -> None:
    await stage.start("relay")
    await stage.start("consumer")
    begun = time.monotonic()
    await stage.write()
    written = time.monotonic() - begun
    await ledger.settle(stage.database, still=15)

    finding = await ledger.find(stage.database)
    report(
        finding,
        seconds_writing=f"{written:.1f}",
        seconds_until_applied=f"{time.monotonic() - begun:.1f}",
        on_topic=await stage.on_topic(),
    )
    assert finding == WHOLE


async def test_ten_kills_between_commit_and_acknowledgement_lose_and_reorder_nothing(
    stage: Stage, report: Report
) -> None:
    kills = 0

    async def five_lives(role: str, *, after: int, member: str = "") -> None:
        nonlocal kills
        for _ in range(5):
            process = await stage.start(role, after=after, member=member)
            assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == -signal.SIGKILL
            kills += 1
        await stage.start(role, member=member)

    async with asyncio.TaskGroup() as group:
        group.create_task(stage.write())
        group.create_task(five_lives("relay", after=1))
        group.create_task(five_lives("consumer", after=150, member="consumer-0"))
    await ledger.settle(stage.database, seconds=60, still=20)

    finding = await ledger.find(stage.database)
    on_topic = await stage.on_topic()
    report(finding, kills=kills, on_topic=on_topic)
    assert kills == 10
    assert finding == WHOLE
    assert on_topic > TRANSACTIONS, "a kill between the brokers' acknowledgement and the mark repeats events"


async def test_partitions_that_move_between_consumers_lose_and_reorder_nothing(stage: Stage, report: Report) -> None:
    await stage.start("relay")
    first = await stage.start("consumer")
    await stage.write(500)
    second = await stage.start("consumer")
    await stage.write(500)
    first.send_signal(signal.SIGTERM)
    await stage.write(400)
    await asyncio.wait_for(first.wait(), PATIENCE_SECONDS)
    await stage.start("consumer")
    second.kill()
    await stage.write(200)
    await ledger.settle(stage.database, seconds=60, still=20)

    finding = await ledger.find(stage.database)
    report(finding)
    assert first.returncode == 0
    assert finding == WHOLE


async def test_writes_go_on_while_kafka_is_stopped_and_drain_when_it_returns(server: Server, report: Report) -> None:
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        pytest.skip("only a broker of our own can be stopped")
    try:
        async with own_broker() as broker, a_stage(server, broker.address) as stage:
            await stage.start("relay")
            await stage.start("consumer")
            await stage.write(200)
            await ledger.settle(stage.database, still=15)
            await asyncio.to_thread(broker.stop)
            begun = time.monotonic()
            await stage.write(TRANSACTIONS - 200)
            written = time.monotonic() - begun
            waiting = await unpublished(stage)
            await asyncio.to_thread(broker.start)
            drained = await ledger.settle(stage.database, seconds=60, still=30)

            finding = await ledger.find(stage.database)
            report(finding, seconds_writing=f"{written:.1f}", waiting=waiting, seconds_to_drain=f"{drained:.1f}")
            assert waiting >= TRANSACTIONS - 200
            assert finding == WHOLE
    except NoKafka as reason:
        give_up(reason)


async def test_a_relay_with_a_cursor_is_found_to_lose_events(stage: Stage, report: Report) -> None:
    await stage.start("cursor-relay")
    await stage.start("consumer")
    await asyncio.sleep(3)
    await stage.write()
    await ledger.settle(stage.database, still=5)

    finding = await ledger.find(stage.database)
    on_topic = await stage.on_topic()
    report(finding, on_topic=on_topic)
    assert on_topic < TRANSACTIONS
    assert finding.lost > 0
    assert not finding.states_equal


async def test_a_consumer_that_commits_its_offset_first_is_found_to_lose_events(stage: Stage, report: Report) -> None:
    await stage.start("relay")
    await stage.write()
    hasty = await stage.start("hasty-consumer", member="consumer-0", after=150)
    assert await asyncio.wait_for(hasty.wait(), PATIENCE_SECONDS) == -signal.SIGKILL
    await stage.start("consumer", member="consumer-0")
    await ledger.settle(stage.database, seconds=40, still=6)

    finding = await ledger.find(stage.database)
    report(finding)
    assert finding.lost > 0
    assert not finding.states_equal


@pytest.mark.parametrize(
    ("history", "lost", "reordered", "repeated"),
    [
        ([("a", 1), ("b", 1), ("a", 2)], 0, 0, 0),
        ([("a", 1), ("b", 1)], 1, 0, 0),
        ([("a", 2), ("b", 1), ("a", 1)], 0, 1, 0),
        ([("a", 1), ("a", 1), ("a", 2), ("b", 1)], 0, 0, 1),
    ],
)
def test_the_comparison_of_histories_counts_what_went_wrong(
    history: list[tuple[str, int]], lost: int, reordered: int, repeated: int
) -> None:
    found = ledger.check({"a": 2, "b": 1}, history, states_equal=False)

    assert (found.lost, found.reordered, found.repeated) == (lost, reordered, repeated)


async def unpublished(stage: Stage) -> int:
    """Count the events that wait in the outbox."""
    waiting = select(func.count()).select_from(ledger.outbox).where(ledger.outbox.c.published_at.is_(None))
    async with stage.database.transaction() as tx:
        return int((await tx.execute(waiting)).scalar_one())
