"""Saves what a `Clustering` changed."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import bindparam, delete, exists, insert, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Uuid

from customer_index.commands.guards import follow_members
from customer_index.model import Model
from customer_index.persons import Changes
from customer_index.placement import PossibleMatch
from customer_index.queries.neighbours import lock_persons
from customer_index.tables import link_queue, members, outbox, persons, reviews, stewardship
from shared.db import Transaction
from shared.outbox import emit

SOURCE = "/customer-index"


async def are_current(tx: Transaction, loaded_versions: Mapping[UUID, int]) -> bool:
    """Lock the persons about to change; False if one has changed since it was loaded."""
    if not loaded_versions:
        return True
    return await lock_persons(tx, loaded_versions.keys()) == dict(loaded_versions)


async def save_persons(tx: Transaction, changes: Changes, *, owner: str) -> None:
    """Write persons that are new or changed; records can be entered after this."""
    if changes.created:
        await tx.execute(
            insert(persons),
            [{"person_id": one, "owner": owner, "version": changes.versions[one]} for one in changes.created],
        )
    changed = [one for one in changes.versions if one not in changes.created]
    if changed:
        statement = update(persons).where(persons.c.person_id == bindparam("one"))
        await tx.execute(
            statement.values(version=bindparam("new_version")),
            [{"one": one, "new_version": changes.versions[one]} for one in changed],
        )


async def save_memberships(
    tx: Transaction, changes: Changes, *, entered: frozenset[UUID], owner: str, model: Model, txn: UUID, at: datetime
) -> None:
    """Write who moved where, who was absorbed or emptied, reviews, events, and who has to be linked anew.

    `entered` are the records whose membership was written already, with their person.
    """
    moved = [
        {"record": record_id, "person": person_id}
        for record_id, person_id in changes.belongs.items()
        if record_id not in entered
    ]
    if moved:
        statement = update(members).where(members.c.record_id == bindparam("record"))
        await tx.execute(statement.values(person_id=bindparam("person")), moved)
    if changes.absorbed:
        await _absorb(tx, changes)
    if changes.revived:
        await _revive(tx, changes)
    if changes.emptied:
        await _forget(tx, changes)
    if changes.is_guarded:
        await follow_members(tx, changes.relink, owner=owner)
    await _raise_reviews(tx, changes, owner=owner, model=model, at=at)
    if changes.relink:
        await tx.execute(insert(link_queue).inline(), [{"owner": owner, "person_id": one} for one in changes.relink])
    await emit(tx, outbox, changes.happened, source=SOURCE, owner=owner, txn=txn, at=at)


async def _absorb(tx: Transaction, changes: Changes) -> None:
    """Point absorbed persons, and those they once absorbed, at the survivor; their reviews are settled, and remembered
    where a steward settled them."""
    absorbed = [{"one": one, "into": into} for one, into in changes.absorbed.items()]
    await tx.execute(
        update(persons)
        .where((persons.c.person_id == bindparam("one")) | (persons.c.merged_into == bindparam("one")))
        .values(merged_into=bindparam("into")),
        absorbed,
    )
    decided = exists().where(stewardship.c.review_id == reviews.c.review_id, stewardship.c.undone_at.is_(None))
    await tx.execute(
        delete(reviews).where(
            (reviews.c.first_person == bindparam("one")) | (reviews.c.second_person == bindparam("one")), ~decided
        ),
        [{"one": one} for one in changes.absorbed],
    )


async def _revive(tx: Transaction, changes: Changes) -> None:
    """Let persons that were merged away stand for themselves again."""
    revived = bindparam("revived", value=changes.revived, type_=ARRAY(Uuid)).any_()
    await tx.execute(update(persons).where(persons.c.person_id == revived).values(merged_into=None))


async def _forget(tx: Transaction, changes: Changes) -> None:
    """Delete persons without records; an id merged into one of them leads nowhere any more."""
    gone = bindparam("gone", value=list(changes.emptied), type_=ARRAY(Uuid)).any_()
    await tx.execute(delete(persons).where((persons.c.person_id == gone) | (persons.c.merged_into == gone)))


async def _raise_reviews(tx: Transaction, changes: Changes, *, owner: str, model: Model, at: datetime) -> None:
    rows = [
        review_row("record", (owner, one.first_person), (owner, one.second_person), match=one.match, model=model, at=at)
        for one in changes.reviews
        if not {one.first_person, one.second_person} & changes.absorbed.keys()
    ]
    if rows:
        await upsert_reviews(tx, rows)


def review_row(
    kind: str,
    first: tuple[str, UUID],
    second: tuple[str, UUID],
    *,
    match: PossibleMatch,
    model: Model,
    at: datetime,
) -> dict[str, object]:
    """Make the row of a review of two persons, each given as owner and id."""
    return {
        "review_id": uuid4(),
        "kind": kind,
        "first_owner": first[0],
        "first_person": first[1],
        "second_owner": second[0],
        "second_person": second[1],
        "waterfall": [row._asdict() for row in match.comparison.waterfall],
        "total": match.comparison.total,
        "model": model.version,
        "raised_at": at,
    }


async def upsert_reviews(tx: Transaction, rows: list[dict[str, object]]) -> None:
    """Raise reviews; one of the same two persons takes the new explanation."""
    statement = upsert(reviews)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["first_person", "second_person"],
            set_={"waterfall": statement.excluded.waterfall, "total": statement.excluded.total},
        ),
        rows,
    )
