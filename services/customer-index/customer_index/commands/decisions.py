"""Writes what stewards decided, and takes it back."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, insert, update

from customer_index.decisions import Side, Verdict
from customer_index.tables import decisions
from shared.db import Transaction

Group = tuple[str, Collection[UUID]]
"""An owner, and records of it that are one human being."""


async def decide(
    tx: Transaction, verdict: Verdict, *, stewardship_id: UUID, sequence: int, by: str, first: Group, second: Group
) -> None:
    """Bind two groups of records together or keep them apart, from now on and for every way of matching."""
    sides: tuple[tuple[Side, Collection[UUID]], ...] = (("first", first[1]), ("second", second[1]))
    await tx.execute(
        insert(decisions),
        [
            {
                "stewardship_id": stewardship_id,
                "record_id": record_id,
                "sequence": sequence,
                "owner": by,
                "first_owner": first[0],
                "second_owner": second[0],
                "verdict": verdict,
                "side": side,
            }
            for side, record_ids in sides
            for record_id in record_ids
        ],
    )


async def revoke(tx: Transaction, stewardship_id: UUID) -> None:
    """Take back what was decided by one act."""
    await tx.execute(delete(decisions).where(decisions.c.stewardship_id == stewardship_id))


async def remember_decided(tx: Transaction, record_id: UUID, *, source: str, local_id: str) -> None:
    """Keep the name of a record that its source withdraws, if anything was decided about it."""
    named = update(decisions).where(decisions.c.record_id == record_id)
    await tx.execute(named.values(source=source, local_id=local_id))
