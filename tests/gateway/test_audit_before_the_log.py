"""Audit rows written before there was a log are sealed into it."""

from collections.abc import AsyncIterator

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.sealing import seal_batch
from shared.db import Database
from shared.migrate import migrate, socket_url
from single_node.postgres import Server
from tests.builders import AT
from tests.gateway.logs import SIGNER

OLD = "gateway_before_the_log"
ROW = (
    "INSERT INTO audit (sequence, audit_id, at, organisation, subject, roles, action, method, route, person_ids,"
    " person_owners, records, owners, scopes, clauses, policy, outcome, epoch) SELECT number, gen_random_uuid(), now(),"
    " 'wcc', 'will', '{}', 'read', 'GET', '/v1/people', '{}', '{}', '{}', '{lbhf}', '{}', '{}', 'p', 'allowed', 1"
    " FROM generate_series(1, 25) AS number"
)


def upgrade_to(revision: str, connection: Connection) -> None:
    """Bring a schema to a revision."""
    config = Config()
    config.set_main_option("script_location", "gateway:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.fixture
async def old(migrated: Server) -> AsyncIterator[Server]:
    """A server with a gateway's database of its own, as it was before there was a log, with 25 audit rows."""
    admin = create_async_engine(socket_url(str(migrated.sockets), database="postgres", role="postgres"))
    outside = admin.execution_options(isolation_level="AUTOCOMMIT")
    async with outside.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {OLD} OWNER gateway_owner"))
    inside = create_async_engine(socket_url(str(migrated.sockets), database=OLD, role="postgres"))
    async with inside.begin() as connection:
        await connection.execute(text("ALTER SCHEMA public OWNER TO gateway_owner"))
        await connection.execute(text("GRANT USAGE ON SCHEMA public TO gateway_app, gateway_worker"))
    owner = create_async_engine(socket_url(str(migrated.sockets), database=OLD, role="gateway_owner"))
    async with owner.begin() as connection:
        await connection.run_sync(lambda it: upgrade_to("0004", it))
    await owner.dispose()
    async with inside.begin() as connection:
        await connection.execute(text(ROW))
    await inside.dispose()
    yield migrated
    async with outside.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {OLD} WITH (FORCE)"))
    await admin.dispose()


async def test_rows_from_before_the_log_are_sealed_with_the_first_batch(old: Server) -> None:
    await migrate("gateway", socket_url(str(old.sockets), database=OLD, role="gateway_owner"))
    worker = Database(socket_url(str(old.sockets), database=OLD, role="gateway_worker"), pool_size=1, name="tests")

    async with worker.transaction() as tx:
        sealed = await seal_batch(tx, SIGNER, at=AT)
    await worker.close()

    assert sealed == 25
    admin = create_async_engine(socket_url(str(old.sockets), database=OLD, role="postgres"))
    async with admin.connect() as connection:
        forced = await connection.execute(text("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'audit'"))
        assert forced.scalar_one(), "the table was left open to its owner"
    await admin.dispose()
