"""Takes the ledger off-site as it is written, and opens the database to the server that has lost nothing of it.

Of several shippers of one database one is on duty. It first compares the database with the segments off-site. Where
every change there is also here, nothing was lost: the database is opened, be it that a server was started again or that
another took over. Where there is more there than here, this is a restored copy, and stays closed until `replaying`.

In this room: the process and its gauges. It asks for what no segment has yet, never for what follows the last id seen,
for ids are given out before transactions commit; the changes of one row stand in their order nevertheless, because the
second waits for the first to commit.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import BigInteger, Table, any_, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from shared.db import Database, Transaction, Transactions
from shared.metrics import Duty, Reading, backlog
from shared.progress import Progress
from shared.segments import ChangesLost, Entry, Head, LedgerBroken, seal, unseal
from shared.sink import Sink

DUTY: Final = "ledger"
_BATCH: Final = 500
_PAUSE_SECONDS: Final = 0.2
_RECOVERY_SECONDS: Final = 0.5

log = structlog.get_logger()


class ShippingMetrics:
    """What a shipper tells: whether it is on duty, and what is not off-site yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duty = Duty(registry, duty=DUTY)
        self._unshipped = Gauge("scv_ledger_unshipped", "Changes that are not off-site yet", registry=registry)
        self._oldest = Gauge("scv_ledger_oldest_seconds", "Age of the oldest of them", registry=registry)

    def reading(self, worker: Database, *, ledger: Table) -> Reading:
        """Make the reading of what waits, by the index the shipper uses."""
        since, waiting = ledger.c.at, ledger.c.segment.is_(None)
        return backlog(worker, ledger, waiting=waiting, since=since, depth=self._unshipped, oldest=self._oldest)


async def ship(
    worker: Database, sink: Sink, *, ledger: Table, progress: Progress, metrics: ShippingMetrics | None = None
) -> None:
    """Take changes off-site as they come, until cancelled; what cannot be taken now is tried again."""
    metrics = metrics or ShippingMetrics(CollectorRegistry())
    while True:
        progress.beat()
        try:
            async with worker.on_duty(DUTY, progress=progress) as on_duty:
                with metrics.duty.held():
                    await _ship_for_ever(on_duty, sink, ledger=ledger, progress=progress)
        except LedgerBroken as error:
            log.error("closed or unshipped until the ledger is mended or replayed", reason=str(error))
        except Exception as error:  # the shipper outlives whatever the storage or the database does
            log.error("shipping failed", exc_info=error)
        await asyncio.sleep(_RECOVERY_SECONDS)


async def _ship_for_ever(database: Transactions, sink: Sink, *, ledger: Table, progress: Progress) -> None:
    try:
        head = await reopen(database, sink, ledger=ledger)
    except ChangesLost:
        # Open or not: another server has taken over from this one, and knows what was taken back since.
        async with database.transaction() as tx:
            await tx.execute(_CLOSE)
        raise
    log.info("opened", segment=head.number, digest=head.digest)
    while True:
        progress.beat()
        head, shipped = await ship_batch(database, sink, ledger=ledger, after=head)
        if shipped < _BATCH:
            await asyncio.sleep(_PAUSE_SECONDS)


async def ship_batch(database: Transactions, sink: Sink, *, ledger: Table, after: Head) -> tuple[Head, int]:
    """Take the oldest changes that are not off-site there; give the new head, and how many there were.

    A segment that is off-site but not noted here, because we died in between, is noted by `reopen`.
    """
    waiting = select(ledger).where(ledger.c.segment.is_(None)).order_by(ledger.c.id).limit(_BATCH)
    async with database.transaction() as tx:
        entries = [_entry(row) for row in await tx.execute(waiting)]
    if not entries:
        return after, 0
    content, head = seal(entries, after=after)
    await asyncio.to_thread(sink.add, head.number, content)
    async with database.transaction() as tx:
        await note_shipped(tx, entries, ledger=ledger, head=head)
    log.info("shipped", changes=len(entries), segment=head.number, digest=head.digest)
    return head, len(entries)


async def reopen(database: Transactions, sink: Sink, *, ledger: Table) -> Head:
    """Open the database to this server if it lacks nothing that is off-site; give the head of the ledger.

    An empty sink is begun with a segment that holds nothing, by which the two know each other. Raises `LedgerBroken`.
    """
    async with database.transaction() as tx:
        head = await known_head(tx, sink)
        there = await asyncio.to_thread(sink.last)
        if there == 0:
            content, head = seal([], after=head)
            await asyncio.to_thread(sink.add, head.number, content)
            await note_shipped(tx, [], ledger=ledger, head=head)
        for number in range(head.number + 1, there + 1):
            entries, head = unseal(await asyncio.to_thread(sink.read, number), after=head)
            found = await unshipped(tx, entries, ledger=ledger)
            if any(found.get(one.id) != one for one in entries):
                raise ChangesLost(f"Segment {number} holds changes that this database has lost: replay the ledger.")
            await note_shipped(tx, entries, ledger=ledger, head=head)
        await tx.execute(OPEN)
    return head


async def known_head(tx: Transaction, sink: Sink) -> Head:
    """Give the last segment that this database knows of; raise `LedgerBroken` if the sink has another in its place."""
    row = (await tx.execute(text("SELECT ledger, segment, digest FROM opening"))).one()
    head = Head(row.ledger, row.segment, row.digest)
    if await asyncio.to_thread(sink.last) < head.number:
        raise LedgerBroken(f"Segment {head.number} is missing, which this database took there.")
    if head.number:
        digest, _, _ = (await asyncio.to_thread(sink.read, head.number)).partition(b"\n")
        if digest.decode("ascii", "replace") != head.digest:
            raise LedgerBroken(f"Segment {head.number} is not the one that this database took there.")
    return head


async def unshipped(tx: Transaction, entries: Sequence[Entry], *, ledger: Table) -> dict[int, Entry]:
    """Give those of some changes that are here and not known to be off-site, by their ids."""
    these = ledger.c.id == any_(literal([one.id for one in entries], ARRAY(BigInteger)))
    rows = await tx.execute(select(ledger).where(these, ledger.c.segment.is_(None)))
    return {row.id: _entry(row) for row in rows}


async def note_shipped(tx: Transaction, entries: Sequence[Entry], *, ledger: Table, head: Head) -> None:
    """Note that a segment has these changes, and that it is the last."""
    these = ledger.c.id == any_(literal([one.id for one in entries], ARRAY(BigInteger)))
    await tx.execute(update(ledger).where(these).values(segment=head.number))
    await tx.execute(_HEAD, {"number": head.number, "digest": head.digest})


OPEN: Final = text("UPDATE opening SET server_started = pg_postmaster_start_time(), relation = tableoid")
_CLOSE: Final = text("UPDATE opening SET server_started = '-infinity'")
_HEAD: Final = text("UPDATE opening SET segment = :number, digest = :digest")


def _entry(row: object) -> Entry:
    return Entry(**{name: getattr(row, name) for name in ("id", "of", "key", "image")})
