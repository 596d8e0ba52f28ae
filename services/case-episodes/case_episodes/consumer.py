"""Events in: who belongs to whom and what is kept back of them, from customer-index; what partners were asked, from
referrals."""

from uuid import UUID

from case_episodes.acting import By
from case_episodes.commands.guarding import Guard, guard_person
from case_episodes.commands.people import come_to, leave, part_episodes
from case_episodes.commands.referrals import follow_referral
from case_episodes.tables import inbox, parked
from shared.bus import Handler
from shared.db import Database, Transaction
from shared.events import (
    Envelope,
    PersonMerged,
    PersonProtected,
    PersonRecordLinked,
    PersonRecordUnlinked,
    PersonSplit,
    ReferralChanged,
)
from shared.inbox import once


def people_consumer(database: Database) -> Handler:
    """Make the handler of person events; `database` is the worker's."""
    return once(database, _follow_people, inbox=inbox, parked=parked)


def referrals_consumer(database: Database) -> Handler:
    """Make the handler of referral events; `database` is the worker's."""
    return once(database, _follow_referrals, inbox=inbox, parked=parked)


async def _follow_people(tx: Transaction, envelope: Envelope) -> None:
    person_id = UUID(envelope.subject)
    by = By(envelope.owner, "events", envelope.txn, envelope.time)
    match envelope.event():
        case PersonRecordLinked(record_id=record_id):
            await come_to(tx, person_id, records=[record_id], by=by)
        case PersonRecordUnlinked(record_id=record_id):
            await leave(tx, person_id, records=[record_id], into=None, by=by)
        case PersonMerged(into=into, records=records):
            await leave(tx, person_id, records=records, into=into, by=by)
        case PersonSplit(into=into, records=records):
            await leave(tx, person_id, records=records, into=into, by=by)
            await part_episodes(tx, records=records, by=by)
        case PersonProtected(records=records, protected=protected, sealed=sealed):
            guard = Guard(protected=protected, sealed=sealed)
            await guard_person(tx, person_id, records=records, guard=guard, by=by)


async def _follow_referrals(tx: Transaction, envelope: Envelope) -> None:
    event = envelope.event()
    if isinstance(event, ReferralChanged):
        by = By(envelope.owner, "events", envelope.txn, envelope.time)
        await follow_referral(tx, event, version=envelope.aggregate_version, by=by)
