"""Which persons a batch of records could belong to."""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text, Uuid

from customer_index.clustering import BLOCK_CAP, Neighbours, PersonState
from customer_index.normalise import Features
from customer_index.tables import block_keys, members, persons, records
from shared.db import AnyRow, Transaction

_CARRIERS = text(
    """
    SELECT wanted.key, carrier.record_id, members.person_id
      FROM unnest(:keys) AS wanted(key)
           CROSS JOIN LATERAL (
             SELECT record_id FROM block_keys
              WHERE block_keys.key = wanted.key AND block_keys.owner = :owner LIMIT :cap) AS carrier
           JOIN members USING (record_id)
    """
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)))

_PERSONS = text(
    """
    SELECT persons.person_id, persons.version, persons.sequence, members.record_id, members.features
      FROM persons JOIN members USING (person_id)
     WHERE persons.person_id = ANY (:persons) ORDER BY members.record_id
    """
).bindparams(bindparam("persons", type_=ARRAY(Uuid)))

_LOCK_KEYS = text(
    """
    SELECT CASE WHEN place = 1 THEN pg_advisory_xact_lock_shared(lock) ELSE pg_advisory_xact_lock(lock) END
      FROM unnest(:locks) WITH ORDINALITY AS wanted(lock, place) ORDER BY place
    """
).bindparams(bindparam("locks", type_=ARRAY(BigInteger)))

_LOCK_OWNER = text("SELECT pg_advisory_xact_lock(:lock)")


async def lock_owner(tx: Transaction, owner: str) -> None:
    """Wait until nobody else changes this owner's persons, and keep others waiting until the transaction ends."""
    await tx.execute(_LOCK_OWNER, {"lock": lock_of(owner)})


async def lock_keys(tx: Transaction, owner: str, *, keys: Collection[int]) -> None:
    """Let only one at a time decide about records of this owner that share a key.

    Two records of one human being share a key, so that the second to arrive finds the first. Locks are taken in
    ascending order, which excludes deadlocks, after the owner's own lock in shared mode, which a load takes alone.
    """
    await tx.execute(_LOCK_KEYS, {"locks": [lock_of(owner), *sorted({lock_of(owner, str(key)) for key in keys})]})


def lock_of(*named: str) -> int:
    """Give the number of the advisory lock of something named; it depends on the owner first, so that no owner ever
    waits for another."""
    return int.from_bytes(hashlib.blake2b("\0".join(named).encode(), digest_size=8).digest(), "big", signed=True)


async def find_records(tx: Transaction, *, owner: str, source: str, local_ids: Collection[str]) -> dict[str, AnyRow]:
    """Give the records a source already has under some of these local ids, each with its person."""
    statement = (
        select(records.c.record_id, records.c.local_id, records.c.version, records.c.digest, members.c.person_id)
        .join(members)
        .where(records.c.owner == owner, records.c.source == source)
        .where(records.c.local_id == bindparam("local_ids", type_=ARRAY(Text)).any_())
    )
    rows = await tx.execute(statement, {"local_ids": list(local_ids)})
    return {row.local_id: row for row in rows}


async def find_keys(tx: Transaction, record_ids: Collection[UUID]) -> dict[UUID, list[int]]:
    """Give the block keys that records carry now."""
    statement = select(block_keys.c.record_id, block_keys.c.key).where(
        block_keys.c.record_id == bindparam("record_ids", type_=ARRAY(Uuid)).any_()
    )
    carried: dict[UUID, list[int]] = defaultdict(list)
    for row in await tx.execute(statement, {"record_ids": list(record_ids)}):
        carried[row.record_id].append(row.key)
    return carried


async def find_neighbours(
    tx: Transaction, *, owner: str, keys: Collection[int], person_ids: Collection[UUID]
) -> Neighbours:
    """Load the persons some records of this owner share a key with, and those named, with all their records.

    Each of the two looks sees what was committed just before it, so they are repeated if a record moved in between.
    """
    while True:
        carriers: dict[int, dict[UUID, UUID]] = defaultdict(dict)
        found = await tx.execute(_CARRIERS, {"keys": list(keys), "owner": owner, "cap": BLOCK_CAP + 1})
        for key, record_id, person_id in found:
            carriers[key][record_id] = person_id
        telling = [carrying for carrying in carriers.values() if len(carrying) <= BLOCK_CAP]
        wanted = {*person_ids, *(person_id for carrying in telling for person_id in carrying.values())}
        states = await find_persons(tx, wanted)
        person_of = {record_id: one.person_id for one in states for record_id in one.members}
        if all(person_of.get(record_id) == one for carrying in telling for record_id, one in carrying.items()):
            return Neighbours(states, carriers)


async def find_persons(tx: Transaction, person_ids: Collection[UUID]) -> list[PersonState]:
    """Load persons with all their records."""
    states: dict[UUID, PersonState] = {}
    if not person_ids:
        return []
    for row in await tx.execute(_PERSONS, {"persons": list(person_ids)}):
        state = states.setdefault(row.person_id, PersonState(row.person_id, row.version, row.sequence, {}))
        state.members[row.record_id] = Features.from_json(row.features)
    return list(states.values())


async def lock_persons(tx: Transaction, person_ids: Collection[UUID]) -> dict[UUID, int]:
    """Lock persons against change, in order of id, and give their versions.

    A lock that lets others go on referring to the person: a link made meanwhile must not wait, nor keep anyone waiting.
    """
    statement = (
        select(persons.c.person_id, persons.c.version)
        .where(persons.c.person_id == bindparam("person_ids", type_=ARRAY(Uuid)).any_())
        .order_by(persons.c.person_id)
        .with_for_update(key_share=True)
    )
    return {row.person_id: row.version for row in await tx.execute(statement, {"person_ids": list(person_ids)})}
