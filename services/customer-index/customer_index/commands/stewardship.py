"""Merging and splitting persons of the own organisation.

A merge binds the records of both persons together for ever, a split keeps those it parts asunder, until it is undone
(`commands.undo`) or a later act says otherwise of them.
"""

from collections.abc import Sequence
from uuid import UUID

from customer_index.clustering import Clustering
from customer_index.commands.acts import (
    Act,
    Acting,
    Done,
    enter,
    guards_of,
    leading_to,
    records_now,
    records_of,
    require_one_side,
    require_own_person,
    save,
)
from customer_index.commands.decisions import decide
from customer_index.decisions import Verdict
from customer_index.model import Model
from customer_index.persons import Neighbours, PersonState, decisions_among
from customer_index.problems import PersonsChanged
from customer_index.queries.neighbours import find_persons, lock_owner
from customer_index.queries.people import VisibleRecord
from shared.db import Transaction
from shared.problems import FieldError, InvalidRequest


async def merge_persons(tx: Transaction, person_id: UUID, *, other: UUID, by: Acting, model: Model) -> Done:
    """Make one person of two, of whom the older lives on.

    Raises `UnknownPerson`, `PersonsChanged`, `KeptApartBySeal`, or `InvalidRequest` for a person and itself.
    """
    await lock_owner(tx, by.permit.org)
    visible = await require_own_person(tx, person_id, permit=by.permit, at=by.at)
    pointing = FieldError("/other", "names nobody that you may merge")
    if other == person_id:
        raise InvalidRequest("A person is merged with another.", errors=[FieldError("/other", "names the same person")])
    visible += await require_own_person(tx, other, permit=by.permit, at=by.at, errors=[pointing])
    return await unite(tx, (person_id, other), act="merge", visible=visible, by=by, model=model)


async def unite(
    tx: Transaction, pair: tuple[UUID, UUID], *, act: Act, visible: Sequence[VisibleRecord], by: Acting, model: Model
) -> Done:
    """Make one person of two whom the caller may know; the owner is locked already."""
    first, second = await load_persons(tx, pair)
    require_one_side(guards_of(first, first.members), guards_of(second, second.members))
    survivor, absorbed = sorted((first, second), key=lambda one: one.order)
    before, groups = records_of(survivor, absorbed), (list(first.members), list(second.members))
    clustering = clustering_of(first, second, model=model)
    clustering.merge(survivor.person_id, absorbed.person_id)
    after = records_now(clustering, [survivor.person_id])
    led_to = await leading_to(tx, [absorbed.person_id])
    entered = await enter(tx, act, kind="record", by=by, before=before, after=after, led_to=led_to)
    await decide(
        tx,
        Verdict.MATCH,
        stewardship_id=entered.stewardship_id,
        sequence=entered.sequence,
        by=by.permit.org,
        first=(by.permit.org, groups[0]),
        second=(by.permit.org, groups[1]),
    )
    await save(tx, clustering, permit=by.permit, model=model, at=by.at)
    return Done(entered.stewardship_id, before, after, visible)


async def split_person(tx: Transaction, person_id: UUID, *, records: Sequence[UUID], by: Acting, model: Model) -> Done:
    """Make a person of its own of some records of a person.

    Raises `UnknownPerson`, `PersonsChanged`, `KeptApartBySeal`, or `InvalidRequest` for records that are not the
    person's, and for all of them.
    """
    await lock_owner(tx, by.permit.org)
    visible = await require_own_person(tx, person_id, permit=by.permit, at=by.at)
    known = {record.record_id for record in visible}
    strangers = [
        FieldError(f"/records/{place}", "is no record of this person")
        for place, one in enumerate(records)
        if one not in known
    ]
    if strangers:
        raise InvalidRequest("Some records are not this person's.", errors=strangers)
    (person,) = await load_persons(tx, (person_id,))
    leaving = frozenset(records)
    staying = frozenset(person.members) - leaving
    if not staying:
        raise InvalidRequest(
            "A split leaves the person some records.", errors=[FieldError("/records", "must not name all of them")]
        )
    require_one_side(guards_of(person, staying), guards_of(person, leaving))
    before = records_of(person)
    clustering = clustering_of(person, model=model)
    parted = clustering.part(person_id, staying=staying, leaving=leaving)
    after = records_now(clustering, [person_id, parted])
    entered = await enter(tx, "split", kind="record", by=by, before=before, after=after, led_to={})
    await decide(
        tx,
        Verdict.NO_MATCH,
        stewardship_id=entered.stewardship_id,
        sequence=entered.sequence,
        by=by.permit.org,
        first=(by.permit.org, staying),
        second=(by.permit.org, leaving),
    )
    await save(tx, clustering, permit=by.permit, model=model, at=by.at)
    return Done(entered.stewardship_id, before, after, visible)


async def load_persons(tx: Transaction, person_ids: Sequence[UUID]) -> list[PersonState]:
    """Load persons in the order they are named; raise `PersonsChanged` if one has no records any more."""
    found = {one.person_id: one for one in await find_persons(tx, person_ids)}
    if found.keys() != set(person_ids):
        raise PersonsChanged("A person changed at the same time; read it again.")
    return [found[person_id] for person_id in person_ids]


def clustering_of(*states: PersonState, model: Model) -> Clustering:
    """Gather persons for a change that asks for no neighbours."""
    return Clustering(Neighbours(states, {}, decisions_among(states)), model=model)
