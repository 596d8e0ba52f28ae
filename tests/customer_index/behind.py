"""Looks behind the curtain: what the database holds, asked as the superuser, whom no policy stops."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


async def ask(admin: AsyncEngine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Give the rows of a statement."""
    async with admin.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), values)]


async def tables(admin: AsyncEngine) -> list[str]:
    """List all tables."""
    found = await ask(admin, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    return [name for (name,) in found]


async def contents(admin: AsyncEngine) -> dict[str, str | None]:
    """Give for each table a hash of all it holds; two of them are equal if nothing changed."""
    hashes = {}
    for table in await tables(admin):
        statement = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t"
        hashes[table] = (await ask(admin, statement))[0][0]
    return hashes


async def count(admin: AsyncEngine, table: str) -> int:
    """Count the rows of a table."""
    return int((await ask(admin, f"SELECT count(*) FROM {table}"))[0][0])


async def partition(admin: AsyncEngine, owner: str) -> set[frozenset[str]]:
    """Give an owner's persons, each as the set of its records, named `source/local_id`."""
    statement = """
        SELECT array_agg(source || '/' || local_id)
          FROM members JOIN records USING (record_id, owner, source) WHERE owner = :owner GROUP BY person_id
    """
    return {frozenset(found) for (found,) in await ask(admin, statement, owner=owner)}


async def events(admin: AsyncEngine) -> list[tuple[str, str, int]]:
    """Give the type, subject and version of every event, in their order."""
    return [tuple(row) for row in await ask(admin, "SELECT type, subject, aggregate_version FROM outbox ORDER BY id")]
