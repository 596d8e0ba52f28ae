"""Keeps protections with the records they are anchored on, wherever these go."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Text, Uuid

from customer_index.preparation import Assertion
from customer_index.queries.protections import Waiting
from customer_index.tables import protections
from shared.categories import SEALS
from shared.db import Transaction

_OPEN_OWN = text("SELECT set_config('scv.naming', :owner, true), set_config('scv.hidden', '', true)")


_FOLLOW = text(
    """
    UPDATE protections SET person_id = (SELECT person_id FROM members WHERE members.record_id = protections.record_id)
     WHERE person_id = ANY (:persons)
        OR record_id IN (SELECT record_id FROM members WHERE members.person_id = ANY (:persons))
    """
).bindparams(bindparam("persons", type_=ARRAY(Uuid)))

_MARK = text(
    """
    WITH held AS (
      SELECT record_id, sealed AS was_sealed, COALESCE(
               (SELECT array_agg(DISTINCT scheme ORDER BY scheme) FROM protections
                 WHERE protections.person_id = members.person_id), '{}') AS schemes
        FROM members WHERE person_id = ANY (:persons))
    UPDATE members SET schemes = held.schemes, sealed = held.schemes && :seals
      FROM held WHERE held.record_id = members.record_id AND held.schemes <> members.schemes
    RETURNING members.person_id, members.sealed, held.was_sealed
    """
).bindparams(bindparam("persons", type_=ARRAY(Uuid)), bindparam("seals", type_=ARRAY(Text)))

_DROP_LINKS = text(
    "DELETE FROM links WHERE first_person = ANY (:persons) OR second_person = ANY (:persons)"
).bindparams(bindparam("persons", type_=ARRAY(Uuid)))

_DROP_REVIEWS = text(
    "DELETE FROM reviews WHERE first_person = ANY (:persons) OR second_person = ANY (:persons)"
).bindparams(bindparam("persons", type_=ARRAY(Uuid)))

_ANCHOR = text(
    """
    UPDATE protections SET record_id = members.record_id, person_id = members.person_id
      FROM unnest(:local_ids, :records) AS asserted(local_id, record_id) JOIN members USING (record_id)
     WHERE protections.owner = :owner AND protections.source = :source
       AND protections.local_id = asserted.local_id AND protections.record_id IS NULL
    """
).bindparams(bindparam("local_ids", type_=ARRAY(Text)), bindparam("records", type_=ARRAY(Uuid)))

_CARRY_ON = text(
    """
    INSERT INTO protections (protection_id, owner, source, local_id, scheme, record_id, person_id, until, review_on,
                             household_wide, by_household, set_by, set_at)
    SELECT held.protection_id, held.owner, records.source, records.local_id, held.scheme, records.record_id,
           members.person_id, held.until, held.review_on, held.household_wide, held.by_household, held.set_by,
           held.set_at
      FROM protections AS held
           JOIN members ON members.person_id = held.person_id AND members.record_id <> held.record_id
           JOIN records ON records.record_id = members.record_id
     WHERE held.record_id = :record
    ON CONFLICT DO NOTHING
    """
)


async def open_own(tx: Transaction, owner: str) -> None:
    """Let the rest of the transaction find all records of an organisation by name, and who is linked with them.

    Whom a protection holds for must not depend on what the worker who sets it may see.
    """
    await tx.execute(_OPEN_OWN, {"owner": owner})


async def follow_members(tx: Transaction, person_ids: Collection[UUID], *, owner: str) -> set[UUID]:
    """Bring protections up to date after records of these persons changed hands; give who is sealed no longer.

    Who is sealed now has no links and no reviews any more.
    """
    touched = {"persons": list(person_ids)}
    await tx.execute(_FOLLOW, touched)
    turned = (await tx.execute(_MARK, touched | {"seals": list(SEALS)})).all()
    sealed = {row.person_id for row in turned if row.sealed}
    if sealed:
        await open_own(tx, owner)
        for statement in (_DROP_LINKS, _DROP_REVIEWS):
            await tx.execute(statement, {"persons": list(sealed)})
    return {row.person_id for row in turned if row.was_sealed} - sealed


async def anchor_asserted(tx: Transaction, waiting: Waiting, *, records: Mapping[str, UUID], by: Assertion) -> None:
    """Anchor on records just asserted what waited for their keys, and what holds for those they live with."""
    named = {local_id: record_id for local_id, record_id in records.items() if waiting.of(local_id)}
    await tx.execute(
        _ANCHOR,
        {
            "owner": by.owner,
            "source": by.source.source,
            "local_ids": list(named),
            "records": list(named.values()),
        },
    )
    near = [
        {
            **{name: getattr(row, name) for name in ("protection_id", "owner", "scheme", "until", "review_on")},
            "source": by.source.source,
            "local_id": local_id,
            "record_id": named[local_id],
            "household_wide": False,
            "by_household": True,
            "set_by": row.set_by,
            "set_at": row.set_at,
        }
        for local_id, rows in waiting.near.items()
        for row in rows
        if local_id in named
    ]
    if near:
        await tx.execute(upsert(protections).on_conflict_do_nothing(), near)


async def carry_on(tx: Transaction, record_id: UUID, *, owner: str) -> None:
    """Anchor what protects a record that is about to go on the other records of its person as well: the human being
    is in no less danger."""
    await open_own(tx, owner)
    await tx.execute(_CARRY_ON, {"record": record_id})
