"""The database: one engine, and the one transaction boundary.

Every statement of a service runs inside `Database.transaction`, which first tells the row-level-security policies who
is asking (the context), and commits when the block ends without an error: before the answer leaves, because routes
answer after the block. A single statement that needs no context may be a transaction of its own (`Database.execute`).
Nothing else in the code base commits.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from opentelemetry.trace import SpanKind
from pydantic_core import from_json, to_json
from sqlalchemy import Executable, Row, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import QueuePool

from shared import telemetry
from shared.progress import Progress

Context = Mapping[str, str]
"""Row-level-security settings (`scv.…`) of one transaction; what is not set opens nothing."""

NO_CONTEXT: Final[Context] = {}

AnyRow = Row[*tuple[Any, ...]]
"""A row of whatever was selected."""

Transaction = AsyncConnection
"""A connection inside a transaction; commands and queries take it as their first argument."""

_SET_CONTEXT: Final = (
    "SELECT set_config(name, value, true), (SELECT {entry})"
    " FROM unnest(CAST(:names AS text[]), CAST(:settings AS text[])) AS context(name, value)"
)

_FIND_DEAD_CLIENTS = text(
    "SELECT set_config('tcp_keepalives_idle', '6', false), set_config('tcp_keepalives_interval', '2', false),"
    " set_config('tcp_keepalives_count', '2', false)"
)
"""The server lets go of a client that vanished from the network, and of its locks, after ten seconds."""
_TAKE_DUTY = text("SELECT pg_try_advisory_lock(hashtext(:duty))")
_STANDBY_SECONDS = 1.0
_IN_A_TRACE: Final = {"db.system.name": "postgresql"}

_TRANSIENT = re.compile(r"^(08|53|57P|40001|40P01|55P03|SC001)")
"""Database error codes after which the same work may well succeed; SC001 is ours, of a database that is closed
(`ledger`)."""


class Transactions(Protocol):
    """What transactions can be opened on."""

    def transaction(self, context: Context = NO_CONTEXT) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction in a context; commit at the end of the block, roll back on any error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """How many connections of a pool are in use and idle, and how many there may be."""

    in_use: int
    idle: int
    most: int


class Database:
    """One database as one role, with a pool of connections."""

    def __init__(self, url: str, *, pool_size: int, name: str, entry: str = "true") -> None:
        """`url` is `postgresql+asyncpg://…`; `name` shows in the server's list of activity.

        `entry` is an expression of ours in SQL that is asked with every context, before anything else, and raises
        where nobody may come in.
        """
        self._enter = text(_SET_CONTEXT.format(entry=entry))
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
        self._at_once = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self, context: Context = NO_CONTEXT) -> AsyncIterator[Transaction]:
        """Open a transaction in a context; commit at the end of the block, roll back on any error."""
        with telemetry.detail("transaction", kind=SpanKind.CLIENT, attributes=_IN_A_TRACE):
            async with self._engine.begin() as connection:
                await _set(connection, context, enter=self._enter)
                yield connection

    async def execute(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[AnyRow]:
        """Execute a statement that is a transaction of its own, without context, and give its rows.

        It is committed when this returns, after one round trip instead of the three of `transaction`.
        """
        with telemetry.detail("transaction", kind=SpanKind.CLIENT, attributes=_IN_A_TRACE):
            async with self._at_once.connect() as connection:
                return (await connection.execute(statement, values)).all()

    @asynccontextmanager
    async def on_duty(self, duty: str, *, progress: Progress | None = None) -> AsyncIterator["OnDuty"]:
        """Wait until nobody else in this database is on a duty, and be the one for the length of the block.

        `progress` beats while it waits.

        The transactions given run on the very connection that holds the lock, so whoever loses the one has lost the
        other. The address must lead to the server itself, not to a pooler that shares connections out by transaction.
        """
        progress = progress or Progress()
        async with self._engine.connect() as connection:
            try:
                await connection.execute(_FIND_DEAD_CLIENTS)
                while not (await connection.execute(_TAKE_DUTY, {"duty": duty})).scalar_one():
                    await connection.commit()
                    progress.beat()
                    await asyncio.sleep(_STANDBY_SECONDS)
                await connection.commit()
                yield OnDuty(connection, enter=self._enter)
            finally:
                # However the block ended, the lock goes with the connection.
                await connection.invalidate()

    async def ping(self) -> None:
        """Ask the server for a sign of life."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    def connections(self) -> Connections:
        """Tell how many connections are open, without asking the server."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)  # noqa: S101  what an engine with a pool size has
        return Connections(in_use=pool.checkedout(), idle=pool.checkedin(), most=pool.size())

    async def close(self) -> None:
        """Give all connections back to the server."""
        await self._engine.dispose()


class OnDuty:
    """Transactions on the one connection that holds a duty, one after the other."""

    def __init__(self, connection: AsyncConnection, *, enter: TextClause) -> None:
        self._connection = connection
        self._enter = enter

    @asynccontextmanager
    async def transaction(self, context: Context = NO_CONTEXT) -> AsyncIterator[Transaction]:
        async with self._connection.begin():
            await _set(self._connection, context, enter=self._enter)
            yield self._connection

    async def listen(self, channel: str) -> asyncio.Event:
        """Give what is set whenever a transaction that notifies a channel commits, as long as the connection lasts."""
        heard = asyncio.Event()
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        await driver.add_listener(channel, lambda *_: heard.set())
        return heard


async def _set(connection: AsyncConnection, context: Context, *, enter: TextClause) -> None:
    if context:
        await connection.execute(enter, {"names": list(context), "settings": list(context.values())})


def is_transient(error: BaseException) -> bool:
    """Tell whether the same work may well succeed later: the database was away, busy or in conflict."""
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or _TRANSIENT.match(code) is not None
    return isinstance(error, (PoolExhausted, OSError, TimeoutError))


def rows_of(result: Any) -> list[dict[str, Any]]:
    """Give the rows of a result as plain dictionaries."""
    return [dict(row) for row in result.mappings()]
