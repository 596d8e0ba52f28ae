"""How loads are doing."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from customer_index.problems import UnknownLoad
from customer_index.schemas import LoadView, Reject
from customer_index.tables import load_rejects, loads
from shared.db import AnyRow, Transaction

_OUTCOMES = ("created", "linked", "review", "updated", "unchanged", "rejected")


async def get_load(tx: Transaction, load_id: UUID, *, at: datetime) -> LoadView:
    """Give a load of the caller's organisation; raise `UnknownLoad`."""
    row = (await tx.execute(select(loads).where(loads.c.load_id == load_id))).one_or_none()
    if row is None:
        raise UnknownLoad("Your organisation has no such load.")
    counts = {name: getattr(row, name) for name in _OUTCOMES}
    return LoadView(
        load_id=row.load_id,
        status=row.status,
        received=row.received,
        **counts,
        records_per_second=_rate(row, sum(counts.values()), at=at),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


async def find_by_key(tx: Transaction, *, owner: str, subject: str, idempotency_key: str) -> AnyRow | None:
    """Give the load a worker made under an idempotency key."""
    statement = select(loads.c.load_id, loads.c.source, loads.c.status, loads.c.body_digest).where(
        loads.c.owner == owner, loads.c.subject == subject, loads.c.idempotency_key == idempotency_key
    )
    return (await tx.execute(statement)).one_or_none()


async def list_rejects(tx: Transaction, load_id: UUID, *, after_line: int, limit: int) -> list[Reject]:
    """Give rejected lines in their order, from after a line."""
    known = (await tx.execute(select(loads.c.load_id).where(loads.c.load_id == load_id))).one_or_none()
    if known is None:
        raise UnknownLoad("Your organisation has no such load.")
    statement = (
        select(load_rejects.c.line, load_rejects.c.local_id, load_rejects.c.errors)
        .where(load_rejects.c.load_id == load_id, load_rejects.c.line > after_line)
        .order_by(load_rejects.c.line)
        .limit(limit)
    )
    return [Reject.model_validate(dict(row)) for row in (await tx.execute(statement)).mappings()]


async def find_waiting(tx: Transaction) -> AnyRow | None:
    """Give the oldest load that is not finished, of any organisation; for the worker."""
    statement = (
        select(loads.c.load_id, loads.c.owner, loads.c.source, loads.c.scope, loads.c.txn)
        .where(loads.c.status.in_(("queued", "running")))
        .order_by(loads.c.sequence)
        .limit(1)
    )
    return (await tx.execute(statement)).one_or_none()


def _rate(row: AnyRow, processed: int, *, at: datetime) -> float | None:
    if row.started_at is None:
        return None
    seconds = ((row.finished_at or at) - row.started_at).total_seconds()
    return round(processed / seconds, 1) if seconds > 0 else None
