"""Changes to emergency accesses: opened by a worker's first call, reviewed by the owner of the data, overdue by the
clock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update

from gateway.audit import StaleDecision
from gateway.call import Call
from gateway.change import tell
from gateway.emergency import Emergency, Opening
from gateway.problems import AlreadyReviewed
from gateway.queries.register import get_epoch
from gateway.refusals import RoleNotPermitted
from gateway.schemas.emergency import NewReview, ReviewStatus
from gateway.tables import emergency_accesses
from shared.db import Transaction, rows_of
from shared.events import EmergencyAccessed, EmergencyReviewOverdue
from shared.outbox import Happened
from shared.problems import NotFound


async def open_accesses(tx: Transaction, call: Call, opened: Sequence[Opening], *, emergency: Emergency) -> None:
    """Start the time of each opening that is not running already, and tell the owners' privacy officers.

    Raises `StaleDecision` if the rules have changed since it was decided.
    """
    caller, at = call.caller, call.at
    if await get_epoch(tx) != call.snapshot.epoch:
        raise StaleDecision
    # Two first calls at once are one access.
    worker = "\x1f".join((emergency_accesses.name, caller.employing_org, caller.subject))
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(worker, 0))))
    table = emergency_accesses.c
    running = await tx.execute(
        select(table.agreement_id, table.provider).where(
            table.organisation == caller.employing_org,
            table.acting_for.is_not_distinct_from(_acting_for(call)),
            table.subject == caller.subject,
            table.reason == emergency.reason,
            table.expires_at > at,
        )
    )
    under_way = {(str(row.agreement_id), row.provider) for row in running}
    for one in opened:
        if (one.agreement_id, one.provider) not in under_way:
            await _open(tx, call, one, emergency=emergency)


async def _open(tx: Transaction, call: Call, one: Opening, *, emergency: Emergency) -> None:
    access_id = uuid4()
    expires_at = call.at + timedelta(minutes=one.max_minutes)
    review_due = call.at + timedelta(hours=one.review_within_hours)
    await tx.execute(
        insert(emergency_accesses).values(
            access_id=access_id,
            agreement_id=UUID(one.agreement_id),
            provider=one.provider,
            organisation=call.caller.employing_org,
            acting_for=_acting_for(call),
            subject=call.caller.subject,
            reason=emergency.reason,
            note=emergency.note,
            started_at=call.at,
            expires_at=expires_at,
            review_due=review_due,
            status=ReviewStatus.OPEN,
        )
    )
    event = EmergencyAccessed(
        provider=one.provider,
        organisation=call.caller.employing_org,
        reason=emergency.reason,
        expires_at=expires_at,
        review_due=review_due,
    )
    await tell(tx, Happened(event, str(access_id), 1), owner=one.provider, txn=call.txn, at=call.at)


async def review_access(tx: Transaction, access_id: UUID, new: NewReview, *, call: Call) -> None:
    """Record what the owner of the data thinks of an access.

    Raises `NotFound` unless the caller's organisation is that owner, `RoleNotPermitted` for an access of the caller's
    own, `AlreadyReviewed` if the owner has said so before.
    """
    table, caller = emergency_accesses.c, call.caller
    this = (table.access_id == access_id) & (table.provider == caller.org)
    found = await tx.execute(select(table.status, table.organisation, table.subject).where(this).with_for_update())
    row = found.one_or_none()
    if row is None:
        raise NotFound("There is no such emergency access to your organisation's data.")
    if (row.organisation, row.subject) == (caller.org, caller.subject):
        raise RoleNotPermitted(clause=None, needed="a colleague: nobody reviews an access of its own")
    if row.status == ReviewStatus.REVIEWED:
        raise AlreadyReviewed
    await tx.execute(
        update(emergency_accesses)
        .where(this)
        .values(
            status=ReviewStatus.REVIEWED,
            reviewed_by=caller.subject,
            reviewed_at=call.at,
            outcome=new.outcome,
            review_note=new.note,
        )
    )


async def mark_overdue(tx: Transaction, *, txn: UUID, at: datetime) -> int:
    """Mark every access that nobody reviewed in time, and tell; give how many."""
    due = (emergency_accesses.c.status == ReviewStatus.OPEN) & (emergency_accesses.c.review_due <= at)
    marked = rows_of(
        await tx.execute(
            update(emergency_accesses)
            .where(due)
            .values(status=ReviewStatus.OVERDUE)
            .returning(emergency_accesses.c.access_id, emergency_accesses.c.provider, emergency_accesses.c.organisation)
        )
    )
    for row in marked:
        event = EmergencyReviewOverdue(provider=row["provider"], organisation=row["organisation"])
        await tell(tx, Happened(event, str(row["access_id"]), 2), owner=row["provider"], txn=txn, at=at)
    return len(marked)


def _acting_for(call: Call) -> str | None:
    return None if call.caller.employer is None else call.caller.org
