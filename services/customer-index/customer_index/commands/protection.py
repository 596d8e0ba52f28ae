"""Protecting a person, lifting a protection, and protections that have run out.

A protection is anchored on every record the person has. Everybody who asserts for the owner waits meanwhile, so that
no record comes to the person unseen.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Uuid

from customer_index.blocking import block_keys
from customer_index.clustering import MEETING_KINDS, Clustering
from customer_index.commands.clusters import SOURCE, are_current, save_memberships, save_persons
from customer_index.commands.guards import follow_members, open_own
from customer_index.model import Model
from customer_index.persons import PersonState
from customer_index.protection import holding
from customer_index.queries.household import find_household
from customer_index.queries.neighbours import find_neighbours, find_persons, lock_owner, lock_persons
from customer_index.queries.people import VisibleRecord, find_own_records, find_visible_records
from customer_index.queries.protections import find_protections
from customer_index.tables import link_queue, members, outbox, persons, protections, records
from shared.categories import AREA_CLASS, Category, Form, Protection, scope_of
from shared.db import AnyRow, Transaction
from shared.events import PersonProtected
from shared.outbox import Happened, emit
from shared.permit import Permit
from shared.problems import Unavailable

_EVERYTHING: Final = dict.fromkeys(Category, Form.VALUE)


@dataclass(frozen=True, slots=True)
class NewTerms:
    """Why and until when a person is protected, and whether its household with it."""

    scheme: Protection
    until: date | None
    review_on: date | None
    household_wide: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """For which organisation protections change, by which audited call and when."""

    org: str
    txn: UUID
    at: datetime


async def protect_person(
    tx: Transaction, person_id: UUID, terms: NewTerms, *, permit: Permit, at: datetime
) -> tuple[list[VisibleRecord], list[AnyRow]]:
    """Protect an own person, instead of what that scheme said before; give its records and all its protections.

    A person that was merged away is the one it lives on as. Raises `UnknownPerson`.
    """
    by = _Change(permit.org, permit.txn, at)
    known = await _lock_own(tx, person_id, permit=permit, at=at)
    person_id = known[0].person_id
    household: set[UUID] = set()
    if terms.household_wide:
        household = await _find_household(tx, person_id, permit=permit, at=at)
    withdrawn = await _find_withdrawn(tx, person_id, scheme=terms.scheme, owner=by.org)
    concerned = {person_id} | household | await _replace(tx, person_id, schemes=[terms.scheme], owner=by.org)
    row = {
        "protection_id": uuid4(),
        "owner": by.org,
        "scheme": terms.scheme,
        "until": terms.until,
        "review_on": terms.review_on,
        "set_by": permit.subject,
        "set_at": by.at,
    }
    anchors = [
        row | dict(anchor) | {"by_household": False, "household_wide": terms.household_wide}
        for anchor in [*await _find_anchors(tx, [person_id]), *withdrawn]
    ] + [
        row | dict(anchor) | {"by_household": True, "household_wide": False}
        for anchor in await _find_anchors(tx, household)
    ]
    await tx.execute(upsert(protections).on_conflict_do_nothing(), anchors)
    await _settle(tx, concerned, by=by)
    return known, await find_protections(tx, person_id)


async def unprotect_person(
    tx: Transaction, person_id: UUID, *, scheme: Protection | None, permit: Permit, model: Model, at: datetime
) -> list[VisibleRecord]:
    """Lift one protection of an own person, or all, with those of its household; give its records.

    Raises `UnknownPerson`.
    """
    by = _Change(permit.org, permit.txn, at)
    known = await _lock_own(tx, person_id, permit=permit, at=at)
    schemes = list(Protection) if scheme is None else [scheme]
    lifted = await _lift(tx, known[0].person_id, schemes=schemes, owner=by.org)
    await _reconsider(tx, await _settle(tx, lifted, by=by), by=by, model=model)
    return known


async def lapse_protections(tx: Transaction, *, owner: str, model: Model, txn: UUID, at: datetime) -> None:
    """Lift the protections of an organisation whose last day has passed."""
    by = _Change(owner, txn, at)
    await lock_owner(tx, owner)
    await open_own(tx, owner)
    ended = delete(protections).where(protections.c.owner == owner, protections.c.until < at.date())
    lifted = {one for one in (await tx.execute(ended.returning(protections.c.person_id))).scalars() if one}
    await _reconsider(tx, await _settle(tx, lifted, by=by), by=by, model=model)


async def settle_replayed(
    tx: Transaction, person_ids: Collection[UUID], *, owner: str, txn: UUID, at: datetime
) -> None:
    """Let everything follow protections of an organisation that a replay of the ledger set or lifted."""
    await _settle(tx, person_ids, by=_Change(owner, txn, at))


async def _lock_own(tx: Transaction, person_id: UUID, *, permit: Permit, at: datetime) -> list[VisibleRecord]:
    """Keep everybody else from changing an own person that the call may know, and give its records as it lives on."""
    await lock_owner(tx, permit.org)
    known = await find_own_records(tx, person_id, permit=permit, at=at)
    await lock_persons(tx, [known[0].person_id])
    await open_own(tx, permit.org)
    return known


async def _find_household(tx: Transaction, person_id: UUID, *, permit: Permit, at: datetime) -> set[UUID]:
    """Give who lives with a person or is related to it, as far as its own organisation knows."""
    scopes = [scope_of(permit.org, area) for area in AREA_CLASS]
    knowing = replace(
        permit,
        grants=dict.fromkeys(scopes, _EVERYTHING),
        cleared=tuple(f"{permit.org}/{scheme}" for scheme in Protection),
    )
    visible = await find_visible_records(tx, person_ids=[person_id], permit=knowing, at=at)
    found, _ = await find_household(tx, visible, permit=knowing, at=at)
    return {membership.person_id for membership in found}


async def _find_anchors(tx: Transaction, person_ids: Collection[UUID]) -> Sequence[dict[str, object]]:
    statement = (
        select(records.c.source, records.c.local_id, records.c.record_id, members.c.person_id)
        .join(members, members.c.record_id == records.c.record_id)
        .where(members.c.person_id == bindparam("persons", type_=ARRAY(Uuid)).any_())
    )
    return [dict(row) for row in (await tx.execute(statement, {"persons": list(person_ids)})).mappings()]


async def _find_withdrawn(
    tx: Transaction, person_id: UUID, *, scheme: Protection, owner: str
) -> Sequence[dict[str, object]]:
    """Give the keys of withdrawn records that a person's protection still waits for."""
    statement = select(protections.c.source, protections.c.local_id).where(
        protections.c.protection_id.in_(_own_protections(person_id, schemes=[scheme], owner=owner)),
        protections.c.record_id.is_(None),
        ~protections.c.by_household,
    )
    return [{**row, "record_id": None, "person_id": None} for row in (await tx.execute(statement)).mappings()]


