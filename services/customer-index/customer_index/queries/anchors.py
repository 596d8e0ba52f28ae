"""Which record a change in another service is anchored on, and whom it belongs to."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from customer_index.problems import UnknownPerson, UnknownRecord
from customer_index.queries.people import get_person
from customer_index.tables import members, records, sources
from shared.db import Transaction
from shared.permit import Permit


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """A record of the caller's own organisation and the person it belongs to."""

    record_id: UUID
    person_id: UUID
    version: int
    scope: str


async def anchor_of_record(tx: Transaction, *, source: str, local_id: str, permit: Permit) -> AnchorRecord:
    """Give a record by the name its source has for it; raise `UnknownRecord`."""
    statement = _own(permit).where(records.c.source == source, records.c.local_id == local_id)
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise UnknownRecord("This source has no such record, or none that you may know of.")
    return AnchorRecord(*row)


async def anchor_of_person(tx: Transaction, person_id: UUID, *, permit: Permit) -> AnchorRecord:
    """Give a person's record of the most trusted source, of several the one asserted last; raise `UnknownPerson`.

    A person that was merged away is the one it lives on as.
    """
    _, merged_into = await get_person(tx, person_id)
    statement = (
        _own(permit)
        .outerjoin(sources, (sources.c.owner == records.c.owner) & (sources.c.source == records.c.source))
        .where(members.c.person_id == (merged_into or person_id))
        .order_by(func.coalesce(sources.c.trust, 0).desc(), records.c.asserted_at.desc(), records.c.record_id)
        .limit(1)
    )
    row = (await tx.execute(statement)).one_or_none()
    if row is None:
        raise UnknownPerson("There is no such person, or none that you may know of.")
    return AnchorRecord(*row)


def _own(permit: Permit) -> Any:
    return (
        select(records.c.record_id, members.c.person_id, records.c.version, records.c.scope)
        .join(members, members.c.record_id == records.c.record_id)
        .where(records.c.owner == permit.org)
    )
