"""Databases, roles and schema: what happens before a service starts.

`provision` is done once by whoever owns the server; `migrate` by the deployment, as the owner role, idempotent and
locked; the running service is neither superuser nor owner.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.db import Transaction


async def provision(admin_dsn: str, *, service: str, passwords: Mapping[str, str] | None = None) -> None:
    """Create a service's database and its three roles where they are missing.

    `service` is the package name. `<service>_owner` owns the schema, `<service>_app` serves requests and
    `<service>_worker` runs relay and jobs; none is a superuser, none bypasses row-level security. `admin_dsn` is a
    `postgresql://` address of a superuser; `passwords` maps role names to passwords where the server asks for them.
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
    """Bring a service's schema to its head; several at once wait for one another."""
    await _run(owner_url, lambda connection: command.upgrade(_config(package, connection), "head"))


async def check(package: str, owner_url: str) -> None:
    """Raise unless the schema that the migrations make is the one that `tables.py` declares."""
    await _run(owner_url, lambda connection: command.check(_config(package, connection)))


async def require_head(tx: Transaction, package: str) -> None:
    """Raise `RuntimeError` unless the database's schema is the one this code was written for."""
    found = (await tx.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    wanted = ScriptDirectory.from_config(_config(package, None)).get_current_head()
    if found != wanted:
        raise RuntimeError(f"schema {found} found, {wanted} needed: run the migrations of {package}")


def run_in_env(metadata: MetaData) -> None:
    """Run what Alembic was asked for; a service's `migrations/env.py` calls this with its tables."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


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
