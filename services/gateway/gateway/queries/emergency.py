"""Questions about emergency accesses. Row-level security shows an organisation those to its own data and those of its
own workers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

from gateway.tables import emergency_accesses
from shared.db import Transaction, rows_of

Row = Mapping[str, Any]


async def list_emergency_accesses(tx: Transaction, *, limit: int, before: tuple[datetime, UUID] | None) -> list[Row]:
    """List the emergency accesses an organisation may know of, newest first, from a place in that order on."""
    place = tuple_(emergency_accesses.c.started_at, emergency_accesses.c.access_id)
    query = select(emergency_accesses)
    if before is not None:
        query = query.where(place < before)
    newest_first = (emergency_accesses.c.started_at.desc(), emergency_accesses.c.access_id.desc())
    return [*rows_of(await tx.execute(query.order_by(*newest_first).limit(limit)))]


async def get_emergency_access(tx: Transaction, access_id: UUID) -> Row:
    """Give an emergency access that is known to exist."""
    [row] = rows_of(await tx.execute(select(emergency_accesses).where(emergency_accesses.c.access_id == access_id)))
    return row
