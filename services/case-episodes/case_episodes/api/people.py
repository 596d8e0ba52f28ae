"""Questions about persons, only those customer-index resolved for this call; and whom an item is about."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from case_episodes.api.state import MayRead
from case_episodes.disclosure import context_of, listed, note
from case_episodes.fields import ASSESSMENT, CASE, CONTACT, REFERRAL
from case_episodes.queries.assessments import find_assessments, get_assessment
from case_episodes.queries.cases import find_cases, get_case
from case_episodes.queries.contacts import find_contacts
from case_episodes.queries.episodes import VisibleEpisode, find_episodes, get_episode
from case_episodes.schemas.people import CaseFile, Concerned
from shared.categories import Action
from shared.db import AnyRow
from shared.dependencies import Db, PageCursors
from shared.guard import Disclosed, permitted
from shared.paging import Cursor, Limit, Page
from shared.permit import DISCLOSED_HEADER, Permit
from shared.problems import NotFound

router = APIRouter(prefix="/v1", tags=["Cases and episodes"])

MayConcern = Annotated[Permit, Depends(permitted(Action.READ, Action.WRITE))]
Include = Annotated[str | None, Query(max_length=100, description="sections wanted, separated by commas")]


class Item(StrEnum):
    """What may be about somebody."""

    CASES = "cases"
    EPISODES = "episodes"
    ASSESSMENTS = "assessments"


@router.get("/people/{person_id}/case-file")
async def get_case_file(
    person_id: UUID, permit: MayRead, database: Db, response: Response, include: Include = None
) -> CaseFile:
    """Give what is being done for a person and those linked with it."""
    person_ids = _resolved(permit, person_id)
    wanted = None if include is None else {section.strip() for section in include.split(",")}
    account = Disclosed()
    contacts: Sequence[AnyRow] = ()
    cases: Sequence[AnyRow] = ()
    assessments: Sequence[AnyRow] = ()
    episodes: Sequence[VisibleEpisode] = ()
    async with database.transaction(context_of(permit)) as tx:
        if wanted is None or "contacts" in wanted:
            contacts = await find_contacts(tx, person_ids=person_ids, permit=permit)
        if wanted is None or "cases" in wanted:
            cases = await find_cases(tx, person_ids=person_ids, permit=permit)
            episodes = await find_episodes(tx, of_cases=cases, person_ids=person_ids, permit=permit)
        if wanted is None or "assessments" in wanted:
            assessments = await find_assessments(tx, person_ids=person_ids)
    for rows, kind in ((contacts, CONTACT), (cases, CASE), (assessments, ASSESSMENT)):
        note(account, rows, kind)
    for episode in episodes:
        note(account, episode.referrals, REFERRAL)
    response.headers[DISCLOSED_HEADER] = account.header()
    return CaseFile(
        contacts=listed(contacts, CONTACT, permit=permit),
        episodes=[episode.item(permit=permit) for episode in episodes],
        cases=listed(cases, CASE, permit=permit),
        assessments=listed(assessments, ASSESSMENT, permit=permit),
    )


@router.get("/people/{person_id}/assessments")
async def get_assessments(
    person_id: UUID,
    permit: MayRead,
    database: Db,
    cursors: PageCursors,
    response: Response,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[dict[str, Any]]:
    """List the assessments of a person and those linked with it, the latest first."""
    person_ids = _resolved(permit, person_id)
    bound_to = (permit.org, permit.subject, "assessments", str(person_id))
    after = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    async with database.transaction(context_of(permit)) as tx:
        rows = await find_assessments(
            tx,
            person_ids=person_ids,
            after=None if after is None else (datetime.fromisoformat(after[0]), UUID(after[1])),
            limit=limit + 1,
        )
    more, rows = len(rows) > limit, rows[:limit]
    account = Disclosed()
    note(account, rows, ASSESSMENT)
    response.headers[DISCLOSED_HEADER] = account.header()
    here = [rows[-1].assessed_at, rows[-1].assessment_id] if more else None
    return Page(
        items=listed(rows, ASSESSMENT, permit=permit),
        next=None if here is None else cursors.write(here, bound_to=bound_to),
    )


@router.get("/{kind}/{item_id}/concerned")
async def get_concerned(kind: Item, item_id: UUID, permit: MayConcern, database: Db) -> Concerned:
    """Tell whom an item is about, so that the gateway can ask whether the caller may know of them."""
    async with database.transaction(context_of(permit)) as tx:
        if kind is Item.CASES:
            rows: Sequence[AnyRow] = [await get_case(tx, item_id, permit=permit)]
        elif kind is Item.ASSESSMENTS:
            rows = [await get_assessment(tx, item_id, permit=permit)]
        else:
            rows = (await get_episode(tx, item_id, permit=permit)).cases
    persons = {row.person_id for row in rows if row.person_id is not None}
    return Concerned(owner=rows[0].owner, persons=sorted(persons))


def _resolved(permit: Permit, person_id: UUID) -> list[UUID]:
    """Give the persons customer-index resolved; raise `NotFound` if this one is not among them."""
    resolved = [anchor.person_id for anchor in permit.about]
    if person_id not in resolved:
        raise NotFound
    return resolved
