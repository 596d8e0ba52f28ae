"""Asserting and withdrawing source records.

One record from the API and a hundred from a load take the same path to the same result.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as upsert

from customer_index.blocking import MATCHING_KINDS
from customer_index.clustering import MEETING_KINDS, Clustering
from customer_index.commands.clusters import are_current, save_memberships, save_persons
from customer_index.commands.decisions import remember_decided
from customer_index.commands.guards import anchor_asserted, carry_on
from customer_index.commands.record_rows import save_records
from customer_index.model import Model
from customer_index.persons import Placed
from customer_index.preparation import Assertion, Prepared
from customer_index.problems import UnknownRecord
from customer_index.queries.neighbours import (
    Recorded,
    find_keys,
    find_neighbours,
    find_records,
    lock_keys,
    lock_of,
    lock_owner,
)
from customer_index.queries.protections import NOTHING_WAITS, find_waiting_guards
from customer_index.schemas import Warned
from customer_index.tables import records, sources
from shared.db import AnyRow, Transaction
from shared.preconditions import accept_match
from shared.problems import Unavailable

_ATTEMPTS = 5
"""How often a decision is made again because a person changed meanwhile, before the caller is asked to."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an assertion."""

    record_id: UUID
    version: int
    person_id: UUID
    outcome: str
    warnings: tuple[Warned, ...]


async def assert_record(
    tx: Transaction, record: Prepared, *, by: Assertion, model: Model, if_match: str | None = None
) -> Taken:
    """Take over what a source says of one customer, beside others who do so at the same time.

    Raises `VersionChanged` if `if_match` names a version and the record is at another.
    """
    matching = {key.digest for key in record.keys if key.kind in MATCHING_KINDS}
    await lock_keys(tx, by.owner, keys={lock_of(by.source.source, record.local_id), *matching})
    await _accept_match(tx, record.local_id, by=by, if_match=if_match)
    return (await _assert(tx, [record], by=by, model=model))[0]


async def assert_records(tx: Transaction, batch: Sequence[Prepared], *, by: Assertion, model: Model) -> list[Taken]:
    """Take over part of an extract, alone among the owner's writers; local ids do not repeat in a batch."""
    await lock_owner(tx, by.owner)
    return await _assert(tx, batch, by=by, model=model)


async def withdraw_record(
    tx: Transaction, local_id: str, *, by: Assertion, model: Model, if_match: str | None = None
) -> AnyRow:
    """Delete a record and derive its person anew from what remains; give the record as it was.

    Raises `UnknownRecord`, or `VersionChanged` if `if_match` names a version and the record is at another.
    """
    await lock_keys(tx, by.owner, keys={lock_of(by.source.source, local_id)})
    await _accept_match(tx, local_id, by=by, if_match=if_match)
    for _ in range(_ATTEMPTS):
        found = await find_records(tx, owner=by.owner, source=by.source.source, local_ids=[local_id])
        if local_id not in found.known:
            raise UnknownRecord("This source has no such record.")
        record = found.known[local_id]
        neighbours = await find_neighbours(tx, owner=by.owner, keys=(), person_ids=[record.person_id])
        if not neighbours.have([record.record_id]):
            continue
        clustering = Clustering(neighbours, model=model)
        clustering.withdraw(record.record_id)
        changes = clustering.finish()
        if await are_current(tx, changes.loaded_versions):
            if changes.is_guarded:
                await carry_on(tx, record.record_id, owner=by.owner)
            await tx.execute(delete(records).where(records.c.record_id == record.record_id))
            await remember_decided(tx, record.record_id, source=by.source.source, local_id=local_id)
            await save_persons(tx, changes, owner=by.owner)
            await save_memberships(tx, changes, entered=frozenset(), owner=by.owner, model=model, txn=by.txn, at=by.at)
            return record
    raise Unavailable("The person changed at the same time; try again.", headers={"Retry-After": "1"})


