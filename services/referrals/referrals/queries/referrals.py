"""Questions about referrals: rows as far as row-level security shows them, and views as far as they are granted."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from referrals.fhir import fhir_status
from referrals.payload import Entry, discloses, granted_now, let_out, values
from referrals.problems import NotGranted, PayloadClosed, UnknownReferral
from referrals.queries.directory import get_service, is_stale
from referrals.queries.guarding import discloses_of, guard_of, guarded_referrals
from referrals.referral import OPEN, Progress, Side, Status, legal_actions
from referrals.rights import grants_values, side_of
from referrals.schemas.referrals import (
    DueView,
    FhirView,
    HistoryView,
    PayloadMessage,
    PayloadView,
    Prospect,
    ReferralView,
    ServiceStanding,
)
from referrals.tables import payloads, referral_history, referrals
from shared.categories import Category, Form, Scope, split_scope
from shared.db import AnyRow, Transaction
from shared.guard import Disclosed
from shared.permit import Anchor, Permit

Party = Literal["referrer", "partner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which referrals are asked for; what is None is not asked for. `before` is the number of the last one seen."""

    role: Party | None
    status: Status | None
    before: int | None


def progress_of(row: AnyRow) -> Progress:
    """Give where a row's referral stands."""
    return Progress(status=Status(row.status), before=None if row.before is None else Status(row.before))


async def lock_referral(tx: Transaction, referral_id: UUID) -> AnyRow:
    """Give a referral that the call may change, locked; raise `UnknownReferral`."""
    return await _one(tx, select(referrals).where(referrals.c.referral_id == referral_id).with_for_update())


async def get_referral(tx: Transaction, referral_id: UUID, *, permit: Permit) -> AnyRow:
    """Give a referral that the call may see more of than that it exists; raise `UnknownReferral`."""
    row = await _one(tx, guarded_referrals().where(referrals.c.referral_id == referral_id))
    if row.scope not in grants_values(permit) and side_of(permit, owner=row.owner, partner=row.partner) is None:
        raise UnknownReferral("There is no such referral, or none that you may know of.")
    return row


async def list_referrals(tx: Transaction, wanted: Filter, *, permit: Permit, limit: int) -> list[AnyRow]:
    """List the referrals an organisation made or was sent, the newest first."""
    made = (referrals.c.owner == permit.org) & referrals.c.scope.in_(grants_values(permit))
    sent = referrals.c.partner == permit.org
    statement = guarded_referrals().where({"referrer": made, "partner": sent, None: or_(made, sent)}[wanted.role])
    if wanted.status is not None:
        statement = statement.where(referrals.c.status == wanted.status)
    if wanted.before is not None:
        statement = statement.where(referrals.c.number < wanted.before)
    return list((await tx.execute(statement.order_by(referrals.c.number.desc()).limit(limit))).all())


async def render_referrals(tx: Transaction, rows: Sequence[AnyRow], *, permit: Permit) -> list[ReferralView]:
    """Give referrals as the caller sees them, each with its history."""
    histories: dict[UUID, list[AnyRow]] = defaultdict(list)
    steps = select(referral_history).where(referral_history.c.referral_id == bindparam("ids", type_=ARRAY(Uuid)).any_())
    found = await tx.execute(steps.order_by(referral_history.c.version), {"ids": [row.referral_id for row in rows]})
    for step in found:
        histories[step.referral_id].append(step)
    return [_view(row, histories[row.referral_id], permit=permit) for row in rows]


def account_for(rows: Collection[AnyRow], *, permit: Permit) -> Disclosed:
    """Make the account of referrals that leave with an answer; a partner is told of nobody."""
    account = Disclosed()
    for row in rows:
        is_partner = side_of(permit, owner=row.owner, partner=row.partner) is Side.PARTNER
        account.note(
            person_id=None if is_partner else row.person_id,
            owner=row.owner,
            record_id=row.referral_id,
            version=row.version,
            scope=Scope(row.scope),
            categories={Category.EXISTENCE, Category.REFERRALS},
        )
    return account


async def get_payload(tx: Transaction, referral_id: UUID, *, permit: Permit) -> tuple[PayloadView, Disclosed]:
    """Give what a referral discloses now, with the account of it.

    Raises `UnknownReferral` for all but the partner, `NotGranted` where the clauses it rests on are not in force for
    the call or grant nothing of it any more, `PayloadClosed` once it has ended. Of a person protected meanwhile it
    holds no whereabouts, of one sealed nothing.
    """
    row = await _one(tx, guarded_referrals().where(referrals.c.referral_id == referral_id))
    if side_of(permit, owner=row.owner, partner=row.partner) is not Side.PARTNER:
        raise UnknownReferral("There is no such referral, or none that you may know of.")
    frozen = (await tx.execute(select(payloads).where(payloads.c.referral_id == referral_id))).one_or_none()
    granted = [] if frozen is None else granted_now(map(_entry, frozen.entries), permit.grants)
    entries = let_out(granted, guard_of(row))
    if frozen is None or Category.EXISTENCE not in permit.grants.get(row.scope, {}):
        raise NotGranted(clause=row.clauses[0])
    if Status(row.status) not in OPEN:
        raise PayloadClosed
    account = Disclosed()
    told: dict[str, set[Category]] = defaultdict(set, {row.scope: {Category.EXISTENCE, Category.REFERRALS}})
    for entry in entries:
        told[entry.scope] |= {Category.EXISTENCE, entry.category}
    for scope, categories in told.items():
        account.note(
            person_id=row.person_id,
            owner=row.owner,
            record_id=row.referral_id,
            version=row.version,
            scope=Scope(scope),
            categories=categories,
        )
    view = PayloadView(
        referral_id=referral_id,
        clause=row.clauses[0],
        discloses=discloses(entries),
        subject=dict(values(entries)),
        messages=[] if row.sealed else await _messages(tx, row, frozen=frozen),
        frozen_at=frozen.frozen_at,
    )
    return view, account


