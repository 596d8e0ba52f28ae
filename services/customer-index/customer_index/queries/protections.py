"""What protects the records and persons of one owner; what it keeps from calls is in `queries.people`."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text, Uuid

from customer_index.household import relation_key
from customer_index.preparation import Prepared
from customer_index.protection import NO_GUARDS, Guard, sides
from customer_index.queries.people import VisibleRecord, find_own_records
from customer_index.tables import protections
from shared.categories import Protection
from shared.db import AnyRow, Transaction
from shared.permit import Permit

_OPEN_OWN = text("SELECT set_config('scv.matching_owner', :owner, true)")

_NEAR = text(
    """
    SELECT DISTINCT wanted.place, protections.*
      FROM unnest(:keys, :places) AS wanted(key, place)
           JOIN block_keys ON block_keys.key = wanted.key AND block_keys.owner = :owner
           JOIN protections USING (record_id)
     WHERE protections.owner = :owner AND protections.household_wide
    """
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)), bindparam("places", type_=ARRAY(BigInteger)))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What protects records about to be asserted: by their own key, and by somebody they live with or are related to.

    Both by local id; `near` are the rows of those people.
    """

    guards: Mapping[str, frozenset[Guard]]
    near: Mapping[str, Sequence[AnyRow]]
    side_persons: frozenset[UUID]
    """Persons on the same sides of seals."""

    def of(self, local_id: str) -> frozenset[Guard]:
        """Give what protects one of the records."""
        return self.guards.get(local_id, NO_GUARDS)


NOTHING_WAITS = Waiting({}, {}, frozenset())


def guard_of(row: Any) -> Guard:
    """Make the guard of a row."""
    return Guard(row.protection_id, Protection(row.scheme), row.by_household)


async def find_waiting_guards(tx: Transaction, batch: Iterable[Prepared], *, owner: str, source: str) -> Waiting:
    """Find what protects records about to be asserted."""
    records = {record.local_id: record for record in batch}
    anchored = select(protections).where(
        protections.c.owner == owner,
        protections.c.source == source,
        protections.c.record_id.is_(None),
        protections.c.local_id == bindparam("local_ids", type_=ARRAY(Text)).any_(),
    )
    guards: dict[str, set[Guard]] = defaultdict(set)
    for row in await tx.execute(anchored, {"local_ids": list(records)}):
        guards[row.local_id].add(guard_of(row))
    near = await _find_near(tx, records, owner=owner, source=source)
    for local_id, rows in near.items():
        already = {guard.scheme for guard in guards[local_id]}
        guards[local_id] |= {
            Guard(row.protection_id, Protection(row.scheme), by_household=True)
            for row in rows
            if row.scheme not in already
        }
    found = {local_id: frozenset(one) for local_id, one in guards.items() if one}
    return Waiting(found, near, await _find_side_persons(tx, found.values()))


async def find_protections(tx: Transaction, person_id: UUID) -> list[AnyRow]:
    """Give the protections of a person, one row of each scheme, its own before one set for its household."""
    statement = (
        select(protections)
        .where(protections.c.person_id == person_id)
        .order_by(protections.c.scheme, protections.c.by_household.desc())
    )
    return list({row.scheme: row for row in await tx.execute(statement)}.values())


async def _find_near(
    tx: Transaction, records: Mapping[str, Prepared], *, owner: str, source: str
) -> dict[str, list[AnyRow]]:
    """Find the household-wide protections of people whom records share a home with, or are related to."""
    places = list(records)
    keys = [
        (digest, place)
        for place, local_id in enumerate(places)
        for digest in {
            relation_key(source, local_id),
            *(key.digest for key in records[local_id].keys if key.kind == "home"),
        }
    ]
    near: dict[str, list[AnyRow]] = defaultdict(list)
    found = await tx.execute(
        _NEAR, {"keys": [key for key, _ in keys], "places": [place for _, place in keys], "owner": owner}
    )
    for row in found:
        near[places[row.place]].append(row)
    related = {str(one["local_id"]) for record in records.values() for one in record.data.get("relationships", ())}
    if related:
        statement = select(protections).where(
            protections.c.owner == owner,
            protections.c.source == source,
            protections.c.household_wide,
            protections.c.local_id == bindparam("related", type_=ARRAY(Text)).any_(),
        )
        for row in await tx.execute(statement, {"related": list(related)}):
            for local_id, record in records.items():
                if relation_key(source, row.local_id) in {key.digest for key in record.keys if key.kind == "relation"}:
                    near[local_id].append(row)
    return {
        local_id: [row for row in rows if (row.source, row.local_id) != (source, local_id)]
        for local_id, rows in near.items()
    }


async def _find_side_persons(tx: Transaction, guards: Iterable[frozenset[Guard]]) -> frozenset[UUID]:
    wanted = frozenset(side for one in guards for side in sides(one))
    if not wanted:
        return frozenset()
    statement = select(protections.c.person_id).where(
        protections.c.protection_id == bindparam("sides", type_=ARRAY(Uuid)).any_(),
        protections.c.person_id.is_not(None),
    )
    return frozenset((await tx.execute(statement, {"sides": list(wanted)})).scalars())


async def read_protections(
    tx: Transaction, person_id: UUID, *, permit: Permit, at: datetime
) -> tuple[list[VisibleRecord], list[AnyRow]]:
    """Give an own person's records as the call knows them, and what protects it; raise `UnknownPerson`."""
    known = await find_own_records(tx, person_id, permit=permit, at=at)
    await tx.execute(_OPEN_OWN, {"owner": permit.org})
    return known, await find_protections(tx, known[0].person_id)
