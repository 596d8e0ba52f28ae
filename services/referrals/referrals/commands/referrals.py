"""Changes that callers make to referrals: to make one, and to move one on."""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import insert

from referrals.clock import Promise, due_from
from referrals.commands.following import find_person
from referrals.commands.steps import PLATFORM, About, By, Said, Step, note_step, take_step, tell
from referrals.payload import Entry, discloses
from referrals.problems import IllegalTransition, NotGranted, ServiceNotTaking, UnknownReferral
from referrals.queries.directory import get_service
from referrals.queries.referrals import lock_referral, progress_of
from referrals.referral import DRAFTED, Action, Side, Status, legal_actions, moved
from referrals.rights import side_of
from referrals.schemas.directory import ExpectedResponse
from referrals.schemas.referrals import NewReferral, Transition
from referrals.tables import idempotency, payloads, referrals
from shared.categories import Scope
from shared.db import Transaction
from shared.idempotency import earlier_result, keep_result
from shared.permit import Anchor, Permit
from shared.preconditions import accept_match
from shared.problems import PermitRefused

_AFTER_THE_END: Final = frozenset({Action.CONFIRM_DELETION})
"""What a partner may and should do when no clause grants it anything any more."""


async def make_referral(tx: Transaction, new: NewReferral, *, anchor: Anchor, permit: Permit, at: datetime) -> UUID:
    """Make and authorise a referral, and freeze what it discloses; give its id."""
    service = await get_service(tx, new.service_id)
    if service.status != "active":
        raise ServiceNotTaking
    entries = _entries(new, permit=permit)
    authorised = moved(DRAFTED, Action.AUTHORISE, by=Side.DECISION)
    promise = ExpectedResponse.model_validate(service.entry.get("expected_response", {}))
    due = due_from(Promise(**promise.model_dump()), at=at)
    referral_id = uuid4()
    assert anchor.record_id is not None and anchor.scope is not None  # noqa: S101, PT018  `subject_of` sees to it
    about = About(
        owner=anchor.owner,
        partner=service.org,
        service_id=new.service_id,
        scope=anchor.scope,
        record_id=anchor.record_id,
        person_id=await find_person(tx, anchor),
    )
    await tx.execute(
        insert(referrals)
        .values(
            referral_id=referral_id,
            owner=about.owner,
            scope=about.scope,
            partner=about.partner,
            service_id=about.service_id,
            record_id=about.record_id,
            person_id=about.person_id,
            purpose=permit.purpose,
            need=new.need,
            urgency=new.urgency,
            consent=None if new.consent is None else new.consent.model_dump(mode="json"),
            clauses=new.clauses,
            discloses=discloses(entries),
            status=authorised.status,
            authorised_at=at,
            due_receive=due.receive,
            due_accept=due.accept,
            due_complete=due.complete,
            version=2,
        )
        .inline()
    )
    await tx.execute(
        insert(payloads)
        .values(
            referral_id=referral_id,
            owner=anchor.owner,
            partner=service.org,
            clauses=new.clauses,
            entries=[one.model_dump(mode="json") for one in new.payload],
            message=new.message,
            frozen_at=at,
        )
        .inline()
    )
    steps = (
        (Step(referral_id=referral_id, version=1, action=Action.CREATE, status=Status.DRAFT), anchor.owner),
        (Step(referral_id=referral_id, version=2, action=Action.AUTHORISE, status=authorised.status), PLATFORM),
    )
    for step, org in steps:
        by = By(org=org, side=Side.DECISION, at=at, txn=permit.txn)
        await note_step(tx, step, by=by)
        await tell(tx, step, about=about, by=by)
    return referral_id


async def make_referral_once(
    tx: Transaction, new: NewReferral, *, key: str | None, anchor: Anchor, permit: Permit, at: datetime
) -> UUID:
    """Make a referral, or give the id of the one that the first request with this Idempotency-Key made."""
    if key is None:
        return await make_referral(tx, new, anchor=anchor, permit=permit, at=at)
    known = {"org": permit.org, "subject": permit.subject, "key": key, "fingerprint": new.fingerprint, "at": at}
    earlier = await earlier_result(tx, idempotency, **known)  # type: ignore[arg-type]  # the names are its own
    if earlier is not None:
        return UUID(earlier)
    made = await make_referral(tx, new, anchor=anchor, permit=permit, at=at)
    await keep_result(tx, idempotency, **known, result=str(made))  # type: ignore[arg-type]  # likewise
    return made


async def move_referral(
    tx: Transaction, referral_id: UUID, transition: Transition, *, if_match: str | None, permit: Permit, at: datetime
) -> None:
    """Move a referral on for one of its sides.

    Raises `UnknownReferral` for anybody else, `IllegalTransition` with what is legal for that side, and `NotGranted` to
    a partner whose clause grants nothing now.
    """
    row = await lock_referral(tx, referral_id)
    side = side_of(permit, owner=row.owner, partner=row.partner)
    if side is None:
        raise UnknownReferral
    accept_match(if_match, version=row.version)
    legal = legal_actions(progress_of(row), by=side)
    if transition.action not in legal:
        raise IllegalTransition(legal=list(legal))
    if side is Side.PARTNER and transition.action not in _AFTER_THE_END and not set(row.clauses) <= set(permit.clauses):
        raise NotGranted(clause=row.clauses[0])
    said = Said(
        reason=transition.reason,
        outcome=transition.outcome,
        partner_reference=transition.partner_reference if side is Side.PARTNER else None,
        message=transition.message,
        details=transition.details(),
    )
    by = By(org=permit.org, side=side, at=at, txn=permit.txn)
    await take_step(tx, row, Action(transition.action), by=by, said=said)


def _entries(new: NewReferral, *, permit: Permit) -> list[Entry]:
    """Give the values to freeze; raise `PermitRefused` for any that the referrer itself may not see."""
    for one in new.payload:
        if one.category not in permit.grants.get(one.scope, {}):
            raise PermitRefused
    return [
        Entry(field=one.field, category=one.category, scope=Scope(one.scope), form=one.form, value=one.value)
        for one in new.payload
    ]
