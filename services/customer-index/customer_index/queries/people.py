"""What a call may see of people: one person whole, and searches."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import bindparam, exists, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from customer_index.fields import FIELDS, bands
from customer_index.golden import DisclosedRecord
from customer_index.normalise import Features
from customer_index.problems import UnknownPerson
from customer_index.protection import effective_grants, uncleared
from customer_index.tables import links, members, persons, records, sources
from shared.categories import Category, Form, Scope, disclose, split_scope
from shared.db import Transaction
from shared.guard import Disclosed
from shared.permit import Linkage, Permit

_MOMENT = TypeAdapter(datetime)

_PERSON = select(persons.c.owner, persons.c.merged_into).where(
    persons.c.person_id == bindparam("person_id"),
    exists().where(members.c.person_id == func.coalesce(persons.c.merged_into, persons.c.person_id)),
)
_LINKS = select(links).where(
    or_(links.c.first_person == bindparam("person_id"), links.c.second_person == bindparam("person_id"))
)
_VISIBLE = (
    select(records, members.c.person_id, members.c.features, members.c.schemes, sources.c.trust)
    .join(members, members.c.record_id == records.c.record_id)
    .outerjoin(sources, (sources.c.owner == records.c.owner) & (sources.c.source == records.c.source))
    .order_by(records.c.owner, records.c.source, records.c.local_id)
)
_OF_PERSONS = _VISIBLE.where(members.c.person_id == bindparam("persons", type_=ARRAY(Uuid)).any_())


@dataclass(frozen=True, slots=True)
class VisibleRecord:
    """A record of a scope the call may see, and what of it was disclosed.

    `granted` is what is left of the permit's grants where the person is protected; `is_protected` tells that it is, to
    its own organisation alone.
    """

    record_id: UUID
    person_id: UUID
    version: int
    scope: Scope
    granted: Mapping[Category, Form]
    is_protected: bool
    features: Features
    data: Mapping[str, Any]
    warnings: Sequence[Mapping[str, str]]
    disclosed: DisclosedRecord

    def view(self) -> dict[str, Any]:
        """Give the record as it appears in a single customer view."""
        owner, service_area = split_scope(self.scope)
        return {
            "record_id": self.record_id,
            "owner": owner,
            "source": self.disclosed.source,
            "service_area": service_area,
            "local_id": self.disclosed.local_id,
            **self.protected(),
            **self.disclosed.fields,
        }

    def protected(self) -> dict[str, bool]:
        """Give the sign by which the own organisation knows not to pass on what it may see."""
        return {"protected": True} if self.is_protected else {}


@dataclass(frozen=True, slots=True)
class LinkedPerson:
    """Another owner's person on the other end of a link."""

    owner: str
    person_id: UUID
    kind: str
    probability: float


async def get_person(tx: Transaction, person_id: UUID) -> tuple[str, UUID | None]:
    """Give a person's owner and, if it was merged away, the survivor; raise `UnknownPerson`.

    Nobody is known but by a record that the call may know of, whatever else opens the person's row.
    """
    row = (await tx.execute(_PERSON, {"person_id": person_id})).one_or_none()
    if row is None:
        raise UnknownPerson("There is no such person, or none that you may know of.")
    return row.owner, row.merged_into


async def find_own_records(tx: Transaction, person_id: UUID, *, permit: Permit, at: datetime) -> list[VisibleRecord]:
    """Give the records of a person of the call's own organisation, or of whom it lives on as; raise `UnknownPerson`."""
    owner, merged_into = await get_person(tx, person_id)
    known = await find_visible_records(tx, person_ids=[merged_into or person_id], permit=permit, at=at)
    if owner != permit.org or not known:
        raise UnknownPerson("There is no such person, or none that you may know of.")
    return known


async def find_former_ids(tx: Transaction, person_id: UUID) -> Sequence[UUID]:
    """Give the ids of persons that were merged into this one."""
    statement = select(persons.c.person_id).where(persons.c.merged_into == person_id).order_by(persons.c.person_id)
    return (await tx.execute(statement)).scalars().all()


async def find_links(tx: Transaction, person_id: UUID, *, linkages: Collection[Linkage]) -> list[LinkedPerson]:
    """Give the persons linked with this one by owners who link now, in the areas they open today."""
    open_areas = {(one.first, one.second): (one.first_areas, one.second_areas) for one in linkages}
    found = []
    for row in await tx.execute(_LINKS, {"person_id": person_id}):
        firsts, seconds = open_areas.get((row.first_owner, row.second_owner), (frozenset(), frozenset()))
        if firsts.isdisjoint(row.first_areas) or seconds.isdisjoint(row.second_areas):
            continue
        is_first = row.first_person == person_id
        owner, other = (row.second_owner, row.second_person) if is_first else (row.first_owner, row.first_person)
        found.append(LinkedPerson(owner, other, row.kind, row.probability))
    return sorted(found, key=lambda one: (one.owner, one.person_id))


