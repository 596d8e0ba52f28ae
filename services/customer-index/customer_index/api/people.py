"""People: search, one person, household, and whether a person may be known at all."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse

from customer_index.api.records import MayRead
from customer_index.api.state import MatchingModel
from customer_index.golden import golden_view
from customer_index.household import Membership
from customer_index.queries.household import find_household
from customer_index.queries.people import (
    VisibleRecord,
    account_for,
    find_former_ids,
    find_links,
    find_visible_records,
    get_person,
)
from customer_index.queries.search import search_people
from customer_index.schemas import Household, HouseholdMember, KnownPerson, Linked, NewSearch, PersonView, SearchResult
from shared.categories import Action, Category, Form
from shared.dependencies import Db
from shared.guard import Now, permitted
from shared.permit import DISCLOSED_HEADER, Permit

router = APIRouter(prefix="/v1/people", tags=["People"])

MaySearch = Annotated[Permit, Depends(permitted(Action.SEARCH))]
MERGED: Final[dict[int | str, dict[str, Any]]] = {308: {"description": "merged into another person"}}
Include = Annotated[str | None, Query(max_length=100, description="sections wanted, separated by commas")]


@router.post("/search")
async def search(
    wanted: NewSearch, permit: MaySearch, at: Now, database: Db, model: MatchingModel, response: Response
) -> SearchResult:
    """Find the likeliest persons, own and others', by what is known of somebody."""
    async with database.transaction(permit.context()) as tx:
        hits = await search_people(tx, wanted, permit=permit, model=model, at=at)
    response.headers[DISCLOSED_HEADER] = account_for([record for hit in hits for record in hit.records]).header()
    return SearchResult(items=[hit.found for hit in hits])


@router.get("/{person_id}", response_model=PersonView, responses=MERGED)
async def get_person_view(
    person_id: UUID, permit: MayRead, at: Now, database: Db, response: Response, include: Include = None
) -> PersonView | Response:
    """Give the index's part of the single customer view: golden values, records, links, household."""
    sections = None if include is None else {section.strip() for section in include.split(",")}
    async with database.transaction(permit.context()) as tx:
        owner, merged_into = await get_person(tx, person_id)
        if merged_into is not None:
            return RedirectResponse(f"/v1/people/{merged_into}", status_code=308)
        linked = await find_links(tx, person_id, linkages=permit.linkages)
        wanted = [person_id, *(one.person_id for one in linked)]
        visible = await find_visible_records(tx, person_ids=wanted, permit=permit, at=at)
        household: Household | dict[str, bool] | None = None
        basis: Sequence[VisibleRecord] = ()
        if sections is None or "household" in sections:
            found, basis = await find_household(tx, visible, permit=permit, at=at)
            household = _household(found, visible, permit=permit)
    shown = {record.person_id for record in visible}
    response.headers[DISCLOSED_HEADER] = account_for([*visible, *basis]).header()
    return PersonView(
        person_id=person_id,
        owner=owner,
        golden=golden_view([record.disclosed for record in visible], today=at.date()),
        records=[record.view() for record in visible],
        linked=[
            Linked.model_validate(
                {
                    "owner": one.owner,
                    "person_id": one.person_id,
                    "link": one.kind,
                    "probability": round(one.probability, 6),
                }
            )
            for one in linked
            if one.person_id in shown
        ],
        household=household,
    )


@router.get("/{person_id}/household", response_model=Household | dict[str, bool], responses=MERGED)
async def get_household(
    person_id: UUID, permit: MayRead, at: Now, database: Db, response: Response
) -> Household | dict[str, bool] | Response:
    """Tell who lives or is related together with a person."""
    async with database.transaction(permit.context()) as tx:
        _, merged_into = await get_person(tx, person_id)
        if merged_into is not None:
            return RedirectResponse(f"/v1/people/{merged_into}/household", status_code=308)
        linked = await find_links(tx, person_id, linkages=permit.linkages)
        wanted = [person_id, *(one.person_id for one in linked)]
        visible = await find_visible_records(tx, person_ids=wanted, permit=permit, at=at)
        found, basis = await find_household(tx, visible, permit=permit, at=at)
    response.headers[DISCLOSED_HEADER] = account_for([*visible, *basis]).header()
    return _household(found, visible, permit=permit) or Household(members=[], basis=[])


@router.get("/{person_id}/known")
async def get_known(person_id: UUID, permit: MayRead, database: Db) -> KnownPerson:
    """Tell whether this call may know of a person."""
    async with database.transaction(permit.context()) as tx:
        owner, survivor = await get_person(tx, person_id)
        formerly = await find_former_ids(tx, person_id)
    return KnownPerson(person_id=person_id, owner=owner, survivor=survivor, formerly=list(formerly))


def _household(
    found: Sequence[Membership], visible: Sequence[VisibleRecord], *, permit: Permit
) -> Household | dict[str, bool] | None:
    """Render a household; a mere `exists` where no scope grants the members, None where none grants anything.

    Which of these it is follows from the permit alone, so that a protected person looks like one who lives alone.
    """
    forms = {permit.grants[record.scope].get(Category.HOUSEHOLD) for record in visible}
    if Form.VALUE not in forms:
        return {"exists": True} if forms - {None} else None
    members: list[Any] = [
        HouseholdMember.model_validate(
            {
                "person_id": one.person_id,
                "role": one.role,
                "from": one.start or None,
                "until": one.end or None,
            }
        )
        for one in found
    ]
    return Household.model_validate({"members": members, "basis": sorted({one.basis for one in found})})
