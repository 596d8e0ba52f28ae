"""The database: one engine, and the one transaction boundary.

Every statement of a service runs inside `Database.transaction`, which first tells the row-level-security policies who
is asking (the context), and commits when the block ends without an error: before the answer leaves, because routes
answer after the block. Nothing else in the code base commits.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

Context = Mapping[str, str]
"""Row-level-security settings (`scv.…`) of one transaction; what is not set opens nothing."""

NO_CONTEXT: Final[Context] = {}

AnyRow = Row[*tuple[Any, ...]]
"""A row of whatever was selected."""

Transaction = AsyncConnection
"""A connection inside a transaction; commands and queries take it as their first argument."""

_SET_CONTEXT = text(
    "SELECT set_config(name, value, true)"
    " FROM unnest(CAST(:names AS text[]), CAST(:settings AS text[])) AS context(name, value)"
)


class Database:
    """One database as one role, with a pool of connections."""

    def __init__(self, url: str, *, pool_size: int, name: str) -> None:
        """`url` is `postgresql+asyncpg://…`; `name` shows in the server's list of activity."""
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            pool_pre_ping=False,
            hide_parameters=True,
            json_serializer=lambda value: to_json(value).decode(),
            json_deserializer=from_json,
            connect_args={"timeout": 10, "server_settings": {"application_name": name, "timezone": "UTC"}},
        )

    @asynccontextmanager
    async def transaction(self, context: Context = NO_CONTEXT) -> AsyncIterator[Transaction]:
        """Open a transaction in a context; commit at the end of the block, roll back on any error."""
        async with self._engine.begin() as connection:
            if context:
                await connection.execute(_SET_CONTEXT, {"names": list(context), "settings": list(context.values())})
            yield connection

    async def ping(self) -> None:
        """Ask the server for a sign of life."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give all connections back to the server."""
        await self._engine.dispose()


def rows_of(result: Any) -> list[dict[str, Any]]:
    """Give the rows of a result as plain dictionaries."""
    return [dict(row) for row in result.mappings()]
