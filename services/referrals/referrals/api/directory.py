"""The directory, in Open Referral UK shapes: open to all, changed by each organisation for itself."""

from datetime import UTC
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import StringConstraints

from referrals.commands.directory import put_service
from referrals.queries.directory import (
    TAXONOMY,
    Wanted,
    all_places,
    get_service,
    list_services,
    service_view,
    term_view,
)
from referrals.schemas.directory import (
    DirectoryPage,
    NewService,
    ServiceAtLocationView,
    ServiceStatus,
    ServiceView,
    TaxonomyTermView,
    TaxonomyView,
)
from referrals.taxonomy import TERMS
from shared.categories import Action
from shared.dependencies import Db
from shared.guard import Now, permitted
from shared.openapi import OPEN, stored_as
from shared.permit import Permit
from shared.preconditions import IfMatch, answer_stored, etag_of
from shared.problems import PermitRefused
from shared.wire import Moment, Slug, Text

router = APIRouter(prefix="/v1", tags=["Directory"])

T = TypeVar("T")

MayEnter = Annotated[Permit, Depends(permitted(Action.WRITE))]
PageNumber = Annotated[int, Query(ge=1, le=100_000)]
PerPage = Annotated[int, Query(ge=1, le=200)]
Term = Annotated[Text | None, Query(max_length=100, description="a code of /v1/taxonomy_terms")]
Words = Annotated[Text, StringConstraints(min_length=1, max_length=100)]
_MANY = 1000


@router.get("/services", openapi_extra=OPEN)
async def get_services(
    at: Now,
    database: Db,
    page: PageNumber = 1,
    per_page: PerPage = 50,
    organization: Annotated[Slug | None, Query(description="an organisation's id on this platform")] = None,
    taxonomy_term: Term = None,
    status: ServiceStatus | None = None,
    search: Annotated[Words | None, Query(description="part of the name")] = None,
    modified_after: Moment | None = None,
) -> DirectoryPage[ServiceView]:
    """List what organisations offer."""
    wanted = Wanted(org=organization, term=taxonomy_term, status=status, words=search, modified_after=modified_after)
    async with database.transaction() as tx:
        total, rows = await list_services(tx, wanted, page=page, per_page=per_page)
    on = at.astimezone(UTC).date()
    return _page([service_view(row, on=on) for row in rows], total=total, page=page, per_page=per_page)


@router.get("/services/{service_id}", openapi_extra=OPEN)
async def get_one_service(service_id: UUID, at: Now, database: Db, response: Response) -> ServiceView:
    """Give a service."""
    async with database.transaction() as tx:
        row = await get_service(tx, service_id)
    response.headers["ETag"] = etag_of(row.version)
    return service_view(row, on=at.astimezone(UTC).date())


@router.get("/service_at_locations", openapi_extra=OPEN)
async def get_service_at_locations(
    database: Db, page: PageNumber = 1, per_page: PerPage = 50
) -> DirectoryPage[ServiceAtLocationView]:
    """List where services are given."""
    async with database.transaction() as tx:
        _, rows = await list_services(tx, Wanted(), page=1, per_page=_MANY)
    places = all_places(rows)
    return _page(_cut(places, page, per_page), total=len(places), page=page, per_page=per_page)


@router.get("/taxonomies", openapi_extra=OPEN)
async def get_taxonomies(page: PageNumber = 1, per_page: PerPage = 50) -> DirectoryPage[TaxonomyView]:
    """List the lists of codes."""
    return _page(_cut([TAXONOMY], page, per_page), total=1, page=page, per_page=per_page)


@router.get("/taxonomy_terms", openapi_extra=OPEN)
async def get_taxonomy_terms(page: PageNumber = 1, per_page: PerPage = 50) -> DirectoryPage[TaxonomyTermView]:
    """List the codes by which services are found."""
    terms = [term_view(term) for term in TERMS]
    return _page(_cut(terms, page, per_page), total=len(terms), page=page, per_page=per_page)


@router.put("/organisations/{org}/services/{service_id}", responses=stored_as(ServiceView))
async def put_one_service(
    org: Slug,
    service_id: UUID,
    new: NewService,
    permit: MayEnter,
    at: Now,
    database: Db,
    response: Response,
    if_match: IfMatch = None,
) -> ServiceView:
    """Enter a service of one's own organisation, or replace its entry."""
    if permit.org != org:
        raise PermitRefused
    async with database.transaction({"scv.org": org}) as tx:
        stored = await put_service(tx, service_id, new, org=org, if_match=if_match, at=at)
        row = await get_service(tx, service_id)
    answer_stored(response, stored)
    return service_view(row, on=at.astimezone(UTC).date())


def _cut(whole: list[T], page: int, per_page: int) -> list[T]:
    return whole[(page - 1) * per_page : page * per_page]


def _page(contents: list[T], *, total: int, page: int, per_page: int) -> DirectoryPage[T]:
    pages = max(1, -(-total // per_page))
    return DirectoryPage(
        total_items=total,
        total_pages=pages,
        page_number=page,
        size=len(contents),
        first_page=page == 1,
        last_page=page >= pages,
        empty=not contents,
        contents=contents,
    )
