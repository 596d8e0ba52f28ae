"""Who shares a household with a person, as far as a call may see."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from customer_index.household import HouseholdRecord, Membership, home_digests, memberships, relation_key
from customer_index.queries.people import VisibleRecord, find_visible_records
from customer_index.tables import block_keys, members, records
from shared.categories import Category, Form
from shared.db import Transaction
from shared.permit import Permit

_MOST_PEOPLE = 200
"""Records looked at in one home; more is a communal establishment, not a household."""

_BY_KEY = (
    select(members.c.person_id)
    .join(block_keys, block_keys.c.record_id == members.c.record_id)
    .where(block_keys.c.key == bindparam("keys", type_=ARRAY(BigInteger)).any_())
    .where(block_keys.c.owner == bindparam("owners", type_=ARRAY(Text)).any_())
    .limit(_MOST_PEOPLE)
)


async def find_household(
    tx: Transaction, visible: Sequence[VisibleRecord], *, permit: Permit, at: datetime
) -> tuple[list[Membership], list[VisibleRecord]]:
    """Give the memberships around a person, and the records of others that they rest on.

    `visible` are the person's records. Only records of scopes that grant `household` as a value count, on both sides,
    and only records of owners the person is known to; whether one of them protects it makes no difference to that, or
    the others' absence would tell.
    """
    asserting = [_household_record(record) for record in visible if _grants_household(record)]
    if not asserting:
        return [], []
    owners = {record.disclosed.owner for record in visible if _is_granted(permit.grants.get(record.scope, {}))}
    own = {record.person_id for record in visible}
    found_near = await _find_nearby(tx, asserting, owners=owners)
    nearby = await find_visible_records(tx, person_ids=found_near - own, permit=permit, at=at)
    others = [record for record in nearby if _grants_household(record)]
    found = memberships(asserting, map(_household_record, others))
    seen = {membership.person_id for membership in found}
    return found, [record for record in others if record.person_id in seen]


async def _find_nearby(tx: Transaction, asserting: Sequence[HouseholdRecord], *, owners: Collection[str]) -> set[UUID]:
    keys = {digest for record in asserting for digest in home_digests(record)}
    keys |= {relation_key(record.source, record.local_id) for record in asserting}
    found = set((await tx.execute(_BY_KEY, {"keys": list(keys), "owners": list(owners)})).scalars())
    return found | await _find_related(tx, asserting)


async def _find_related(tx: Transaction, asserting: Collection[HouseholdRecord]) -> set[UUID]:
    """Find the persons of records that are named as related; one that is not known yet is waited for."""
    related: set[UUID] = set()
    for record in asserting:
        local_ids = [str(one["local_id"]) for one in record.relationships]
        if local_ids:
            statement = (
                select(members.c.person_id)
                .join(records, records.c.record_id == members.c.record_id)
                .where(records.c.owner == record.owner, records.c.source == record.source)
                .where(records.c.local_id == bindparam("local_ids", type_=ARRAY(Text)).any_())
            )
            related.update((await tx.execute(statement, {"local_ids": local_ids})).scalars())
    return related


def _grants_household(record: VisibleRecord) -> bool:
    return _is_granted(record.granted)


def _is_granted(granted: Mapping[Category, Form]) -> bool:
    return granted.get(Category.HOUSEHOLD) is Form.VALUE


def _household_record(record: VisibleRecord) -> HouseholdRecord:
    return HouseholdRecord(
        record_id=record.record_id,
        person_id=record.person_id,
        owner=record.disclosed.owner,
        source=record.disclosed.source,
        local_id=record.disclosed.local_id,
        features=record.features,
        relationships=record.data.get("relationships", ()),
    )
