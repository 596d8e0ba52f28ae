"""The relay: one on duty, never more, and nothing marked that the bus has not taken. On real PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from shared.db import Database
from shared.events import Envelope
from shared.outbox import ASLEEP, CHANNEL, Happened, emit
from shared.relay import BATCH, publish_batch, relay
from single_node.postgres import Server
from tests import ledger


class Noting:
    """A bus that notes what it was given, and by which relay; it can be made to fail or to hesitate."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.failures = 0
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Take events, when it is open, unless it fails."""
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionResetError
        self.taken += [envelope.aggregate_version for envelope in envelopes]


@pytest.fixture
async def made(server: Server) -> AsyncIterator[ledger.Ledger]:
    """An empty ledger."""
    async with ledger.a_ledger(server, pool_size=6) as made:
        yield made


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.02)


async def waiting(database: Database) -> int:
    """Count what waits in the outbox."""
    async with database.transaction() as tx:
        unmarked = select(func.count()).select_from(ledger.outbox).where(ledger.outbox.c.published_at.is_(None))
        return int((await tx.execute(unmarked)).scalar_one())


async def test_an_event_that_commits_after_a_later_one_is_published_too(made: ledger.Ledger) -> None:
    bus = Noting()
    async with asyncio.TaskGroup() as group:
        group.create_task(ledger.tell(made.database, "slow", "first", seconds=0.3))
        await asyncio.sleep(0.1)
        await ledger.tell(made.database, "quick", "second")
        assert await publish_batch(made.database, bus, outbox=ledger.outbox) == 1
    assert await publish_batch(made.database, bus, outbox=ledger.outbox) == 1


async def test_nothing_is_marked_that_the_bus_did_not_take(made: ledger.Ledger) -> None:
    bus = Noting()
    bus.failures = 1
    await ledger.tell(made.database, "a", "word")

    with pytest.raises(ConnectionResetError):
        await publish_batch(made.database, bus, outbox=ledger.outbox)
    assert await waiting(made.database) == 1
    assert await publish_batch(made.database, bus, outbox=ledger.outbox) == 1
    assert await publish_batch(made.database, bus, outbox=ledger.outbox) == 0


async def test_of_two_relays_one_works_and_the_other_takes_over_when_its_connection_is_lost(
    made: ledger.Ledger,
) -> None:
    buses = [Noting(), Noting()]
    workers = [Database(made.url, pool_size=1, name=f"relay-{number}") for number in range(2)]
    relays = []
    for worker, bus in zip(workers, buses, strict=True):
        relays.append(asyncio.ensure_future(relay(worker, bus, outbox=ledger.outbox)))
        await asyncio.sleep(0.3)
    first, second = buses
    await ledger.tell(made.database, "a", "one")
    await until(lambda: first.taken == [1])
    assert second.taken == []

    first.open.clear()
    await ledger.tell(made.database, "a", "two")
    await asyncio.sleep(0.2)
    async with made.database.transaction() as tx:
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'relay-0'"
        assert (await tx.execute(text(end))).scalar_one()
    await until(lambda: second.taken == [2])
    first.open.set()
    await ledger.tell(made.database, "a", "three")
    await until(lambda: second.taken == [2, 3])

    # What the first had in its hands when it lost the lock went out twice; after that it published nothing.
    assert first.taken == [1, 2]
    async with asyncio.timeout(10):
        while await waiting(made.database):  # noqa: ASYNC110  marked only after the bus has taken it
            await asyncio.sleep(0.02)
    for task in relays:
        task.cancel()
    await asyncio.gather(*relays, return_exceptions=True)
    for worker in workers:
        await worker.close()


async def test_a_relay_goes_on_after_the_bus_failed(made: ledger.Ledger) -> None:
    bus = Noting()
    bus.failures = 1
    running = asyncio.ensure_future(relay(made.database, bus, outbox=ledger.outbox))
    await ledger.tell(made.database, "a", "one")
    await until(lambda: bus.taken == [1])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_the_bus_has_taken_is_marked_though_it_does_not_take_what_follows(made: ledger.Ledger) -> None:
    class Full(Noting):
        async def publish(self, envelopes: Sequence[Envelope]) -> None:
            if self.taken:
                raise ConnectionResetError
            await super().publish(envelopes)

    bus = Full()
    async with made.database.transaction() as tx:
        happened = [Happened(ledger.AccountTold(word="word"), "a", number) for number in range(1, BATCH + 2)]
        await emit(tx, ledger.outbox, happened, source="accounts", owner="lbhf", txn=uuid4(), at=datetime.now(UTC))
    running = asyncio.ensure_future(relay(made.database, bus, outbox=ledger.outbox))
    async with asyncio.timeout(15):
        while await waiting(made.database) > 1:  # noqa: ASYNC110  marked only after the bus has taken it
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert bus.taken == list(range(1, BATCH + 1)), "in order, and once"


async def test_a_relay_that_sleeps_is_woken_by_the_commit_of_an_event(made: ledger.Ledger) -> None:
    bus, waited = Noting(), 0.0
    running = asyncio.ensure_future(relay(made.database, bus, outbox=ledger.outbox))
    for number in range(1, 6):
        await asyncio.sleep(0.3)
        async with made.database.transaction() as tx:
            assert not (await tx.execute(text(f"SELECT pg_try_advisory_xact_lock(hashtext('{ASLEEP}'))"))).scalar_one()
        await ledger.tell(made.database, "a", "word")
        told = time.monotonic()
        await until(lambda number=number: len(bus.taken) == number)  # type: ignore[misc]
        waited += time.monotonic() - told
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert waited < 1.0, "it would look by itself every second"


async def test_a_relay_does_not_fall_asleep_while_somebody_emits_who_found_it_awake(made: ledger.Ledger) -> None:
    bus, waited = Noting(), 0.0
    running = asyncio.ensure_future(relay(made.database, bus, outbox=ledger.outbox))
    for number in range(1, 9, 2):
        await ledger.tell(made.database, "quick", "keeps it awake")
        await until(lambda number=number: len(bus.taken) == number)  # type: ignore[misc]
        await ledger.tell(made.database, "slow", "word", seconds=0.3)
        told = time.monotonic()
        await until(lambda number=number: len(bus.taken) == number + 1)  # type: ignore[misc]
        waited += time.monotonic() - told
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert waited < 1.0, "it would look by itself every second"


async def test_only_a_relay_that_sleeps_is_notified(made: ledger.Ledger) -> None:
    async with made.database.on_duty("relay") as on_duty:
        heard = await on_duty.listen(CHANNEL)
        await ledger.tell(made.database, "a", "awake")
        async with on_duty.transaction() as tx:
            await tx.execute(text(f"SELECT pg_advisory_lock(hashtext('{ASLEEP}'))"))
        assert not heard.is_set()
        await ledger.tell(made.database, "a", "asleep")
        await until(heard.is_set)


async def test_a_server_that_loses_sight_of_a_relay_lets_go_of_its_lock(made: ledger.Ledger) -> None:
    async with made.database.on_duty("relay") as on_duty, on_duty.transaction() as tx:
        asked = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()")
        assert (await tx.execute(asked)).scalar_one() == 1
    async with asyncio.timeout(5), made.database.on_duty("relay"):
        pass
