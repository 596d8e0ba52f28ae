"""Taking back what a steward did.

Undone is what was done, exactly: the records it moved go back to the persons they came from, under their old ids. What
came to a person later goes with the records it holds to; where something later stands in the way, nothing is undone.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from customer_index.clustering import Clustering
from customer_index.commands.acts import Acting, Done, guards_of, records_now, records_of, require_one_side, save
from customer_index.commands.decisions import revoke
from customer_index.commands.link_decisions import undo_link_decision
from customer_index.commands.stewardship import load_persons
from customer_index.decisions import broken
from customer_index.model import Model
from customer_index.persons import Neighbours, PersonState, decisions_among
from customer_index.problems import AlreadyUndone, UndoBlocked, UnknownStewardship
from customer_index.queries.neighbours import lock_owner
from customer_index.queries.people import VisibleRecord, find_visible_records
from customer_index.stewardship import PersonRecords
from customer_index.tables import members, persons, stewardship
from shared.db import AnyRow, Transaction


async def undo(tx: Transaction, stewardship_id: UUID, *, by: Acting, model: Model) -> Done:
    """Take back a merge, a split or a decision of the own organisation.

    Raises `UnknownStewardship`, `AlreadyUndone`, `UndoBlocked` or `KeptApartBySeal`.
    """
    await lock_owner(tx, by.permit.org)
    mine = (stewardship.c.stewardship_id == stewardship_id) & (stewardship.c.owner == by.permit.org)
    row = (await tx.execute(select(stewardship).where(mine))).one_or_none()
    if row is None:
        raise UnknownStewardship("Your organisation's stewards did no such thing, or nothing that you may know of.")
    was = [PersonRecords.model_validate(one) for one in row.before]
    left = [PersonRecords.model_validate(one) for one in row.after]
    person_of = await _persons_now(tx, {record_id for one in was for record_id in one.records})
    visible = await _require_known(tx, was, person_of=person_of, by=by)
    if row.undone_at is not None:
        raise AlreadyUndone("This was undone before.")
    await tx.execute(update(stewardship).where(mine).values(undone_at=by.at, undone_by=by.permit.subject))
    if row.kind == "link":
        await undo_link_decision(tx, stewardship_id, was[0], by=by, model=model)
        return Done(stewardship_id, left, was, visible)
    if row.act == "no-match":
        await revoke(tx, stewardship_id)
        return Done(stewardship_id, left, was, visible)
    _require_unmoved(left, person_of=person_of)
    states = await load_persons(tx, [one.person_id for one in left])
    before = records_of(*states)
    clustering = await _restored(tx, row, was, left, states=states, model=model)
    await revoke(tx, stewardship_id)
    await save(tx, clustering, permit=by.permit, model=model, at=by.at)
    after = records_now(clustering, [*(one.person_id for one in was), *clustering.person_of().values()])
    await _lead_back(tx, row)
    return Done(stewardship_id, before, after, visible)


async def _persons_now(tx: Transaction, record_ids: Iterable[UUID]) -> Mapping[UUID, UUID]:
    statement = select(members.c.record_id, members.c.person_id).where(
        members.c.record_id == bindparam("records", type_=ARRAY(Uuid)).any_()
    )
    return {row.record_id: row.person_id for row in await tx.execute(statement, {"records": list(record_ids)})}


async def _require_known(
    tx: Transaction, was: Sequence[PersonRecords], *, person_of: Mapping[UUID, UUID], by: Acting
) -> list[VisibleRecord]:
    """Give what is visible of the records of an act; raise `UnknownStewardship` if somebody there does not exist for
    the caller."""
    found = await find_visible_records(tx, person_ids=set(person_of.values()), permit=by.permit, at=by.at)
    visible = [record for record in found if record.record_id in person_of]
    shown = {record.record_id for record in visible}
    for one in was:
        is_left = any(record_id in person_of for record_id in one.records)
        if set(one.records) & set(by.permit.hidden) or (is_left and shown.isdisjoint(one.records)):
            raise UnknownStewardship("Your organisation's stewards did no such thing, or nothing that you may know of.")
    return visible


def _require_unmoved(left: Sequence[PersonRecords], *, person_of: Mapping[UUID, UUID]) -> None:
    in_the_way = [
        {"record_id": str(record_id), "why": "moved" if record_id in person_of else "withdrawn"}
        for one in left
        for record_id in one.records
        if person_of.get(record_id) != one.person_id
    ]
    if in_the_way:
        raise UndoBlocked("Some records are not where this left them.", in_the_way=in_the_way)


async def _restored(
    tx: Transaction,
    row: AnyRow,
    was: Sequence[PersonRecords],
    left: Sequence[PersonRecords],
    *,
    states: Sequence[PersonState],
    model: Model,
) -> Clustering:
    """Put the records back; raise `UndoBlocked` if a later decision would not hold then."""
    decided = decisions_among(states)
    standing = [one for one in decided if one.stewardship_id != row.stewardship_id]
    clustering = Clustering(Neighbours(states, {}, standing), model=model)
    were_broken = {one.stewardship_id for one in broken(decided, person_of=clustering.person_of())}
    if row.act == "split":
        require_one_side(*(guards_of(one, one.members) for one in states))
        clustering.merge(left[0].person_id, left[1].person_id)
    else:
        stays = next(one for one in was if one.person_id == left[0].person_id)
        leaves = next(one for one in was if one.person_id != left[0].person_id)
        clustering.part(
            stays.person_id,
            staying=frozenset(stays.records),
            leaving=frozenset(leaves.records),
            revived=await _absorbed(tx, leaves.person_id),
        )
    now_broken = {one.stewardship_id for one in broken(standing, person_of=clustering.person_of())} - were_broken
    if now_broken:
        in_the_way = [{"stewardship_id": str(one), "why": "decided since"} for one in sorted(now_broken)]
        raise UndoBlocked("A later act of stewardship stands in the way.", in_the_way=in_the_way)
    return clustering


async def _absorbed(tx: Transaction, person_id: UUID) -> PersonState:
    row = (await tx.execute(select(persons).where(persons.c.person_id == person_id))).one()
    return PersonState(row.person_id, row.version, row.sequence, {})


async def _lead_back(tx: Transaction, row: AnyRow) -> None:
    """Let the ids that once led to a person lead to it again, now that it stands for itself."""
    for person_id, ids in row.led_to.items():
        leading = persons.c.person_id == bindparam("ids", value=[UUID(one) for one in ids], type_=ARRAY(Uuid)).any_()
        await tx.execute(update(persons).where(leading).values(merged_into=UUID(person_id)))
