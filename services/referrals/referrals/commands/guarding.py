"""Keeping what customer-index tells of protected and sealed people, record by record.

Not in this room: what it means for a referral (row-level security, and `payload`).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from referrals.payload import Guard
from referrals.tables import guarded_records
from shared.db import Transaction


async def guard_records(
    tx: Transaction, records: Sequence[UUID], *, guard: Guard, owner: str, told_at: datetime
) -> None:
    """Note what is kept back about whom some records are of.

    A record may have moved between two persons, whose events come in any order: the later one counts.
    """
    statement = insert(guarded_records)
    later = statement.excluded
    told = {"owner": owner, "protected": guard.protected, "sealed": guard.sealed, "told_at": told_at}
    rows = [{"record_id": record_id, **told} for record_id in sorted(records)]
    if rows:
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["record_id"],
                set_={"protected": later.protected, "sealed": later.sealed, "told_at": later.told_at},
                where=guarded_records.c.told_at <= later.told_at,
            ),
            rows,
        )
