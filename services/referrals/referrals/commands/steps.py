"""One step in a referral's life: the row, its history, the event, and word to the partner, in one transaction.

Everything that moves a referral goes through `take_step`. Rows are locked in this order, so that no two changes wait
for each other: referrals first, then the partner's sequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from referrals.clock import Due, paused
from referrals.problems import IllegalTransition
from referrals.queries.referrals import progress_of
from referrals.referral import Action, IllegalMove, Side, Status, moved
from referrals.tables import outbox, partner_events, partner_sequences, referral_history, referrals
from shared.db import AnyRow, Transaction
from shared.events import PartnerReferralChanged, ReferralChanged, partner_topic
from shared.outbox import Happened, emit

EVENT_SOURCE: Final = "referrals"
PLATFORM: Final = "platform"
"""Who the history says did what nobody asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who takes a step, on which side, when, and by which call."""

    org: str
    side: Side
    at: datetime
    txn: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said with a step."""

    reason: str | None = None
    outcome: str | None = None
    partner_reference: str | None = None
    message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


NOTHING: Final = Said()


async def take_step(tx: Transaction, row: AnyRow, action: Action, *, by: By, said: Said = NOTHING) -> None:
    """Move a referral on, whose row is locked; raise `IllegalTransition` with what its side might do instead."""
    try:
        after = moved(progress_of(row), action, by=by.side)
    except IllegalMove as error:
        raise IllegalTransition(legal=list(error.legal)) from None
    version = row.version + 1
    changes: dict[str, Any] = {"status": after.status, "before": after.before, "version": version}
    if action is Action.SEND:
        changes["sent_at"] = by.at
    changes |= {name: value for name, value in _told(said).items() if value is not None}
    changes |= _times(row, action, at=by.at)
    await tx.execute(update(referrals).where(referrals.c.referral_id == row.referral_id).values(changes))
    step = Step(referral_id=row.referral_id, version=version, action=action, status=after.status)
    await note_step(tx, step, by=by, said=said)
    about = About(
        owner=row.owner,
        partner=row.partner,
        service_id=row.service_id,
        scope=row.scope,
        record_id=row.record_id,
        person_id=row.person_id,
        outcome=said.outcome or row.outcome,
    )
    await tell(tx, step, about=about, by=by)
    if row.sent_at is not None or action is Action.SEND:
        await tell_partner(tx, step, owner=row.owner, partner=row.partner, by=by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that was taken."""

    referral_id: UUID
    version: int
    action: Action
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What stays the same of a referral while it moves on, but whom its record belongs to, and its outcome at last."""

    owner: str
    partner: str
    service_id: UUID
    scope: str
    record_id: UUID
    person_id: UUID
    outcome: str | None = None


async def note_step(tx: Transaction, step: Step, *, by: By, said: Said = NOTHING) -> None:
    """Write a step into the referral's history."""
    await tx.execute(
        insert(referral_history)
        .values(
            referral_id=step.referral_id,
            version=step.version,
            at=by.at,
            action=step.action,
            by=by.org,
            status=step.status,
            reason=said.reason,
            message=said.message,
            details=dict(said.details) or None,
        )
        .inline()
    )


async def tell(tx: Transaction, step: Step, *, about: About, by: By) -> None:
    """Tell the other services of a step."""
    event = ReferralChanged(
        referral_id=step.referral_id,
        action=step.action,
        status=step.status,
        partner=about.partner,
        service_id=about.service_id,
        scope=about.scope,
        record_id=about.record_id,
        person_id=about.person_id,
        outcome=about.outcome,
    )
    happened = Happened(event, str(step.referral_id), step.version)
    await emit(tx, outbox, [happened], source=EVENT_SOURCE, owner=about.owner, txn=by.txn, at=by.at)


async def tell_partner(tx: Transaction, step: Step, *, owner: str, partner: str, by: By) -> None:
    """Tell the partner of a step, under the next number of its sequence; holds the sequence until the commit."""
    counted = upsert(partner_sequences).values(partner=partner, last=1)
    following = counted.on_conflict_do_update(
        index_elements=["partner"], set_={"last": partner_sequences.c.last + 1}
    ).returning(partner_sequences.c.last)
    sequence: int = (await tx.execute(following)).scalar_one()
    await tx.execute(
        insert(partner_events)
        .values(
            partner=partner,
            sequence=sequence,
            event_id=uuid4(),
            referral_id=step.referral_id,
            status=step.status,
            at=by.at,
        )
        .inline()
    )
    event = PartnerReferralChanged(referral_id=step.referral_id, sequence=sequence, status=step.status)
    happened = Happened(event, partner, sequence, topic=partner_topic(partner))
    await emit(tx, outbox, [happened], source=EVENT_SOURCE, owner=owner, txn=by.txn, at=by.at)


def _told(said: Said) -> dict[str, str | None]:
    return {"outcome": said.outcome, "partner_reference": said.partner_reference}


def _times(row: AnyRow, action: Action, *, at: datetime) -> dict[str, datetime | None]:
    """Stop the partner's clock while it waits for information, and let it run on afterwards."""
    if action is Action.REQUEST_INFO:
        return {"paused_at": at}
    if action is not Action.SUPPLY_INFO:
        return {}
    due = Due(receive=row.due_receive, accept=row.due_accept, complete=row.due_complete)
    later = paused(due, since=row.paused_at, until=at)
    return {
        "paused_at": None,
        "due_receive": later.receive,
        "due_accept": later.accept,
        "due_complete": later.complete,
    }
