"""Following persons: a referral stays with its record, and shows whom that belongs to now.

Events of one person come in order, those of two persons in any. So for each record it is kept which persons it came to
and which it left; whatever the order between persons, the one it came to and did not leave is the one in the end. A
referral about a record that was withdrawn keeps whom it was about last.

In this room: the lock that making a referral and following an event both take, and whose word counts where the two
disagree.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import BigInteger

from referrals.tables import memberships, referrals
from shared.db import Transaction
from shared.permit import Anchor

_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT unnest(:keys) AS key ORDER BY key) AS keys"
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))


async def come_to(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], owner: str) -> None:
    """Note that records belong to a person now."""
    await _lock(tx, records)
    await _note(tx, person_id, records=records, owner=owner, present=True)
    for record_id in records:
        await _show(tx, record_id, person_id)


async def leave(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], into: UUID | None, owner: str) -> None:
    """Note that records left a person: for another, or withdrawn and for nobody."""
    await _lock(tx, records)
    await _note(tx, person_id, records=records, owner=owner, present=False)
    for record_id in records:
        elsewhere = select(memberships.c.person_id).where(
            memberships.c.record_id == record_id, memberships.c.present.is_(True)
        )
        known = (await tx.execute(elsewhere)).scalars().first()
        now = into if known is None else known
        if now is not None:
            await _show(tx, record_id, now)


async def find_person(tx: Transaction, anchor: Anchor) -> UUID:
    """Lock an anchor's record and give the person it belongs to.

    The permit tells who that was when the call began. Events may lag behind it, and it may have been overtaken by one:
    that is so if an event took the record from the person the permit names; then the events' word counts.
    """
    assert anchor.record_id is not None  # noqa: S101  `subject_of` refuses an anchor without one
    await _lock(tx, [anchor.record_id])
    told = select(memberships.c.person_id, memberships.c.present).where(memberships.c.record_id == anchor.record_id)
    known = {row.person_id: row.present for row in await tx.execute(told)}
    if known.get(anchor.person_id, True):
        return anchor.person_id
    return next((person_id for person_id, present in known.items() if present), anchor.person_id)


async def _lock(tx: Transaction, records: Collection[UUID]) -> None:
    """Hold records until the transaction ends, in one order for everybody."""
    await tx.execute(_LOCK, {"keys": sorted(one.int % 2**63 for one in records)})


async def _note(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], owner: str, present: bool) -> None:
    rows = [
        {"record_id": record_id, "person_id": person_id, "owner": owner, "present": present} for record_id in records
    ]
    if rows:
        statement = insert(memberships)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["record_id", "person_id"], set_={"present": statement.excluded.present}
            ),
            rows,
        )


async def _show(tx: Transaction, record_id: UUID, person_id: UUID) -> None:
    await tx.execute(update(referrals).where(referrals.c.record_id == record_id).values(person_id=person_id))
