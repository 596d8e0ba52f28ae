"""Anchors: for the other services' calls, the record and person that a subject named by the caller is.

An inner route: the gateway asks it before it makes a permit for another service, and passes it on to nobody.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from customer_index.problems import UnknownPerson, UnknownRecord
from customer_index.queries.anchors import anchor_of_person, anchor_of_record
from customer_index.queries.household import find_household
from customer_index.queries.people import find_visible_records
from customer_index.schemas import AnchorView, NewAnchor
from shared.categories import Action
from shared.dependencies import Db
from shared.guard import Now, permitted
from shared.openapi import answers
from shared.permit import Permit

router = APIRouter(prefix="/v1", tags=["People"])

MayAnchor = Annotated[Permit, Depends(permitted(Action.READ, Action.WRITE, Action.REFER))]


@router.post("/anchors", responses=answers(UnknownRecord, UnknownPerson))
async def post_anchor(wanted: NewAnchor, permit: MayAnchor, at: Now, database: Db) -> AnchorView:
    """Give the caller's own organisation's record of a subject, the person, and if asked who lives with it."""
    household: set[UUID] = set()
    async with database.transaction(permit.context()) as tx:
        if wanted.person_id is not None:
            found = await anchor_of_person(tx, wanted.person_id, permit=permit)
        else:
            found = await anchor_of_record(
                tx, source=wanted.source or "", local_id=wanted.local_id or "", permit=permit
            )
        if wanted.household:
            visible = await find_visible_records(tx, person_ids=[found.person_id], permit=permit, at=at)
            memberships, _ = await find_household(tx, visible, permit=permit, at=at)
            household = {one.person_id for one in memberships} - {found.person_id}
    return AnchorView(
        owner=permit.org,
        person_id=found.person_id,
        record_id=found.record_id,
        scope=found.scope,
        household=sorted(household),
    )
