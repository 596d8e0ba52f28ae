"""What all tests stand on: a real PostgreSQL of their own, migrated once, emptied before each test that asks for it.

Not in this room: how to make records, organisations and callers (builders.py), and a service's own fixtures.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.migrate import migrate, provision, socket_url
from single_node.postgres import Durability, Server, running
from tests.kafka_broker import NoKafka, any_broker, give_up

SERVICES = ("case_episodes", "customer_index", "gateway", "referrals")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL that this test process started and stops."""
    with (
        tempfile.TemporaryDirectory(prefix="scv-tests-") as home,
        running(Path(home) / "postgres", durability=Durability.THROW_AWAY) as started,
    ):
        yield started


@pytest.fixture(scope="session")
async def migrated(server: Server) -> Server:
    """The server with every service's database at its head."""
    await server.require_own()
    for service in SERVICES:
        await provision(server.admin_dsn, service=service)
        await migrate(service, url(server, service, "owner"))
    return server


def url(server: Server, service: str, role: str) -> str:
    """Give the address of a service's database as its `owner`, `app` or `worker` role."""
    return socket_url(str(server.sockets), database=service, role=f"{service}_{role}")


@pytest.fixture(scope="session")
async def kafka() -> AsyncIterator[str]:
    """The address of a real Apache Kafka."""
    async with AsyncExitStack() as stack:
        try:
            address = await stack.enter_async_context(any_broker())
        except NoKafka as reason:
            give_up(reason)
        yield address


@pytest.fixture(scope="session")
async def admins(migrated: Server) -> AsyncIterator[dict[str, AsyncEngine]]:
    """Every service's database as the superuser, who sees all rows, for tests to look behind the curtain."""
    engines = {
        service: create_async_engine(socket_url(str(migrated.sockets), database=service, role="postgres"))
        for service in SERVICES
    }
    yield engines
    for engine in engines.values():
        await engine.dispose()


@pytest.fixture
async def emptied(migrated: Server, admins: dict[str, AsyncEngine]) -> Server:
    """The migrated server without a row in any table."""
    for engine in admins.values():
        await empty(engine)
    return migrated


async def empty(admin: AsyncEngine) -> None:
    """Take every row out of a service's database."""
    async with admin.begin() as connection:
        await connection.execute(_EMPTY)


# Rows are deleted: most tests leave few, and a table that is truncated gets new files, as do its indexes.
_EMPTY = text(
    """
    DO $$
    DECLARE
      name text;
      filled boolean;
    BEGIN
      SET LOCAL session_replication_role = replica;
      FOR name IN SELECT quote_ident(tablename) FROM pg_tables
                   WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE 'SELECT EXISTS (SELECT 1 FROM ' || name || ')' INTO filled;
        IF filled THEN
          EXECUTE 'DELETE FROM ' || name;
        END IF;
        -- One row, as the migration leaves it: nothing was taken off-site yet.
        IF name = 'opening' THEN
          EXECUTE 'INSERT INTO opening DEFAULT VALUES';
        END IF;
      END LOOP;
      PERFORM setval(format('public.%I', sequencename), start_value, false)
         FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
    END $$
    """
)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures that tests measured."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, figures in report.user_properties:
                if name == "figures":
                    terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {figures}")
