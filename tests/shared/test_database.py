"""The transaction boundary: what a block did is there when it ends, or not at all, and its context ends with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from shared.db import Database, Transaction, is_transient, rows_of
from single_node.postgres import Server
from tests.conftest import url

SETTING = text("SELECT current_setting('scv.org', true)")
ADD = text("INSERT INTO inbox (source, subject, version) VALUES ('/tests', :subject, 1)")
COUNT = text("SELECT count(*) FROM inbox")


@pytest.fixture
async def database(emptied: Server) -> AsyncIterator[Database]:
    """customer-index's database as its worker, with one connection."""
    made = Database(url(emptied, "customer_index", "worker"), pool_size=1, name="tests")
    yield made
    await made.close()


async def setting(tx: Transaction) -> str | None:
    found: str | None = (await tx.execute(SETTING)).scalar_one()
    return found


async def counted(database: Database) -> int:
    async with database.transaction() as tx:
        return int((await tx.execute(COUNT)).scalar_one())


async def test_a_block_that_ends_well_is_committed(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(ADD, {"subject": "a"})

    assert await counted(database) == 1


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    with suppress(LookupError):
        async with database.transaction() as tx:
            await tx.execute(ADD, {"subject": "a"})
            raise LookupError

    assert await counted(database) == 0


async def test_a_block_that_is_cancelled_leaves_nothing(database: Database) -> None:
    added = asyncio.Event()

    async def slow() -> None:
        async with database.transaction({"scv.org": "lbhf"}) as tx:
            await tx.execute(ADD, {"subject": "a"})
            added.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(slow())
    await added.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert await counted(database) == 0


async def test_a_statement_of_its_own_is_committed_when_it_returns(database: Database, emptied: Server) -> None:
    added = text("INSERT INTO inbox (source, subject, version) VALUES ('/tests', :subject, 1) RETURNING subject")

    assert [row.subject for row in await database.execute(added, {"subject": "a"})] == ["a"]

    elsewhere = Database(url(emptied, "customer_index", "worker"), pool_size=1, name="tests")
    assert await counted(elsewhere) == 1
    await elsewhere.close()


async def test_the_one_connection_takes_statements_of_their_own_and_transactions_by_turns(database: Database) -> None:
    both = text(
        "INSERT INTO inbox (source, subject, version) SELECT '/tests', 'a', 1 / n FROM unnest(ARRAY[1, 0]) AS n"
    )
    with pytest.raises(DBAPIError):
        await database.execute(both, {})
    await database.execute(text("SELECT 1"), {})
    with suppress(LookupError):
        async with database.transaction({"scv.org": "lbhf"}) as tx:
            await tx.execute(ADD, {"subject": "a"})
            raise LookupError

    (found,) = await database.execute(SETTING, {})
    assert not found[0], "no context is left to it"
    assert await counted(database) == 0


async def test_a_context_holds_in_its_own_transaction_only(database: Database) -> None:
    async with database.transaction({"scv.org": "lbhf", "scv.scopes": "lbhf/housing,lbhf/crm"}) as tx:
        assert await setting(tx) == "lbhf"
        scopes = await tx.execute(text("SELECT current_setting('scv.scopes', true)"))
        assert scopes.scalar_one() == "lbhf/housing,lbhf/crm"
    async with database.transaction() as tx:
        assert not await setting(tx)
    with suppress(DBAPIError):
        async with database.transaction({"scv.org": "wcc"}) as tx:
            await tx.execute(text("SELECT 1 / 0"))
    async with database.transaction() as tx:
        assert not await setting(tx)


async def test_a_value_in_a_context_is_a_value_and_no_statement(database: Database) -> None:
    told = "x'; DELETE FROM inbox; --\","
    async with database.transaction({"scv.org": told}) as tx:
        assert await setting(tx) == told


async def test_an_error_does_not_repeat_what_was_sent(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with database.transaction() as tx:
            await tx.execute(text("SELECT CAST(:sent AS text)::int"), {"sent": "Zyxanthe"})

    assert "[parameters" not in str(failed.value)
    assert not is_transient(failed.value)


async def test_who_finds_no_connection_may_try_again(emptied: Server) -> None:
    assert is_transient(PoolExhausted())
    assert is_transient(ConnectionRefusedError())
    assert not is_transient(ValueError())
    nowhere = Database("postgresql+asyncpg://nobody@/none?host=/nonexistent", pool_size=1, name="tests")
    with pytest.raises(OSError, match="No such file"):
        await nowhere.ping()
    await nowhere.close()


async def test_a_deadlock_is_worth_another_try(emptied: Server) -> None:
    database = Database(url(emptied, "customer_index", "worker"), pool_size=2, name="tests")
    met = asyncio.Barrier(2)
    lock = text("SELECT pg_advisory_xact_lock(:one)")

    async def crossing(first: int, second: int) -> Exception | None:
        try:
            async with database.transaction() as tx:
                await tx.execute(lock, {"one": first})
                await met.wait()
                await tx.execute(lock, {"one": second})
        except DBAPIError as error:
            return error
        return None

    found = [one for one in await asyncio.gather(crossing(1, 2), crossing(2, 1)) if one is not None]
    await database.close()

    assert [is_transient(one) for one in found] == [True]


async def test_rows_are_given_as_dictionaries_and_times_in_utc(database: Database) -> None:
    async with database.transaction() as tx:
        rows = rows_of(await tx.execute(text("SELECT 1 AS one, current_setting('TimeZone') AS zone")))

    assert rows == [{"one": 1, "zone": "UTC"}]


@pytest.mark.parametrize("role", ["app", "worker"])
async def test_no_transaction_of_a_running_service_can_hang_for_ever(role: str, migrated: Server) -> None:
    shown = {}
    database = Database(url(migrated, "gateway", role), pool_size=1, name="test")
    async with database.transaction() as tx:
        for limit in ("idle_in_transaction_session_timeout", "statement_timeout"):
            shown[limit] = (await tx.execute(text(f"SHOW {limit}"))).scalar_one()
    await database.close()

    assert shown == {"idle_in_transaction_session_timeout": "1min", "statement_timeout": "5min"}
