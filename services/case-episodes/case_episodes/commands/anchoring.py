"""Anchoring new rows on a record: whom it belongs to, whatever moves at the same time.

In this room: the lock that an anchoring call and the consumer of person events both take, and whose word counts where
the two disagree. Not in this room: following the events (`commands/people.py`).
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from case_episodes.tables import memberships
from shared.db import Transaction
from shared.permit import Anchor

_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT unnest(:keys) AS key ORDER BY key) AS keys"
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))


async def lock_ids(tx: Transaction, ids: Collection[UUID]) -> None:
    """Hold records or persons until the transaction ends, in one order for everybody."""
    await tx.execute(_LOCK, {"keys": sorted(one.int % 2**63 for one in ids)})


async def find_person(tx: Transaction, anchor: Anchor) -> UUID | None:
    """Lock an anchor's record and give the person it belongs to.

    The permit tells who that was when the call began. Events may lag behind it, and it may have been overtaken by one:
    that is so if an event took the record from the person the permit names; then the events' word counts.
    """
    assert anchor.record_id is not None  # noqa: S101  only changes are anchored, and their permits name a record
    await lock_ids(tx, [anchor.record_id])
    told = select(memberships.c.person_id, memberships.c.present).where(memberships.c.record_id == anchor.record_id)
    known = {row.person_id: row.present for row in await tx.execute(told)}
    if known.get(anchor.person_id, True):
        return anchor.person_id
    return next((person_id for person_id, present in known.items() if present), None)
