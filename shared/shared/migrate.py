"""Databases, roles and schema: what happens before a service starts.

`provision` is done once by whoever owns the server; `migrate` by the deployment, as the owner role, idempotent and
locked; the running service is neither superuser nor owner.

A migration that leaves alone what older code works with says so by `serves_from`, the oldest revision whose code still
works on the schema it makes. Which revisions a schema serves is written beside its number, so that code which does not
know the newer migrations can tell.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import Database, Transaction

_SERVED: Final = "serves code of "
_FOUND: Final = text(
    "SELECT version_num AS revision, coalesce(obj_description('alembic_version'::regclass, 'pg_class'), '') AS told"
    " FROM alembic_version"
)

_LIMITS: Final = {"idle_in_transaction_session_timeout": "60s", "statement_timeout": "5min"}
"""Of the roles, not of connections: a pooler passes no such setting on."""


async def provision(admin_dsn: str, *, service: str, passwords: Mapping[str, str] | None = None) -> None:
    """Create a service's database and its three roles where they are missing.

    `service` is the package name. `<service>_owner` owns the schema, `<service>_app` serves requests and
    `<service>_worker` runs relay and jobs; none is a superuser, none bypasses row-level security. `admin_dsn` is a
    `postgresql://` address of a superuser; `passwords` maps role names to passwords where the server asks for them.
    No transaction of a running service may hang: it would hold its locks for as long.
    """
    admin: Any = await asyncpg.connect(admin_dsn, database="postgres")
    try:
        for role in (f"{service}_owner", f"{service}_app", f"{service}_worker"):
            if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await admin.execute(f'CREATE ROLE "{role}" LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE')
            if passwords and role in passwords:
                statement = await admin.fetchval(
                    "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, passwords[role]
                )
                await admin.execute(statement)
        for role in (f"{service}_app", f"{service}_worker"):
            for limit, time in _LIMITS.items():
                await admin.execute(f"ALTER ROLE \"{role}\" SET {limit} = '{time}'")
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", service):
            await admin.execute(f'CREATE DATABASE "{service}" OWNER "{service}_owner"')
            await admin.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
            await admin.execute(f'GRANT CONNECT ON DATABASE "{service}" TO "{service}_app", "{service}_worker"')
    finally:
        await admin.close()
    inside: Any = await asyncpg.connect(admin_dsn, database=service)
    try:
        await inside.execute(f'ALTER SCHEMA public OWNER TO "{service}_owner"; REVOKE ALL ON SCHEMA public FROM PUBLIC')
        await inside.execute(f'GRANT USAGE ON SCHEMA public TO "{service}_app", "{service}_worker"')
    finally:
        await inside.close()


def socket_url(directory: str, *, database: str, role: str) -> str:
    """Give the SQLAlchemy address of a database on a server that listens on a socket in `directory`."""
    return f"postgresql+asyncpg://{role}@/{database}?host={quote(directory, safe='')}"


async def migrate(package: str, owner_url: str) -> None:
    """Bring a service's schema to its head; several at once wait for one another.

    A newer schema that serves this code is left as it is: whoever goes back a release migrates nothing.
    """
    await _run(owner_url, lambda connection: _upgrade(package, connection))


async def check(package: str, owner_url: str) -> None:
    """Raise unless the schema that the migrations make is the one that `tables.py` declares."""
    await _run(owner_url, lambda connection: command.check(_config(package, connection)))


async def require_head(tx: Transaction, package: str) -> None:
    """Raise `RuntimeError` unless the database's schema is the one this code was written for, or a newer one that says
    it serves this code still."""
    found = (await tx.execute(_FOUND)).one_or_none()
    wanted = _head(package)
    if found is not None and (found.revision == wanted or wanted in _told(found.told, revision=found.revision)):
        return
    there = None if found is None else found.revision
    raise RuntimeError(f"schema {there} found, {wanted} needed: run the migrations of {package}")


async def require_ready(database: Database, package: str) -> None:
    """Raise unless a service's database answers and its schema serves this code."""
    async with database.transaction() as tx:
        await require_head(tx, package)


@cache
def _head(package: str) -> str | None:
    """Find the newest migration in the package; it is asked for with every look at readiness and reads all of them."""
    return ScriptDirectory.from_config(_config(package, None)).get_current_head()


def run_in_env(metadata: MetaData) -> None:
    """Run what Alembic was asked for; a service's `migrations/env.py` calls this with its tables."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
        _tell(connection, context.script, context.get_context().get_current_revision())


def served(script: ScriptDirectory, revision: str) -> list[str]:
    """Name the revisions whose code works on the schema of a revision, the newest first; one of them is itself."""
    line = list(script.walk_revisions("base", revision))
    ages = {one.revision: age for age, one in enumerate(line)}
    found, reach = list[str](), len(line)
    for age, one in enumerate(line):
        if age > reach:
            break
        found.append(one.revision)
        reach = min(reach, ages[getattr(one.module, "serves_from", one.revision)])
    return found


def _tell(connection: Connection, script: ScriptDirectory, revision: str | None) -> None:
    """Write beside the number of the schema which code it serves; a comment is in every backup and needs no table."""
    if revision is not None:
        told = f"{revision} {_SERVED}{' '.join(served(script, revision))}"
        if connection.execute(_FOUND).one().told != told:
            connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{told}'"))


def _told(told: str, *, revision: str) -> list[str]:
    """Read what was told of a revision; what was told of another is out of date, and nobody is served."""
    beginning = f"{revision} {_SERVED}"
    return told.removeprefix(beginning).split() if told.startswith(beginning) else []


def closed_table(table: str, *, policies: Mapping[str, str], grants: Mapping[str, str]) -> list[str]:
    """Give the statements that close a table by forced row-level security and then open what is named.

    `policies` maps a policy's name to the rest of its definition (`FOR SELECT TO … USING …`), `grants` a role to
    its privileges.
    """
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        *(f"CREATE POLICY {name} ON {table} {definition}" for name, definition in policies.items()),
        *(f"GRANT {privileges} ON {table} TO {role}" for role, privileges in grants.items()),
    ]


def _upgrade(package: str, connection: Connection) -> None:
    made = inspect(connection).has_table("alembic_version")
    found = connection.execute(_FOUND).one_or_none() if made else None
    connection.rollback()
    if found is None or _head(package) not in _told(found.told, revision=found.revision):
        command.upgrade(_config(package, connection), "head")


def _config(package: str, connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", f"{package}:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def _run(owner_url: str, step: Any) -> None:
    engine = create_async_engine(owner_url, poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            await _locked(connection, step)
    finally:
        await engine.dispose()


async def _locked(connection: AsyncConnection, step: Any) -> None:
    await connection.execute(text("SELECT pg_advisory_lock(hashtext('migrate'))"))
    await connection.commit()
    await connection.run_sync(step)
    await connection.commit()
