"""Which persons a batch of records could belong to."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text, Uuid

from customer_index.normalise import Features
from customer_index.persons import BLOCK_CAP, Neighbours, PersonState, decisions_among
from customer_index.protection import Guard, sides
from customer_index.queries.decisions import find_decided_with, find_rulings, ruling_of
from customer_index.tables import block_keys, persons
from shared.categories import Protection
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
    SELECT persons.person_id, persons.version, persons.sequence, members.record_id, members.features,
           (SELECT jsonb_agg(jsonb_build_array(protection_id, scheme, by_household)) FROM protections
             WHERE protections.record_id = members.record_id) AS guards,
           (SELECT jsonb_agg(jsonb_build_array(stewardship_id, sequence, owner, verdict, side)) FROM decisions
             WHERE decisions.record_id = members.record_id AND first_owner = second_owner) AS rulings
      FROM persons JOIN members USING (person_id)
     WHERE persons.person_id = ANY (:persons) ORDER BY members.record_id
    """
).bindparams(bindparam("persons", type_=ARRAY(Uuid)))

_RECORDED = text(
    """
    SELECT record_id, local_id, version, digest, person_id
      FROM records JOIN members USING (record_id)
     WHERE records.owner = :owner AND records.source = :source AND local_id = ANY (:local_ids)
     UNION ALL
    SELECT record_id, local_id, NULL, NULL, NULL
      FROM decisions WHERE owner = :owner AND source = :source AND local_id = ANY (:local_ids)
     UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL
     WHERE EXISTS (
             SELECT 1 FROM protections
              WHERE owner = :owner AND source = :source AND local_id = ANY (:local_ids) AND record_id IS NULL)
        OR EXISTS (SELECT 1 FROM protections WHERE owner = :owner AND household_wide)
    """
).bindparams(bindparam("local_ids", type_=ARRAY(Text)))

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


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a source has under some local ids: records, each with its person, and the ids of those that return.

    One returns whose source withdrew it after a steward had decided about it: it takes its old id, and what was decided
    holds.
    """

    known: Mapping[str, AnyRow]
    returning: Mapping[str, UUID]
    is_guarded: bool
    """Whether a protection may be waiting for what the source asserts."""


async def find_records(tx: Transaction, *, owner: str, source: str, local_ids: Collection[str]) -> Recorded:
    """Give what a source has under some of these local ids."""
    rows = (await tx.execute(_RECORDED, {"owner": owner, "source": source, "local_ids": list(local_ids)})).all()
    known = {row.local_id: row for row in rows if row.version is not None}
    returning = {row.local_id: row.record_id for row in rows if row.record_id and row.local_id not in known}
    return Recorded(known, returning, is_guarded=any(row.record_id is None for row in rows))


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
    tx: Transaction,
    *,
    owner: str,
    keys: Collection[int],
    person_ids: Collection[UUID],
    returning: Collection[UUID] = (),
) -> Neighbours:
    """Load the persons some records of this owner share a key with, and those named, with all their records.

    Sealed persons carry no key: nobody is compared with them, nor are they counted.
    `returning` are records that nobody has, about which a steward once decided: they come with those it was about. Each
    of the two looks sees what was committed just before it, so they are repeated if a record moved in between.
    """
    rulings = await find_rulings(tx, returning) if returning else {}
    while True:
        decided_with = await find_decided_with(tx, returning) if returning else set()
        carriers: dict[int, dict[UUID, UUID]] = defaultdict(dict)
        found = await tx.execute(_CARRIERS, {"keys": list(keys), "owner": owner, "cap": BLOCK_CAP + 1})
        for key, record_id, person_id in found:
            carriers[key][record_id] = person_id
        telling = [carrying for carrying in carriers.values() if len(carrying) <= BLOCK_CAP]
        wanted = {*person_ids, *decided_with, *(person_id for carrying in telling for person_id in carrying.values())}
        states = await find_persons(tx, wanted)
        person_of = {record_id: one.person_id for one in states for record_id in one.members}
        if all(person_of.get(record_id) == one for carrying in telling for record_id, one in carrying.items()):
            sealed = {one.person_id for one in states for guards in one.guards.values() if sides(guards)}
            carriers = _without(sealed, carriers) if sealed else carriers
            return Neighbours(states, carriers, decisions_among(states, returning=rulings))


def _without(sealed: Collection[UUID], carriers: Mapping[int, Mapping[UUID, UUID]]) -> dict[int, dict[UUID, UUID]]:
    return {
        key: {record_id: person_id for record_id, person_id in carrying.items() if person_id not in sealed}
        for key, carrying in carriers.items()
    }


async def find_persons(tx: Transaction, person_ids: Collection[UUID]) -> list[PersonState]:
    """Load persons with all their records."""
    states: dict[UUID, PersonState] = {}
    if not person_ids:
        return []
    for row in await tx.execute(_PERSONS, {"persons": list(person_ids)}):
        state = states.setdefault(row.person_id, PersonState(row.person_id, row.version, row.sequence, {}))
        state.members[row.record_id] = Features.from_json(row.features)
        if row.guards:
            state.guards[row.record_id] = frozenset(
                Guard(UUID(side), Protection(scheme), by_household) for side, scheme, by_household in row.guards
            )
        if row.rulings:
            state.rulings[row.record_id] = tuple(ruling_of(*one) for one in row.rulings)
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
