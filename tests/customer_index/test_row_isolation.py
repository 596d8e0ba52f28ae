"""Rows: whatever the code gets wrong, the database shows no personal data to a call that opened nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db import NO_CONTEXT, Database, Transaction
from single_node.postgres import Server
from tests.builders import a_permit, a_record, granting, write_permit
from tests.conftest import url
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, linked_boroughs, put
from tests.customer_index.protecting import protect
from tests.customer_index.stewarding import decide, reviews

OPEN_TABLES = {
    "alembic_version": "the number of the schema",
    "sources": "the register of source systems names systems, not people",
    "linkage_flows": "clauses of agreements",
    "inbox": "ids and versions of governance objects",
    "opening": "for which server the database is open",
}
WORKED_ON = {
    "loads": "which load waits, of which source: no content, column by column",
    "link_queue": "ids of persons to look at again",
    "outbox": "ids, types and versions, for the relay",
    "ledger": "whose protections were set and lifted, to be taken off-site",
    "parked": "events of the gateway that wait for their turn",
    "protections": "whose protections end one day: no record, column by column",
}
"""What the worker reads without a context, and why."""


@pytest.fixture
async def filled(index: Index, admins: dict[str, AsyncEngine]) -> Index:
    """An index with at least a row in every table."""
    await linked_boroughs(index)
    load = b'{"local_id": "l-1", "family_name": "Okonjo-Vale"}\n{"local_id": "l-2"}\n'
    await index.call(
        "POST",
        "/v1/sources/crm/loads",
        write_permit("lbhf"),
        content=load,
        headers={"Content-Type": "application/x-ndjson"},
    )
    await index.finish_loads()
    await index.call(
        "POST",
        "/v1/sources/crm/loads",
        write_permit("lbhf"),
        content=load,
        headers={"Content-Type": "application/x-ndjson"},
    )
    await index.consume(agreement_changed(version=9))
    twin = a_record(given_names=["Chidi"], nhs_number=None)
    await index.call("PUT", "/v1/sources/crm/records/twin", write_permit("lbhf"), json=twin)
    await protect(index, (await put(index, "lbhf", "housing/h-9"))["person_id"], until="2026-12-31")
    (review,) = [one for one in await reviews(index) if one["kind"] == "record"][:1]
    await decide(index, review, "no-match")
    for table in await behind.tables(admins["customer_index"]):
        assert await behind.count(admins["customer_index"], table), f"{table} is empty, so the test would say nothing"
    return index


@pytest.fixture
async def single(emptied: Server) -> AsyncIterator[dict[str, Database]]:
    """Both roles, each with one connection, so that what one transaction leaves behind the next one meets."""
    roles = {
        role: Database(url(emptied, "customer_index", role), pool_size=1, name="one connection")
        for role in ("app", "worker")
    }
    yield roles
    for database in roles.values():
        await database.close()


async def seen(tx: Transaction, table: str) -> int:
    """Count the rows a role sees in a table; none if it may not look."""
    allowed = text("SELECT has_any_column_privilege(:table, 'SELECT')")
    if not (await tx.execute(allowed, {"table": table})).scalar_one():
        return 0
    return len((await tx.execute(text(f"SELECT 1 FROM {table}"))).all())


async def rows_seen(database: Database, admin: AsyncEngine, context: dict[str, str] | None = None) -> dict[str, int]:
    """Count what raw SQL sees in each closed table."""
    async with database.transaction(context or NO_CONTEXT) as tx:
        counts = {table: await seen(tx, table) for table in await behind.tables(admin) if table not in OPEN_TABLES}
    return {table: found for table, found in counts.items() if found}


async def test_outside_a_context_no_role_sees_a_row(
    filled: Index, single: dict[str, Database], admins: dict[str, AsyncEngine]
) -> None:
    assert await rows_seen(single["app"], admins["customer_index"]) == {}
    assert set(await rows_seen(single["worker"], admins["customer_index"])) <= set(WORKED_ON)


async def test_the_worker_sees_of_a_waiting_load_only_whose_it_is(filled: Index, single: dict[str, Database]) -> None:
    for column in ("subject", "idempotency_key", "body_digest", "*"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with single["worker"].transaction() as tx:
                await tx.execute(text(f"SELECT {column} FROM loads"))


async def test_a_context_shows_and_is_gone_with_its_transaction(
    filled: Index, single: dict[str, Database], admins: dict[str, AsyncEngine]
) -> None:
    context = dict(a_permit("lbhf").context())

    assert (await rows_seen(single["app"], admins["customer_index"], context))["records"] > 0
    assert await rows_seen(single["app"], admins["customer_index"]) == {}


async def test_a_context_is_gone_after_an_error(
    filled: Index, single: dict[str, Database], admins: dict[str, AsyncEngine]
) -> None:
    context = a_permit("lbhf").context()
    with suppress(DBAPIError):
        async with single["app"].transaction(context) as tx:
            await tx.execute(text("SELECT 1 / 0"))
    assert await rows_seen(single["app"], admins["customer_index"]) == {}
    with suppress(LookupError):
        async with single["app"].transaction(context) as tx:
            assert (await tx.execute(text("SELECT count(*) FROM records"))).scalar_one() > 0
            raise LookupError
    assert await rows_seen(single["app"], admins["customer_index"]) == {}


async def test_a_context_is_gone_after_a_cancellation(
    filled: Index, single: dict[str, Database], admins: dict[str, AsyncEngine]
) -> None:
    started = asyncio.Event()

    async def slow() -> None:
        async with single["app"].transaction(a_permit("lbhf").context()) as tx:
            assert (await tx.execute(text("SELECT count(*) FROM records"))).scalar_one() > 0
            started.set()
            await tx.execute(text("SELECT pg_sleep(20)"))

    task = asyncio.create_task(slow())
    await started.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert await rows_seen(single["app"], admins["customer_index"]) == {}


async def test_raw_sql_of_one_scope_sees_neither_another_scope_nor_another_owner(
    filled: Index, single: dict[str, Database]
) -> None:
    context = {"scv.org": "lbhf", "scv.scopes": "lbhf/customer-services"}

    for table in ("records", "members", "block_keys"):
        async with single["app"].transaction(context) as tx:
            scopes = (await tx.execute(text(f"SELECT DISTINCT scope FROM {table}"))).scalars().all()
        assert scopes == ["lbhf/customer-services"], table
    async with single["app"].transaction(context) as tx:
        assert (await tx.execute(text("SELECT DISTINCT owner FROM persons"))).scalars().all() == ["lbhf"]
        assert (await tx.execute(text("SELECT * FROM links"))).all() == []


async def test_a_call_cannot_write_outside_its_own_source_area(filled: Index, single: dict[str, Database]) -> None:
    # It sees its organisation's other areas, as a call for data-stewardship does, and still writes in one.
    seeing = granting("lbhf/customer-services", "lbhf/housing", "wcc/customer-services")
    writing = replace(write_permit("lbhf"), grants=seeing).context()
    for statement in (
        "UPDATE records SET version = 99 WHERE owner = 'wcc' OR scope <> 'lbhf/customer-services'",
        "DELETE FROM records WHERE owner = 'wcc' OR scope <> 'lbhf/customer-services'",
        "UPDATE persons SET version = 99 WHERE owner = 'wcc'",
        "DELETE FROM members WHERE owner = 'wcc'",
    ):
        async with single["app"].transaction(writing) as tx:
            assert (await tx.execute(text(statement))).rowcount == 0, statement
    for moved in ("owner = 'wcc'", "scope = 'lbhf/housing'"):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with single["app"].transaction(writing) as tx:
                await tx.execute(text(f"UPDATE records SET {moved} WHERE scope = 'lbhf/customer-services'"))


async def test_the_application_cannot_read_the_outbox(filled: Index, single: dict[str, Database]) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with single["app"].transaction(a_permit("lbhf").context()) as tx:
            await tx.execute(text("SELECT * FROM outbox"))


async def test_the_worker_never_sees_what_sources_said_verbatim(filled: Index, single: dict[str, Database]) -> None:
    everything = {"scv.link_owners": "lbhf,wcc", "scv.org": "lbhf", "scv.scopes": "lbhf/customer-services"}
    with pytest.raises(DBAPIError, match="permission denied"):
        async with single["worker"].transaction(everything) as tx:
            await tx.execute(text("SELECT data FROM records"))
    async with single["worker"].transaction({"scv.link_owners": "lbhf"}) as tx:
        assert (await tx.execute(text("SELECT DISTINCT owner FROM members"))).scalars().all() == ["lbhf"]


async def test_every_table_is_closed_by_force_or_on_the_open_list(admins: dict[str, AsyncEngine]) -> None:
    found = await behind.ask(
        admins["customer_index"],
        "SELECT relname, relrowsecurity AND relforcerowsecurity,"
        "       (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid)"
        "  FROM pg_class AS c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
    )

    closed = {name for name, forced, policies in found if forced and policies}
    assert {name for name, *_ in found} - closed == set(OPEN_TABLES)


async def test_no_role_of_the_service_stands_above_the_policies(admins: dict[str, AsyncEngine]) -> None:
    roles = await behind.ask(
        admins["customer_index"],
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname LIKE 'customer\\_index\\_%'",
    )
    owned = await behind.ask(
        admins["customer_index"], "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    )

    assert sorted(roles) == [(f"customer_index_{role}", False, False, False) for role in ("app", "owner", "worker")]
    assert owned == [("customer_index_owner",)]


@pytest.mark.parametrize("table", ["records", "members"])
async def test_the_probe_bites(
    table: str, filled: Index, single: dict[str, Database], admins: dict[str, AsyncEngine]
) -> None:
    """The control: with row-level security switched off the same raw SQL does find rows."""
    async with admins["customer_index"].begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
    try:
        assert (await rows_seen(single["app"], admins["customer_index"]))[table] > 0
    finally:
        async with admins["customer_index"].begin() as connection:
            await connection.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
    assert await rows_seen(single["app"], admins["customer_index"]) == {}
