"""Reviews as a steward may see them.

A review exists for a caller only as far as both of its sides do. What speaks for it is compared anew from what the
caller may see: a value that is withheld on either side, or a record of a scope that is not granted, says nothing here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from customer_index.decisions import Verdict
from customer_index.model import Model
from customer_index.placement import is_sufficient
from customer_index.problems import UnknownReview
from customer_index.queries.people import VisibleRecord, find_visible_records
from customer_index.scoring import Evidence, compare
from customer_index.stewardship import EvidenceRow, ReviewSide, ReviewStatus, ReviewView
from customer_index.tables import decisions, members, reviews, stewardship
from shared.categories import Category, Form
from shared.db import AnyRow, Transaction
from shared.permit import Permit

_BATCH = 200
"""Reviews looked at in one go: those the caller may not know of are passed over."""

Position = tuple[datetime, UUID]
"""Where a page ends: when its last review was raised, and its id."""


@dataclass(frozen=True, slots=True)
class ShownReview:
    """A review the caller may know of, and the records shown of its sides."""

    row: AnyRow
    records: Sequence[VisibleRecord]
    view: ReviewView


@dataclass(frozen=True, slots=True)
class _Side:
    owner: str
    person_id: UUID
    records: Sequence[VisibleRecord]

    def place(self) -> tuple[str, str, str]:
        """Order sides by what their sources call them: an id is random."""
        first = self.records[0].disclosed
        return self.owner, first.source, first.local_id


async def list_reviews(
    tx: Transaction,
    *,
    status: ReviewStatus,
    permit: Permit,
    model: Model,
    at: datetime,
    after: Position | None,
    limit: int,
) -> list[ShownReview]:
    """List reviews the caller may know of, in the order they were raised."""
    decided = (
        stewardship.c.stewardship_id.is_not(None) if status == "decided" else stewardship.c.stewardship_id.is_(None)
    )
    shown: list[ShownReview] = []
    while True:
        statement = _reviews(permit).where(decided).order_by(reviews.c.raised_at, reviews.c.review_id).limit(_BATCH)
        if after is not None:
            statement = statement.where(tuple_(reviews.c.raised_at, reviews.c.review_id) > tuple_(*after))
        rows = (await tx.execute(statement)).all()
        shown += await _shown(tx, rows, permit=permit, model=model, at=at)
        if len(rows) < _BATCH or len(shown) >= limit:
            return shown[:limit]
        after = (rows[-1].raised_at, rows[-1].review_id)


async def get_review(tx: Transaction, review_id: UUID, *, permit: Permit, model: Model, at: datetime) -> ShownReview:
    """Give a review; raise `UnknownReview` if there is none that the caller may know of."""
    rows = (await tx.execute(_reviews(permit).where(reviews.c.review_id == review_id))).all()
    shown = await _shown(tx, rows, permit=permit, model=model, at=at)
    if not shown:
        raise UnknownReview("There is no such review, or none that you may know of.")
    return shown[0]


def _reviews(permit: Permit) -> Any:
    """Select the reviews of the caller's organisation, each with the act by which it decided it, if it did."""
    acts = and_(
        stewardship.c.review_id == reviews.c.review_id,
        stewardship.c.owner == permit.org,
        stewardship.c.undone_at.is_(None),
    )
    return (
        select(reviews, stewardship.c.stewardship_id, stewardship.c.act)
        .outerjoin(stewardship, acts)
        .where(or_(reviews.c.first_owner == permit.org, reviews.c.second_owner == permit.org))
    )


async def _shown(
    tx: Transaction, rows: Sequence[AnyRow], *, permit: Permit, model: Model, at: datetime
) -> list[ShownReview]:
    decided = await _decided_records(tx, [row.stewardship_id for row in rows if row.stewardship_id is not None])
    person_of = await _persons_of(tx, {one for sides in decided.values() for side in sides.values() for one in side})
    person_ids = {one for row in rows if row.stewardship_id is None for one in (row.first_person, row.second_person)}
    visible = await find_visible_records(tx, person_ids=person_ids | set(person_of.values()), permit=permit, at=at)
    shown = []
    for row in rows:
        sides = [
            _Side(row.first_owner, row.first_person, _of_side(row, "first", visible=visible, decided=decided)),
            _Side(row.second_owner, row.second_person, _of_side(row, "second", visible=visible, decided=decided)),
        ]
        if all(side.records for side in sides):
            sides.sort(key=_Side.place)
            records = [record for side in sides for record in side.records]
            shown.append(ShownReview(row, records, _view(row, sides, model=model)))
    return shown


def _of_side(
    row: AnyRow,
    side: str,
    *,
    visible: Sequence[VisibleRecord],
    decided: Mapping[UUID, Mapping[str, set[UUID]]],
) -> list[VisibleRecord]:
    if row.stewardship_id is None:
        person_id = row.first_person if side == "first" else row.second_person
        return [record for record in visible if record.person_id == person_id]
    named = decided.get(row.stewardship_id, {}).get(side, set())
    return [record for record in visible if record.record_id in named]


async def _decided_records(tx: Transaction, acts: Collection[UUID]) -> Mapping[UUID, Mapping[str, set[UUID]]]:
    """Give the records on each side of some decisions: what was decided stays what it was, whoever has them now."""
    if not acts:
        return {}
    statement = select(decisions.c.stewardship_id, decisions.c.side, decisions.c.record_id).where(
        decisions.c.stewardship_id == bindparam("acts", type_=ARRAY(Uuid)).any_()
    )
    found: dict[UUID, dict[str, set[UUID]]] = {}
    for act, side, record_id in await tx.execute(statement, {"acts": list(acts)}):
        found.setdefault(act, {}).setdefault(side, set()).add(record_id)
    return found


async def _persons_of(tx: Transaction, record_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    if not record_ids:
        return {}
    statement = select(members.c.record_id, members.c.person_id).where(
        members.c.record_id == bindparam("records", type_=ARRAY(Uuid)).any_()
    )
    return {row.record_id: row.person_id for row in await tx.execute(statement, {"records": list(record_ids)})}


def _view(row: AnyRow, sides: Sequence[_Side], *, model: Model) -> ReviewView:
    waterfall = [
        EvidenceRow(comparison=found.comparison, level=found.level, weight=round(found.weight, 2))
        for found in _evidence(*(side.records for side in sides), model=model)
    ]
    return ReviewView(
        review_id=row.review_id,
        kind=row.kind,
        status="open" if row.stewardship_id is None else "decided",
        raised_at=row.raised_at,
        sides=[
            ReviewSide(owner=side.owner, person_id=side.person_id, records=[record.view() for record in side.records])
            for side in sides
        ],
        waterfall=waterfall,
        total=round(sum(found.weight for found in waterfall), 2),
        decision=None if row.act is None else Verdict(row.act),
        stewardship_id=row.stewardship_id,
    )


def _evidence(firsts: Sequence[VisibleRecord], seconds: Sequence[VisibleRecord], *, model: Model) -> Sequence[Evidence]:
    """Compare two sides on what is granted of both, and give the waterfall of their best pair."""
    compared = [
        compare(one.features, other.features, model=model, categories=_values(one) & _values(other))
        for one, other in product(firsts, seconds)
    ]
    return max(compared, key=lambda found: (is_sufficient(found, model=model), found.total)).waterfall


def _values(record: VisibleRecord) -> frozenset[Category]:
    return frozenset(category for category, form in record.granted.items() if form is Form.VALUE)