async def _accept_match(tx: Transaction, local_id: str, *, by: Assertion, if_match: str | None) -> None:
    if if_match is not None:
        found = await find_records(tx, owner=by.owner, source=by.source.source, local_ids=[local_id])
        accept_match(if_match, version=found.known[local_id].version if local_id in found.known else None)


async def _assert(tx: Transaction, batch: Sequence[Prepared], *, by: Assertion, model: Model) -> list[Taken]:
    for _ in range(_ATTEMPTS):
        found = await find_records(
            tx, owner=by.owner, source=by.source.source, local_ids=[record.local_id for record in batch]
        )
        known = found.known
        news = [one for one in batch if one.local_id not in known or known[one.local_id].digest != one.digest]
        taken = await _take_in(tx, news, found=found, by=by, model=model)
        if taken is not None:
            return [_outcome(one, taken.get(one.local_id), known.get(one.local_id)) for one in batch]
    raise Unavailable("The person changed at the same time; try again.", headers={"Retry-After": "1"})


async def _take_in(
    tx: Transaction, news: Sequence[Prepared], *, found: Recorded, by: Assertion, model: Model
) -> dict[str, tuple[UUID, Placed]] | None:
    """Place what is new or changed and save it; None if a person changed between looking and locking."""
    if not news:
        return {}
    corrected = {one.local_id: found.known[one.local_id] for one in news if one.local_id in found.known}
    waiting = NOTHING_WAITS
    if found.is_guarded:
        waiting = await find_waiting_guards(tx, news, owner=by.owner, source=by.source.source)
    former_keys = await find_keys(tx, [row.record_id for row in corrected.values()]) if corrected else {}
    neighbours = await find_neighbours(
        tx,
        owner=by.owner,
        keys={key.digest for one in news for key in one.keys if key.kind in MEETING_KINDS},
        person_ids=[*(row.person_id for row in corrected.values()), *waiting.side_persons],
        returning=found.returning.values(),
    )
    if not neighbours.have(row.record_id for row in corrected.values()):
        return None
    clustering = Clustering(neighbours, model=model)
    for local_id, known in corrected.items():
        clustering.guard(known.record_id, waiting.of(local_id))
    taken: dict[str, tuple[UUID, Placed]] = {}
    for one in news:
        row = corrected.get(one.local_id)
        if row is None:
            record_id = found.returning.get(one.local_id) or uuid4()
            clustering.guard(record_id, waiting.of(one.local_id))
            placed = clustering.add(record_id, one.features, keys=one.keys)
        else:
            record_id = row.record_id
            placed = clustering.correct(
                record_id, one.features, keys=one.keys, former_keys=former_keys.get(record_id, ())
            )
        taken[one.local_id] = (record_id, placed)
    changes = clustering.finish()
    if not await are_current(tx, changes.loaded_versions):
        return None
    await save_persons(tx, changes, owner=by.owner)
    await save_records(tx, news, taken=taken, corrected=corrected, belongs=changes.belongs, by=by)
    if waiting.guards:
        asserted = {local_id: record_id for local_id, (record_id, _) in taken.items()}
        await anchor_asserted(tx, waiting, records=asserted, by=by)
    entered = frozenset(record_id for record_id, _ in taken.values())
    await save_memberships(tx, changes, entered=entered, owner=by.owner, model=model, txn=by.txn, at=by.at)
    return taken


def _outcome(one: Prepared, placed: tuple[UUID, Placed] | None, known: AnyRow | None) -> Taken:
    version = 0 if known is None else known.version
    if placed is not None:
        record_id, place = placed
        return Taken(record_id, version + 1, place.person_id, place.outcome, one.warnings)
    if known is None:
        raise LookupError("a record is either taken in or known unchanged")
    return Taken(known.record_id, version, known.person_id, "unchanged", one.warnings)


async def know_source(tx: Transaction, by: Assertion) -> None:
    """Enter the source in this service's copy of the register if its event has not arrived yet."""
    facts = {"owner": by.owner, **asdict(by.source)}
    await tx.execute(upsert(sources).values(facts).on_conflict_do_nothing())
