"""Protection of people, and who does not exist for a worker.

`POST /v1/hidden` is an inner route: the gateway asks it for a worker who may not know of somebody, before any other
service is asked, and passes it on to nobody.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from customer_index.api.records import MayRead
from customer_index.api.state import MatchingModel
from customer_index.commands.protection import NewTerms, protect_person, unprotect_person
from customer_index.queries.hidden import find_hidden_records
from customer_index.queries.people import VisibleRecord, account_for_change
from customer_index.queries.protections import read_protections
from customer_index.schemas_of_protection import (
    HiddenRecords,
    NewHidden,
    NewProtection,
    ProtectedPerson,
    ProtectionView,
)
from shared.categories import Action, Protection
from shared.db import AnyRow
from shared.dependencies import Db
from shared.guard import Now, permitted
from shared.permit import DISCLOSED_HEADER, Permit
from shared.problems import FieldError, InvalidRequest

router = APIRouter(prefix="/v1", tags=["People"])

MaySteward = Annotated[Permit, Depends(permitted(Action.STEWARD))]


@router.put("/people/{person_id}/protection")
async def put_protection(
    person_id: UUID, wanted: NewProtection, permit: MaySteward, at: Now, database: Db, response: Response
) -> ProtectedPerson:
    """Protect a person of the caller's own organisation; what the same scheme said before is replaced."""
    _require_to_come(wanted, at=at)
    terms = NewTerms(wanted.scheme, wanted.until, wanted.review_on, wanted.household_wide)
    async with database.transaction(permit.context()) as tx:
        known, rows = await protect_person(tx, person_id, terms, permit=permit, at=at)
    response.headers[DISCLOSED_HEADER] = account_for_change(known).header()
    return _view(known, rows)


@router.get("/people/{person_id}/protection")
async def get_protection(
    person_id: UUID, permit: MayRead, at: Now, database: Db, response: Response
) -> ProtectedPerson:
    """Tell what protects a person of the caller's own organisation, and until when."""
    async with database.transaction(permit.context()) as tx:
        known, rows = await read_protections(tx, person_id, permit=permit, at=at)
    response.headers[DISCLOSED_HEADER] = account_for_change(known).header()
    return _view(known, rows)


@router.delete("/people/{person_id}/protection", status_code=204)
async def delete_protection(
    person_id: UUID,
    permit: MaySteward,
    at: Now,
    database: Db,
    model: MatchingModel,
    scheme: Protection | None = None,
) -> Response:
    """Lift a protection of a person, or all of them."""
    async with database.transaction(permit.context()) as tx:
        known = await unprotect_person(tx, person_id, scheme=scheme, permit=permit, model=model, at=at)
    return Response(status_code=204, headers={DISCLOSED_HEADER: account_for_change(known).header()})


@router.post("/hidden")
async def post_hidden(wanted: NewHidden, permit: MayRead, database: Db) -> HiddenRecords:
    """Give all records of people who do not exist for a worker, and of those linked with them."""
    async with database.transaction(permit.context()) as tx:
        found = await find_hidden_records(tx, wanted.records, permit=permit)
    return HiddenRecords(records=sorted(found))


def _view(known: Sequence[VisibleRecord], rows: Sequence[AnyRow]) -> ProtectedPerson:
    return ProtectedPerson(
        person_id=known[0].person_id,
        protections=[
            ProtectionView(
                scheme=Protection(row.scheme),
                until=row.until,
                review_on=row.review_on,
                household_wide=row.household_wide,
            )
            for row in rows
        ],
    )


def _require_to_come(wanted: NewProtection, *, at: datetime) -> None:
    if wanted.until is not None and wanted.until < at.date():
        raise InvalidRequest("Some fields are not valid.", errors=[FieldError("/until", "must not be in the past")])
