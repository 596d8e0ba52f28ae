"""Merging and splitting persons of the own organisation, and taking back what a steward did."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Response

from customer_index.api.reviews import MaySteward
from customer_index.api.state import MatchingModel
from customer_index.commands.acts import Acting, Done
from customer_index.commands.stewardship import merge_persons, split_person
from customer_index.commands.undo import undo
from customer_index.problems import AlreadyUndone, KeptApartBySeal, PersonsChanged, UndoBlocked
from customer_index.queries.people import VisibleRecord, account_for_change
from customer_index.stewardship import NewMerge, NewSplit, PersonRecords, Stewarded
from shared.dependencies import Db
from shared.guard import Now
from shared.openapi import answers
from shared.permit import DISCLOSED_HEADER

router = APIRouter(prefix="/v1", tags=["Stewardship"])


@router.post("/people/{person_id}/merge", responses=answers(KeptApartBySeal, PersonsChanged))
async def post_merge(
    person_id: UUID,
    merge: NewMerge,
    permit: MaySteward,
    at: Now,
    database: Db,
    model: MatchingModel,
    response: Response,
) -> Stewarded:
    """Make one person of two of the own organisation; the older lives on and the other id leads to it."""
    by = Acting(permit=permit, at=at, reason=merge.reason)
    async with database.transaction(permit.context()) as tx:
        done = await merge_persons(tx, person_id, other=merge.other, by=by, model=model)
    return _answer(response, done)


@router.post("/people/{person_id}/split", responses=answers(KeptApartBySeal, PersonsChanged))
async def post_split(
    person_id: UUID,
    split: NewSplit,
    permit: MaySteward,
    at: Now,
    database: Db,
    model: MatchingModel,
    response: Response,
) -> Stewarded:
    """Make a person of its own of some records of a person."""
    by = Acting(permit=permit, at=at, reason=split.reason)
    async with database.transaction(permit.context()) as tx:
        done = await split_person(tx, person_id, records=split.records, by=by, model=model)
    return _answer(response, done)


@router.post("/stewardship/{stewardship_id}/undo", responses=answers(AlreadyUndone, KeptApartBySeal, UndoBlocked))
async def post_undo(
    stewardship_id: UUID, permit: MaySteward, at: Now, database: Db, model: MatchingModel, response: Response
) -> Stewarded:
    """Take back a merge, a split or a decision; `before` and `after` are those of the undoing."""
    by = Acting(permit=permit, at=at, reason="")
    async with database.transaction(permit.context()) as tx:
        done = await undo(tx, stewardship_id, by=by, model=model)
    return _answer(response, done)


def _answer(response: Response, done: Done) -> Stewarded:
    """Answer with what was done; the account names the records, of which nothing but their ids leaves."""
    response.headers[DISCLOSED_HEADER] = account_for_change(done.records).header()
    return Stewarded(
        stewardship_id=done.stewardship_id,
        before=[_in_order(one, done.records) for one in done.before],
        after=[_in_order(one, done.records) for one in done.after],
    )


def _in_order(person: PersonRecords, shown: Sequence[VisibleRecord]) -> PersonRecords:
    """List records as their sources order them: their ids are random."""
    by_name = sorted(shown, key=lambda record: (record.disclosed.source, record.disclosed.local_id))
    place = {record.record_id: number for number, record in enumerate(by_name)}
    records = sorted(person.records, key=lambda record_id: (place.get(record_id, len(place)), record_id))
    return PersonRecords(person_id=person.person_id, records=records)
