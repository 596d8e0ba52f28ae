"""An act of stewardship as it is entered and carried out: who did what to which persons, and why.

Whoever asserts for the owner waits meanwhile (`lock_owner`), so that an act meets the persons as they were looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from customer_index.clustering import Clustering
from customer_index.commands.clusters import are_current, save_memberships, save_persons
from customer_index.model import Model
from customer_index.persons import PersonState
from customer_index.problems import KeptApartBySeal, PersonsChanged, UnknownPerson
from customer_index.protection import Guard, sides
from customer_index.queries.people import VisibleRecord, find_visible_records, get_person
from customer_index.stewardship import PersonRecords
from customer_index.tables import persons, stewardship
from shared.db import Transaction
from shared.permit import Permit
from shared.problems import FieldError

Act = Literal["merge", "split", "match", "no-match"]
Kind = Literal["record", "link"]

NO_SUCH_PERSON = "There is no such person, or none that you may know of."


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Who acts, when, and what for; the reason stays with the own organisation."""

    permit: Permit
    at: datetime
    reason: str
    review_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an act, and the records that the account of it names."""

    stewardship_id: UUID
    before: Sequence[PersonRecords]
    after: Sequence[PersonRecords]
    records: Sequence[VisibleRecord]


@dataclass(frozen=True, slots=True)
class Entered:
    """An act in the book; `sequence` tells which of two is later."""

    stewardship_id: UUID
    sequence: int


async def require_own_person(
    tx: Transaction, person_id: UUID, *, permit: Permit, at: datetime, errors: Sequence[FieldError] = ()
) -> list[VisibleRecord]:
    """Give what is visible of a person of the caller's own organisation.

    Raises `UnknownPerson`, with `errors`, if it is nobody the caller may know, and `PersonsChanged` if it was merged
    into another.
    """
    try:
        owner, merged_into = await get_person(tx, person_id)
    except UnknownPerson:
        raise UnknownPerson(NO_SUCH_PERSON, errors=errors) from None
    visible = await find_visible_records(tx, person_ids=[merged_into or person_id], permit=permit, at=at)
    if owner != permit.org or not visible:
        raise UnknownPerson(NO_SUCH_PERSON, errors=errors)
    if merged_into is not None:
        raise PersonsChanged("A person was merged into another since; read it again.", errors=errors)
    return visible


def records_of(*states: PersonState) -> list[PersonRecords]:
    """Write down who has which records."""
    return [PersonRecords(person_id=one.person_id, records=sorted(one.members)) for one in states]


def records_now(clustering: Clustering, person_ids: Iterable[UUID]) -> list[PersonRecords]:
    """Write down which records some persons have as things are now; one without any is left out."""
    persons_now = clustering.person_of()
    named = list(dict.fromkeys(person_ids))
    found = {one: sorted(record_id for record_id, its in persons_now.items() if its == one) for one in named}
    return [PersonRecords(person_id=one, records=records) for one, records in found.items() if records]


def require_one_side(*guards: Iterable[Guard]) -> None:
    """Raise `KeptApartBySeal` unless none of these is sealed, or all are on one side of a seal."""
    named = [sides(of_one) for of_one in guards]
    if any(named) and not frozenset.intersection(*named):
        raise KeptApartBySeal("What is sealed can be merged and split on its own side only.")


def guards_of(state: PersonState, records: Iterable[UUID]) -> list[Guard]:
    """Give what protects some records of a person."""
    return [guard for record_id in records for guard in state.guards.get(record_id, ())]


async def leading_to(tx: Transaction, person_ids: Sequence[UUID]) -> dict[str, list[str]]:
    """Give the ids of persons that were merged into some others before."""
    statement = select(persons.c.person_id, persons.c.merged_into).where(
        persons.c.merged_into == bindparam("persons", type_=ARRAY(Uuid)).any_()
    )
    found: dict[str, list[str]] = {}
    for row in await tx.execute(statement, {"persons": list(person_ids)}):
        found.setdefault(str(row.merged_into), []).append(str(row.person_id))
    return found


async def enter(
    tx: Transaction,
    act: Act,
    *,
    kind: Kind,
    by: Acting,
    before: Sequence[PersonRecords],
    after: Sequence[PersonRecords],
    led_to: Mapping[str, Sequence[str]],
) -> Entered:
    """Enter an act in the book of stewardship."""
    stewardship_id = uuid4()
    entered = insert(stewardship).values(
        stewardship_id=stewardship_id,
        owner=by.permit.org,
        kind=kind,
        act=act,
        review_id=by.review_id,
        subject=by.permit.subject,
        reason=by.reason,
        txn=by.permit.txn,
        at=by.at,
        before=[one.model_dump(mode="json") for one in before],
        after=[one.model_dump(mode="json") for one in after],
        led_to=led_to,
    )
    sequence = (await tx.execute(entered.returning(stewardship.c.sequence))).scalar_one()
    return Entered(stewardship_id, sequence)


async def save(tx: Transaction, clustering: Clustering, *, permit: Permit, model: Model, at: datetime) -> None:
    """Carry out what a steward changed; raise `PersonsChanged` if a person is not as it was loaded."""
    changes = clustering.finish()
    if not await are_current(tx, changes.loaded_versions):
        raise PersonsChanged("A person changed at the same time; read it again.")
    await save_persons(tx, changes, owner=permit.org)
    await save_memberships(tx, changes, entered=frozenset(), owner=permit.org, model=model, txn=permit.txn, at=at)
