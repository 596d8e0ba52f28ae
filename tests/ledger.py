"""A made-up pair of services on real PostgreSQL: accounts that change, and copies of them kept by events.

An account's state is a hash over all it was told, in order; so a copy has the same state only if it was told the same,
once and in order. In this room: the tables, a change, its effect, and the comparison. Not in this room: what carries
the events, and what goes wrong on the way.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import asyncpg
from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, Table, Text, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import create_async_engine

from shared.db import Database, Transaction
from shared.events import Envelope, Event
from shared.inbox import inbox_table, parked_table
from shared.migrate import socket_url
from shared.outbox import Happened, emit, outbox_table
from single_node.postgres import Server

SOURCE: Final = "accounts"

metadata = MetaData()
accounts = Table(
    "accounts", metadata, Column("id", Text, primary_key=True), Column("version", Integer), Column("state", Text)
)
outbox = outbox_table(metadata)
copies = Table("copies", metadata, Column("id", Text, primary_key=True), Column("state", Text))
applied = Table(
    "applied",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text),
    Column("version", Integer),
)
"""Every effect that was committed."""
inbox = inbox_table(metadata)
parked = parked_table(metadata)


class AccountTold(Event):
    """An account was told a word."""

    type = "account.told.v1"
    topic = "scv.test.accounts"

    word: str


@dataclass(frozen=True)
class Ledger:
    """A database of the tables above."""

    url: str
    database: Database


@dataclass(frozen=True)
class Finding:
    """What a history shows when the two sides are compared."""

    written: int
    lost: int
    reordered: int
    repeated: int
    states_equal: bool


@asynccontextmanager
async def a_ledger(server: Server, *, pool_size: int = 4) -> AsyncIterator["Ledger"]:
    """Make an empty database of the ledger's tables; drop it at the end."""
    name = f"ledger_{uuid4().hex[:12]}"
    await _administer(server, f'CREATE DATABASE "{name}"')
    url = socket_url(str(server.sockets), database=name, role="postgres")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    database = Database(url, pool_size=pool_size, name=name)
    try:
        yield Ledger(url, database)
    finally:
        await database.close()
        await _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def tell(
    database: Database, account: str, word: str, *, topic: str = AccountTold.topic, seconds: float = 0.0
) -> None:
    """Tell an account a word, in one transaction with the event of it, which then stays open for a while."""
    async with database.transaction() as tx:
        first = upsert(accounts).values(id=account, version=0, state="")
        await tx.execute(first.on_conflict_do_nothing())
        row = (await tx.execute(select(accounts).where(accounts.c.id == account).with_for_update())).one()
        version = row.version + 1
        await tx.execute(
            update(accounts).where(accounts.c.id == account).values(version=version, state=told(row.state, word))
        )
        happened = Happened(AccountTold(word=word), account, version, topic=topic)
        await emit(tx, outbox, [happened], source=SOURCE, owner="lbhf", txn=uuid4(), at=datetime.now(UTC))
        await asyncio.sleep(seconds)


async def follow(tx: Transaction, envelope: Envelope) -> None:
    """Tell the copy what its account was told."""
    word = AccountTold.model_validate(envelope.data).word
    copy = copies.c.id == envelope.subject
    before = (await tx.execute(select(copies.c.state).where(copy))).scalar_one_or_none()
    kept = upsert(copies).values(id=envelope.subject, state=told(before or "", word))
    await tx.execute(kept.on_conflict_do_update(index_elements=["id"], set_={"state": kept.excluded.state}))
    await tx.execute(insert(applied).values(subject=envelope.subject, version=envelope.aggregate_version))


def told(state: str, word: str) -> str:
    """Give the state after a word."""
    return hashlib.sha256(f"{state} {word}".encode()).hexdigest()


async def find(database: Database) -> Finding:
    """Compare the two sides."""
    async with database.transaction() as tx:
        whole = {row.id: row.version for row in await tx.execute(select(accounts))}
        ours = {row.id: row.state for row in await tx.execute(select(accounts))}
        theirs = {row.id: row.state for row in await tx.execute(select(copies))}
        history = [(row.subject, row.version) for row in await tx.execute(select(applied).order_by(applied.c.id))]
    return check(whole, history, states_equal=ours == theirs)


def check(written: dict[str, int], history: Sequence[tuple[str, int]], *, states_equal: bool) -> Finding:
    """Find what is missing, out of order or there twice in a history of (subject, version), given the last versions."""
    last: dict[str, int] = {}
    reordered = 0
    for subject, version in history:
        reordered += version < last.get(subject, 0)
        last[subject] = max(version, last.get(subject, 0))
    everything = {(subject, version) for subject, end in written.items() for version in range(1, end + 1)}
    return Finding(
        written=len(everything),
        lost=len(everything - set(history)),
        reordered=reordered,
        repeated=len(history) - len(set(history)),
        states_equal=states_equal,
    )


async def settle(database: Database, *, seconds: float = 30.0, still: float = 12.0) -> float:
    """Wait until everything written took effect, or nothing moved for a while; give how long it took, in seconds."""
    loop = asyncio.get_running_loop()
    start = moved = loop.time()
    count = -1
    while loop.time() < start + seconds and loop.time() < moved + still:
        found = await _applied(database)
        async with database.transaction() as tx:
            wanted = (await tx.execute(select(func.coalesce(func.sum(accounts.c.version), 0)))).scalar_one()
        if found >= wanted:
            break
        if found != count:
            count, moved = found, loop.time()
        await asyncio.sleep(0.05)
    return loop.time() - start


async def _applied(database: Database) -> int:
    async with database.transaction() as tx:
        return int((await tx.execute(select(func.count()).select_from(applied))).scalar_one())


async def _administer(server: Server, statement: str) -> None:
    connection: Any = await asyncpg.connect(server.admin_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
