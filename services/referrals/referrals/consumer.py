"""Events in: our own, when they were published; the gateway's agreements; customer-index's persons.

A referral is sent when the event that it was authorised has come through the bus. What rests on a clause that is no
longer in force is recalled in the transaction that learns of it; its payload is closed at once anyway, because no
permit opens it any more.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from referrals.commands.following import come_to, leave
from referrals.commands.guarding import guard_records
from referrals.commands.system import keep_agreement, recall_unsupported, send_referral
from referrals.payload import Guard
from referrals.referral import Status
from referrals.tables import inbox, parked
from shared.bus import Handler
from shared.db import Database, Transaction
from shared.events import (
    AgreementChanged,
    Envelope,
    PersonMerged,
    PersonProtected,
    PersonRecordLinked,
    PersonRecordUnlinked,
    PersonSplit,
    ReferralChanged,
)
from shared.inbox import once

Clock = Callable[[], datetime]


def referral_consumer(database: Database, *, clock: Clock) -> Handler:
    """Make the handler of our own events; `database` is the worker's."""

    async def send(tx: Transaction, envelope: Envelope) -> None:
        event = envelope.event()
        if isinstance(event, ReferralChanged) and event.status == Status.AUTHORISED:
            await send_referral(tx, event.referral_id, txn=envelope.txn, at=clock())

    return once(database, send, inbox=inbox, parked=parked)


def governance_consumer(database: Database, *, clock: Clock) -> Handler:
    """Make the handler of governance events; `database` is the worker's."""

    async def recall(tx: Transaction, envelope: Envelope) -> None:
        event = envelope.event()
        if isinstance(event, AgreementChanged):
            await keep_agreement(
                tx,
                event.agreement_id,
                status=event.status,
                changed_at=envelope.time,
                valid_until=event.valid_until,
                clauses=event.referral_clauses,
            )
            await recall_unsupported(tx, txn=envelope.txn, at=clock())

    return once(database, recall, inbox=inbox, parked=parked)


def people_consumer(database: Database) -> Handler:
    """Make the handler of events about persons; `database` is the worker's."""

    async def follow(tx: Transaction, envelope: Envelope) -> None:
        person_id, owner = UUID(envelope.subject), envelope.owner
        match envelope.event():
            case PersonRecordLinked(record_id=record_id):
                await come_to(tx, person_id, records=[record_id], owner=owner)
            case PersonRecordUnlinked(record_id=record_id):
                await leave(tx, person_id, records=[record_id], into=None, owner=owner)
            case PersonMerged(into=into, records=records) | PersonSplit(into=into, records=records):
                await leave(tx, person_id, records=records, into=into, owner=owner)
            case PersonProtected(records=records, protected=protected, sealed=sealed):
                guard = Guard(protected=protected, sealed=sealed)
                await guard_records(tx, records, guard=guard, owner=owner, told_at=envelope.time)

    return once(database, follow, inbox=inbox, parked=parked)
