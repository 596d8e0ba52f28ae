"""Replays the ledger into a restored database, and only then opens it.

All of it is one transaction of the owner of the schema: every segment is verified from the first, every change that the
database lacks is made again in its order, the ledger takes the changes in under their own ids, the service does what
follows from them, and the database is opened to this server. If any of it fails nothing has happened, and the database
is as closed as before.

In this room: what holds for every service. Not in this room: what follows from the changes (each service's
`replayed`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Final

import structlog
from pydantic_core import to_json
from sqlalchemy import Table, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import Database, Transaction
from shared.ledger import Kept, Ledgered
from shared.segments import Entry, Head, LedgerBroken, unseal
from shared.shipping import DUTY, OPEN, known_head, note_shipped
from shared.sink import Sink

_ALONE: Final = text("SELECT set_config('lock_timeout', '10s', true), pg_advisory_xact_lock(hashtext(:duty))")
_ROWS: Final = bindparam("rows", type_=JSONB)
_NOTED: Final = text(
    "INSERT INTO ledger (id, of, key, image) OVERRIDING SYSTEM VALUE"
    " SELECT id, of, key, image FROM jsonb_to_recordset(:entries) AS told(id bigint, of text, key jsonb, image jsonb)"
).bindparams(bindparam("entries", type_=JSONB))

log = structlog.get_logger()


async def replay(owner: Database, sink: Sink, *, kept: Kept) -> Head:
    """Bring a restored database to where its ledger is off-site, and open it; give the head of the ledger.

    Raises `LedgerBroken`, and changes nothing, if the ledger is not whole or not this database's.
    """
    tables = [one.table for one in kept.tables]
    async with owner.transaction() as tx:
        await tx.execute(_ALONE, {"duty": DUTY})
        async with unforced(tx, [kept.ledger, *tables]):
            for table in tables:
                await tx.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER note_in_ledger"))
            missing, head = await _take_in(tx, sink, kept=kept)
            for table in tables:
                await tx.execute(text(f"ALTER TABLE {table.name} ENABLE TRIGGER note_in_ledger"))
        await kept.replayed(tx, missing)
        await tx.execute(OPEN)
    log.info("replayed and opened", changes=len(missing), segment=head.number, digest=head.digest)
    return head


@asynccontextmanager
async def unforced(tx: Transaction, tables: Sequence[Table]) -> AsyncIterator[None]:
    """Let the owner see all rows of some tables for the length of the block; those without policies stay."""
    closed = (await tx.execute(_CLOSED, {"names": [table.name for table in tables]})).scalars().all()
    for name in closed:
        await tx.execute(text(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"))
    yield
    for name in closed:
        await tx.execute(text(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"))


_CLOSED: Final = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY (:names)"
    " AND relforcerowsecurity ORDER BY relname"
)


async def _take_in(tx: Transaction, sink: Sink, *, kept: Kept) -> tuple[list[Entry], Head]:
    """Verify every segment, and make again what this database lacks; give it, and the head."""
    ledger, by_name = kept.ledger, {one.table.name: one for one in kept.tables}
    known = await known_head(tx, sink)
    there = await asyncio.to_thread(sink.last)
    if there == 0:
        raise LedgerBroken("There is no segment at all.")
    missing: list[Entry] = []
    head = Head(known.ledger)
    for number in range(1, there + 1):
        entries, head = unseal(await asyncio.to_thread(sink.read, number), after=head)
        these = select(ledger).where(ledger.c.id.in_([one.id for one in entries]))
        here = {row.id: row for row in await tx.execute(these)}
        lost = [one for one in entries if one.id not in here]
        if lost and number <= known.number:
            raise LedgerBroken(f"Segment {number} holds a change that this database should have.")
        for one in entries:
            row = here.get(one.id, one)
            if (row.of, row.key, row.image) != (one.of, one.key, one.image):
                raise LedgerBroken(f"Segment {number} says otherwise of a change that this database has.")
        for run in _runs(lost):
            await _make(tx, run, ledgered=_of(run[0], by_name))
        await tx.execute(_NOTED, {"entries": [asdict(one) for one in lost]})
        missing += lost
        if number > known.number:
            await note_shipped(tx, entries, ledger=ledger, head=head)
    for table in (ledger, *(one.table for one in by_name.values())):
        if "id" in table.c and table.c["id"].identity is not None:
            await tx.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}")  # noqa: S608
            )
    return missing, head


def _runs(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Part changes, in their order, into runs that one statement can make: of one table and of as many rows."""
    run: list[Entry] = []
    alike: tuple[object, ...] = ()
    keys: set[bytes] = set()
    for one in entries:
        kind = (one.of, None if one.image is None else frozenset(one.image))
        key = to_json(one.key)
        if run and (kind != alike or key in keys):
            yield run
            run, keys = [], set()
        alike = kind
        run.append(one)
        keys.add(key)
    if run:
        yield run


async def _make(tx: Transaction, run: Sequence[Entry], *, ledgered: Ledgered) -> None:
    """Make changes again: each row becomes its image, or all of them go."""
    table = ledgered.table
    key = [column.name for column in table.primary_key]
    first = run[0].image
    if first is None:
        same = " AND ".join(f'{table.name}."{name}" = gone."{name}"' for name in key)
        gone = text(
            f"DELETE FROM {table.name}"  # noqa: S608  names of our own
            f" USING jsonb_populate_recordset(NULL::{table.name}, :rows) AS gone WHERE {same}"
        )
        await tx.execute(gone.bindparams(_ROWS), {"rows": [one.key for one in run]})
        return
    columns = [column.name for column in table.columns if column.name in first or column.name in ledgered.stand_ins]
    becomes = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name in first and name not in key)
    made = text(
        f"INSERT INTO {table.name} ({_quoted(columns)}) OVERRIDING SYSTEM VALUE"  # noqa: S608  names of our own
        f" SELECT {_quoted(columns)} FROM jsonb_populate_recordset(NULL::{table.name}, :rows)"
        f" ON CONFLICT ({_quoted(key)}) DO UPDATE SET {becomes}"
    )
    await tx.execute(made.bindparams(_ROWS), {"rows": [{**ledgered.stand_ins, **(one.image or {})} for one in run]})


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _of(entry: Entry, by_name: Mapping[str, Ledgered]) -> Ledgered:
    if entry.of not in by_name:
        raise LedgerBroken(f"Change {entry.id} is of a table that this version does not know: {entry.of}.")
    return by_name[entry.of]