async def find_visible_records(
    tx: Transaction, *, person_ids: Collection[UUID], permit: Permit, at: datetime
) -> list[VisibleRecord]:
    """Give the records of some persons that the permit opens, disclosed as far as it grants and protection allows."""
    rows = await tx.execute(_OF_PERSONS, {"persons": list(person_ids)})
    visible = [_disclosed(row, permit=permit, at=at) for row in rows]
    shown = [record for record in visible if Category.EXISTENCE in record.granted]
    return await _without_closed_relations(tx, shown, permit=permit, at=at)


async def find_record(
    tx: Transaction, *, source: str, local_id: str, permit: Permit, at: datetime
) -> VisibleRecord | None:
    """Give one record of the caller's own organisation, as far as the permit opens it."""
    statement = _VISIBLE.where(
        records.c.owner == permit.org, records.c.source == source, records.c.local_id == local_id
    )
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        return None
    (record,) = await _without_closed_relations(tx, [_disclosed(row, permit=permit, at=at)], permit=permit, at=at)
    return record


async def _without_closed_relations(
    tx: Transaction, visible: Sequence[VisibleRecord], *, permit: Permit, at: datetime
) -> list[VisibleRecord]:
    """Take out relationships to people whose household is kept from the call: they would say with whom these live.

    Of another owner's records only those to people the call may know are left, for one to nobody could be one to
    somebody sealed.
    """
    wanted = {name for record in visible for name in _related(record)}
    if not wanted:
        return list(visible)
    named = tuple_(records.c.owner, records.c.source, records.c.local_id).in_(wanted)
    rows = await tx.execute(_VISIBLE.where(named))
    known = {(row.owner, row.source, row.local_id): _disclosed(row, permit=permit, at=at) for row in rows}
    closed = {name for name, record in known.items() if Category.HOUSEHOLD not in record.granted}
    closed |= {name for name in wanted - known.keys() if name[0] != permit.org}
    return [_without_relations(record, to=closed) for record in visible]


def _related(record: VisibleRecord) -> list[tuple[str, str, str]]:
    """Name the records that a record discloses to be related to."""
    told = record.disclosed.fields.get("relationships")
    names = [one["local_id"] for one in told] if isinstance(told, list) else []
    return [(record.disclosed.owner, record.disclosed.source, local_id) for local_id in names]


def _without_relations(record: VisibleRecord, *, to: Set[tuple[str, str, str]]) -> VisibleRecord:
    names = _related(record)
    if to.isdisjoint(names):
        return record
    fields = dict(record.disclosed.fields)
    told = fields.pop("relationships")
    if left := [one for one, name in zip(told, names, strict=True) if name not in to]:
        fields["relationships"] = left
    return replace(record, disclosed=replace(record.disclosed, fields=fields))


def by_person(visible: Collection[VisibleRecord]) -> dict[UUID, list[VisibleRecord]]:
    """Group records by the person they belong to."""
    grouped: dict[UUID, list[VisibleRecord]] = defaultdict(list)
    for record in visible:
        grouped[record.person_id].append(record)
    return grouped


def account_for(visible: Collection[VisibleRecord]) -> Disclosed:
    """Make the account of records that leave with an answer."""
    return _account(
        (record, {Category.EXISTENCE, *(FIELDS[name] for name in record.disclosed.fields)}) for record in visible
    )


def account_for_change(concerned: Collection[VisibleRecord]) -> Disclosed:
    """Make the account of a change: it names the records concerned, of which nothing leaves."""
    return _account((record, ()) for record in concerned)


def _account(noted: Iterable[tuple[VisibleRecord, Collection[Category]]]) -> Disclosed:
    account = Disclosed()
    for record, categories in noted:
        account.note(
            person_id=record.person_id,
            owner=record.disclosed.owner,
            record_id=record.record_id,
            version=record.version,
            scope=record.scope,
            categories=categories,
        )
    return account


def _disclosed(row: Any, *, permit: Permit, at: datetime) -> VisibleRecord:
    scope = Scope(row.scope)
    is_own = row.owner == permit.org
    closed = uncleared(row.schemes, owner=row.owner, cleared=permit.cleared)
    granted = effective_grants(permit.grants.get(scope, {}), closed=closed, is_own=is_own)
    fields = disclose(row.data, fields=FIELDS, granted=granted, bands=bands(at.date()))
    observed = row.data.get("observed_at")
    return VisibleRecord(
        record_id=row.record_id,
        person_id=row.person_id,
        version=row.version,
        scope=scope,
        granted=granted,
        is_protected=is_own and bool(row.schemes),
        features=Features.from_json(row.features),
        data=row.data,
        warnings=row.warnings,
        disclosed=DisclosedRecord(
            owner=row.owner,
            source=row.source,
            local_id=row.local_id,
            trust=row.trust or 0,
            observed_at=_MOMENT.validate_python(observed) if observed else row.asserted_at,
            verification=row.data.get("verification", {}),
            fields=fields,
            doubted=frozenset(one["pointer"] for one in row.warnings),
        ),
    )
