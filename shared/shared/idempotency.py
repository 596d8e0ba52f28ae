"""The Idempotency-Key of a creating POST: the same key and body take effect once.

What is kept is a reference to what was made, never an answer: a repeated call is answered anew, with what its caller
may see now. The row is written in the transaction of the change, so that neither can be without the other.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Header
from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text, delete, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from shared.db import Transaction
from shared.problems import IdempotencyKeyReused, RequestStillRunning

KEPT_FOR: Final = timedelta(hours=24)

IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
]


def idempotency_table(metadata: MetaData) -> Table:
    """Declare a service's table of keys; `org` and `subject` are the caller's."""
    return Table(
        "idempotency",
        metadata,
        Column("org", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("result", JSONB, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Index("idempotency_at", "at"),
    )


def request_fingerprint(method: str, path: str, body: bytes) -> str:
    """Name a request by a hash, to know it again."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


async def earlier_result(
    tx: Transaction, table: Table, *, org: str, subject: str, key: str, fingerprint: str, at: datetime
) -> Any | None:
    """Give what the first request with this key made, or None if this is the first; then `keep_result` must follow.

    Holds the key until the transaction ends. Raises `RequestStillRunning` while another transaction holds it, and
    `IdempotencyKeyReused` if the first request was another one.
    """
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended("\x1f".join((table.name, org, subject, key)), 0))
    if not (await tx.execute(select(lock))).scalar_one():
        raise RequestStillRunning(headers={"Retry-After": "1"})
    mine = (table.c.org == org) & (table.c.subject == subject) & (table.c.key == key)
    kept = (
        await tx.execute(select(table.c.fingerprint, table.c.result).where(mine, table.c.at > at - KEPT_FOR))
    ).one_or_none()
    if kept is not None and kept.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return None if kept is None else kept.result


async def keep_result(
    tx: Transaction, table: Table, *, org: str, subject: str, key: str, fingerprint: str, result: Any, at: datetime
) -> None:
    """Keep a reference to what the first request with this key made, and forget what is older than a day."""
    await tx.execute(delete(table).where(table.c.org == org, table.c.at <= at - KEPT_FOR))
    await tx.execute(
        insert(table).values(org=org, subject=subject, key=key, fingerprint=fingerprint, result=result, at=at)
    )
