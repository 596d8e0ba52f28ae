"""The referrals of a person, for the single customer view."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from referrals.queries.referrals import find_of_persons
from referrals.rights import context_of
from referrals.schemas.referrals import PersonReferrals
from shared.categories import Action
from shared.dependencies import Db
from shared.guard import permitted
from shared.permit import DISCLOSED_HEADER, Permit
from shared.problems import PermitRefused

router = APIRouter(prefix="/v1/people", tags=["People"])


@router.get("/{person_id}/referrals")
async def get_person_referrals(
    person_id: UUID, permit: Annotated[Permit, Depends(permitted(Action.READ))], database: Db, response: Response
) -> PersonReferrals:
    """Give the referrals of the persons the permit is about, of whom this is one."""
    if person_id not in {anchor.person_id for anchor in permit.about}:
        raise PermitRefused
    async with database.transaction(context_of(permit)) as tx:
        items, account = await find_of_persons(tx, permit.about, permit=permit)
    response.headers[DISCLOSED_HEADER] = account.header()
    return PersonReferrals(items=items)
