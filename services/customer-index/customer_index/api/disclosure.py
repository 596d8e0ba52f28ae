"""What may be handed over with a referral: the values of a person's records, each with the cell that lets it out.

An inner route: the gateway asks it with a permit cut down to what a clause grants, and freezes the answer.
"""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from customer_index.fields import FIELDS
from customer_index.golden import surviving_fields
from customer_index.queries.people import account_for, find_visible_records, get_person
from customer_index.schemas import DisclosedEntry, Disclosure
from shared.categories import Action
from shared.dependencies import Db
from shared.guard import Now, permitted
from shared.permit import DISCLOSED_HEADER, Permit

router = APIRouter(prefix="/v1/people", tags=["People"])

MayRefer = Annotated[Permit, Depends(permitted(Action.REFER))]


@router.get("/{person_id}/disclosure")
async def get_disclosure(person_id: UUID, permit: MayRefer, at: Now, database: Db, response: Response) -> Disclosure:
    """Give the values that survive from the records a permit opens; of a person's own, never of a linked one's.

    They leave the organisation, so that nothing protected is among them, whoever asks.
    """
    async with database.transaction(permit.context()) as tx:
        await get_person(tx, person_id)
        leaving = replace(permit, org="", cleared=())
        visible = await find_visible_records(tx, person_ids=[person_id], permit=leaving, at=at)
    response.headers[DISCLOSED_HEADER] = account_for(visible).header()
    survivors = surviving_fields([record.disclosed for record in visible])
    return Disclosure(
        entries=[
            DisclosedEntry(
                field=name,
                category=FIELDS[name],
                scope=visible[index].scope,
                form=visible[index].granted[FIELDS[name]],
                value=visible[index].disclosed.fields[name],
            )
            for index, name in survivors
        ]
    )