def _own_protections(person_id: UUID, *, schemes: Collection[Protection], owner: str) -> Select[tuple[UUID]]:
    return select(protections.c.protection_id).where(
        protections.c.owner == owner,
        protections.c.person_id == person_id,
        protections.c.scheme.in_(schemes),
        ~protections.c.by_household,
    )


async def _lift(tx: Transaction, person_id: UUID, *, schemes: Collection[Protection], owner: str) -> set[UUID]:
    """Take protections off a person, whoever they were set for, off the household they were set for with it, and off
    keys that wait for a record; give the persons."""
    replaced = await _replace(tx, person_id, schemes=schemes, owner=owner)
    with_others = delete(protections).where(
        protections.c.owner == owner, protections.c.scheme.in_(schemes), protections.c.person_id == person_id
    )
    let_go = (await tx.execute(with_others.returning(protections.c.person_id))).scalars()
    return replaced | {one for one in let_go if one}


async def _replace(tx: Transaction, person_id: UUID, *, schemes: Collection[Protection], owner: str) -> set[UUID]:
    """Take a person's own protections off it, off the household they were set for with it, and off keys that wait for
    a record; give the persons. What was set for somebody else they live with holds on."""
    own = list((await tx.execute(_own_protections(person_id, schemes=schemes, owner=owner))).scalars())
    statement = delete(protections).where(
        protections.c.owner == owner,
        protections.c.protection_id.in_(own),
        or_(protections.c.person_id == person_id, protections.c.by_household, protections.c.record_id.is_(None)),
    )
    return {one for one in (await tx.execute(statement.returning(protections.c.person_id))).scalars() if one}


async def _settle(tx: Transaction, person_ids: Collection[UUID], *, by: _Change) -> set[UUID]:
    """Let rows follow what holds now, tell of it, and have links looked at again; give who is sealed no longer."""
    if not person_ids:
        return set()
    unsealed = await follow_members(tx, person_ids, owner=by.org)
    await lock_persons(tx, person_ids)
    states = await find_persons(tx, person_ids)
    advance = update(persons).where(persons.c.person_id == bindparam("one"))
    await tx.execute(
        advance.values(version=bindparam("new_version")),
        [{"one": state.person_id, "new_version": state.version + 1} for state in states],
    )
    happened = [Happened(_told(state), str(state.person_id), state.version + 1) for state in states]
    await emit(tx, outbox, happened, source=SOURCE, owner=by.org, txn=by.txn, at=by.at)
    asked = [{"owner": by.org, "person_id": state.person_id} for state in states]
    await tx.execute(insert(link_queue).inline(), asked)
    return unsealed


def _told(state: PersonState) -> PersonProtected:
    holds = holding(guard for guards in state.guards.values() for guard in guards)
    return PersonProtected(records=sorted(state.members), protected=holds.protected, sealed=holds.sealed)


async def _reconsider(tx: Transaction, person_ids: Collection[UUID], *, by: _Change, model: Model) -> None:
    """Compare with everybody else the records of persons that were sealed until now."""
    for person_id in sorted(person_ids):
        for state in await find_persons(tx, [person_id]):
            keys = {record_id: block_keys(features) for record_id, features in state.members.items()}
            neighbours = await find_neighbours(
                tx,
                owner=by.org,
                keys={key.digest for carried in keys.values() for key in carried if key.kind in MEETING_KINDS},
                person_ids=[person_id],
            )
            clustering = Clustering(neighbours, model=model)
            for record_id, features in state.members.items():
                clustering.correct(record_id, features, keys=keys[record_id], former_keys=())
            changes = clustering.finish()
            if not await are_current(tx, changes.loaded_versions):
                raise Unavailable("The person changed at the same time; try again.", headers={"Retry-After": "1"})
            await save_persons(tx, changes, owner=by.org)
            await save_memberships(tx, changes, entered=frozenset(), owner=by.org, model=model, txn=by.txn, at=by.at)