async def find_of_persons(
    tx: Transaction, about: Sequence[Anchor], *, permit: Permit
) -> tuple[list[dict[str, Any]], Disclosed]:
    """Give the referrals of some persons with the account of them: whole where their scope grants so, and of any other
    scope that there are some."""
    persons = bindparam("persons", type_=ARRAY(Uuid)).any_()
    granted = referrals.c.scope.in_(list(permit.grants))
    statement = guarded_referrals().where(referrals.c.person_id == persons, granted).order_by(referrals.c.number.desc())
    rows = (await tx.execute(statement, {"persons": [anchor.person_id for anchor in about]})).all()
    whole = [row for row in rows if permit.grants[row.scope].get(Category.REFERRALS) is Form.VALUE]
    items = [
        {**_placed(view.model_dump(mode="json"), row.scope), "referral_id": row.referral_id}
        for view, row in zip(await render_referrals(tx, whole, permit=permit), whole, strict=True)
    ]
    only_known = dict.fromkeys(row.scope for row in rows if row not in whole)
    items += [_placed({"exists": True}, scope) for scope in only_known]
    return items, account_for(rows, permit=permit)


async def get_prospect(tx: Transaction, service_id: UUID, *, anchor: Anchor, on: date) -> Prospect:
    """Tell what a referrer should know before referring somebody to a service."""
    service = await get_service(tx, service_id)
    same = select(referrals.c.status, referrals.c.outcome).where(
        referrals.c.owner == anchor.owner,
        referrals.c.person_id == anchor.person_id,
        referrals.c.service_id == service_id,
    )
    earlier = (await tx.execute(same.order_by(referrals.c.number.desc()))).all()
    return Prospect(
        partner=service.org,
        duplicates=any(Status(row.status) in OPEN for row in earlier),
        earlier_outcomes=[row.outcome for row in earlier if row.outcome is not None],
        service=ServiceStanding(
            status=service.status,
            capacity=service.entry.get("capacity"),
            stale=is_stale(service.entry.get("assured_date"), on=on),
            expected_response=service.entry["expected_response"],
            accepted_categories=service.entry.get("accepted_categories"),
        ),
    )


def _view(row: AnyRow, history: Sequence[AnyRow], *, permit: Permit) -> ReferralView:
    side = side_of(permit, owner=row.owner, partner=row.partner)
    progress = progress_of(row)
    fhir = fhir_status(progress)
    closed = side is Side.PARTNER and (row.sealed or not set(row.clauses) <= set(permit.clauses))
    return ReferralView.model_validate(
        {
            "referral_id": row.referral_id,
            "status": progress.status,
            "service_id": row.service_id,
            "from": row.owner,
            "to": row.partner,
            "purpose": row.purpose,
            "need": None if closed else row.need,
            "urgency": row.urgency,
            "clause": row.clauses[0],
            "discloses": discloses_of(row),
            "partner_reference": row.partner_reference,
            "history": [_step(step, row=row, side=side, closed=closed) for step in history],
            "outcome": row.outcome,
            "due": DueView(receive=row.due_receive, accept=row.due_accept, complete=row.due_complete),
            "fhir": FhirView(task=fhir.task, service_request=fhir.service_request),
            "legal": [] if side is None else list(legal_actions(progress, by=side)),
        }
    )


def _step(step: AnyRow, *, row: AnyRow, side: Side | None, closed: bool) -> HistoryView:
    """Give a step. What the referrer wrote to the partner goes with the payload, which is decided at each read."""
    of_referrer = step.by == row.owner
    return HistoryView(
        at=step.at,
        action=step.action,
        by=step.by,
        status=step.status,
        reason=None if closed and of_referrer else step.reason,
        message=None if side is Side.PARTNER and of_referrer else step.message,
        details=step.details,
    )


async def _messages(tx: Transaction, row: AnyRow, *, frozen: AnyRow) -> list[PayloadMessage]:
    """Give what the referrer wrote to the partner, the message it began with first."""
    written = select(referral_history.c.at, referral_history.c.message).where(
        referral_history.c.referral_id == row.referral_id,
        referral_history.c.by == row.owner,
        referral_history.c.message.is_not(None),
    )
    later = (await tx.execute(written.order_by(referral_history.c.version))).all()
    first = [] if frozen.message is None else [PayloadMessage(at=frozen.frozen_at, text=frozen.message)]
    return [*first, *(PayloadMessage(at=one.at, text=one.message) for one in later)]


async def _one(tx: Transaction, statement: Any) -> AnyRow:
    row: AnyRow | None = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise UnknownReferral("There is no such referral, or none that you may know of.")
    return row


def _entry(stored: dict[str, Any]) -> Entry:
    return Entry(
        field=stored["field"],
        category=Category(stored["category"]),
        scope=Scope(stored["scope"]),
        form=Form(stored["form"]),
        value=stored["value"],
    )


def _placed(item: dict[str, Any], scope: str) -> dict[str, Any]:
    owner, service_area = split_scope(Scope(scope))
    return {**item, "owner": owner, "service_area": service_area}
