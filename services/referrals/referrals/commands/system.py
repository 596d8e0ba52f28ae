"""Changes that nobody asks for: what follows from an event that was published, an agreement that went, a clock."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import Interval, Text, Uuid

from referrals.commands.steps import PLATFORM, By, Said, take_step
from referrals.referral import OPEN, Action, Side, Status
from referrals.tables import agreements, referrals
from shared.db import Transaction

_MOVABLE: Final = (
    referrals.c.referral_id,
    referrals.c.owner,
    referrals.c.partner,
    referrals.c.service_id,
    referrals.c.scope,
    referrals.c.record_id,
    referrals.c.person_id,
    referrals.c.outcome,
    referrals.c.status,
    referrals.c.before,
    referrals.c.sent_at,
    referrals.c.version,
)
"""The columns the worker may read, as far as a step needs them."""

_UNSUPPORTED: Final = text(
    """
    SELECT referral_id,
           min(CASE WHEN agreements.status = ANY (:ended) THEN 'agreement-' || agreements.status
                    WHEN agreements.valid_until <= :at THEN 'agreement-expired'
                    ELSE 'clause-removed' END) AS reason
      FROM referrals
      CROSS JOIN unnest(referrals.clauses) AS clause
      JOIN agreements ON CAST(agreements.agreement_id AS text) = split_part(clause, '/', 1)
     WHERE referrals.status = ANY (:open)
       AND (agreements.valid_until <= :at
            OR referrals.authorised_at <= agreements.changed_at + :grace
               AND (agreements.status = ANY (:ended) OR NOT clause = ANY (agreements.clauses)))
     GROUP BY referral_id
    """
).bindparams(
    bindparam("open", type_=ARRAY(Text)), bindparam("ended", type_=ARRAY(Text)), bindparam("grace", type_=Interval)
)
"""Open referrals that rest on a clause which is no longer in force, and why.

News of an agreement may come late. What was authorised after the change it tells of was decided under a newer state of
the agreement, and is left alone; `grace` is how long a call decided before the change may take to authorise."""
_ENDED: Final = ("expired", "superseded", "suspended", "terminated")
_GRACE: Final = timedelta(seconds=60)
"""As long as a permit lasts."""


async def send_referral(tx: Transaction, referral_id: UUID, *, txn: UUID, at: datetime) -> None:
    """Send a referral whose authorisation was published, unless it was withdrawn or recalled meanwhile."""
    statement = select(*_MOVABLE).where(referrals.c.referral_id == referral_id).with_for_update()
    row = (await tx.execute(statement)).one_or_none()
    if row is not None and row.status == Status.AUTHORISED:
        await take_step(tx, row, Action.SEND, by=By(org=PLATFORM, side=Side.SYSTEM, at=at, txn=txn))


async def keep_agreement(
    tx: Transaction,
    agreement_id: UUID,
    *,
    status: str,
    changed_at: datetime,
    valid_until: datetime,
    clauses: list[str] | None,
) -> None:
    """Note where an agreement stands."""
    known = {"status": status, "changed_at": changed_at, "valid_until": valid_until, "clauses": clauses}
    statement = insert(agreements).values(agreement_id=agreement_id, **known)
    await tx.execute(statement.on_conflict_do_update(index_elements=["agreement_id"], set_=known))


async def recall_unsupported(tx: Transaction, *, txn: UUID, at: datetime) -> int:
    """Recall every open referral that rests on a clause no longer in force; give how many there were."""
    found = await tx.execute(_UNSUPPORTED, {"at": at, "open": sorted(OPEN), "ended": _ENDED, "grace": _GRACE})
    reasons = {row.referral_id: row.reason for row in found}
    rows = await _lock(tx, list(reasons), statuses=OPEN)
    for row in rows:
        by = By(org=PLATFORM, side=Side.SYSTEM, at=at, txn=txn)
        await take_step(tx, row, Action.RECALL, by=by, said=Said(reason=reasons[row.referral_id]))
    return len(rows)


async def expire_unanswered(tx: Transaction, *, txn: UUID, at: datetime) -> int:
    """Expire what was sent and not received by the time it should have been; give how many there were."""
    late = select(referrals.c.referral_id).where(referrals.c.status == Status.SENT, referrals.c.due_receive <= at)
    rows = await _lock(tx, list((await tx.execute(late)).scalars()), statuses=frozenset({Status.SENT}))
    for row in rows:
        by = By(org=PLATFORM, side=Side.CLOCK, at=at, txn=txn)
        await take_step(tx, row, Action.EXPIRE, by=by, said=Said(reason="not-received-in-time"))
    return len(rows)


async def _lock(tx: Transaction, referral_ids: list[UUID], *, statuses: frozenset[Status]) -> list[Any]:
    """Lock those of some referrals that still are in one of some states: first all rows in the order of their ids, so
    that two such changes never wait for each other; then they are given by partner, whose sequences come next."""
    if not referral_ids:
        return []
    statement = select(*_MOVABLE).where(referrals.c.referral_id == bindparam("ids", type_=ARRAY(Uuid)).any_())
    locked = await tx.execute(statement.order_by(referrals.c.referral_id).with_for_update(), {"ids": referral_ids})
    return sorted((row for row in locked if Status(row.status) in statuses), key=lambda row: row.partner)
