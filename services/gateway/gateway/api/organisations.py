"""Routes of organisations, their identity providers, source systems and staff."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from sqlalchemy import Table

from gateway.admission import ChangingRoute, GovernedRoute, admits
from gateway.call import Call
from gateway.change import changing
from gateway.commands import organisations as change
from gateway.problems import IssuerTaken, OtherOrganisation, ServiceAreaSettled, UnknownOrganisation, UnknownSource
from gateway.queries.organisations import find_row, list_organisations, list_sources
from gateway.schemas.organisations import (
    IdentityProviderView,
    NewIdentityProvider,
    NewOrganisation,
    NewSource,
    NewStaff,
    OrganisationList,
    OrganisationView,
    SourceList,
    SourceView,
    StaffView,
)
from gateway.tables import identity_providers, organisations, sources, staff
from shared.categories import Role
from shared.openapi import answers, stored_as
from shared.preconditions import IfMatch, answer_stored, etag_of
from shared.problems import NotFound
from shared.wire import Slug

reads = APIRouter(prefix="/v1/organisations", tags=["organisations"], route_class=GovernedRoute)
changes = APIRouter(prefix="/v1/organisations", tags=["organisations"], route_class=ChangingRoute)

Anyone = Annotated[Call, Depends(admits())]
Administrator = Annotated[Call, Depends(admits(Role.ADMIN, Role.OPERATOR))]
Subject = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


@reads.get("")
async def get_organisations(request: Request, _call: Anyone) -> OrganisationList:
    """List all organisations."""
    async with request.app.state.database.transaction() as tx:
        rows = await list_organisations(tx)
    return OrganisationList(items=[OrganisationView(**_told(row)) for row in rows])


@reads.get("/{org}")
async def get_organisation(request: Request, response: Response, _call: Anyone, org: Slug) -> OrganisationView:
    """Give an organisation."""
    row = await _found(request, response, organisations, UnknownOrganisation, org=org)
    return OrganisationView(**_told(row))


@changes.put("/{org}", responses=stored_as(OrganisationView))
async def put_organisation(
    request: Request, response: Response, call: Administrator, org: Slug, new: NewOrganisation, if_match: IfMatch = None
) -> OrganisationView:
    """Enter an organisation (its operator), or change its entry (its administrator too)."""
    if org not in call.snapshot.organisations and Role.OPERATOR not in call.caller.held_roles:
        raise OtherOrganisation
    _require_own(call, org)
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await change.put_organisation(made.tx, org, new, if_match=if_match)
        made.status = answer_stored(response, stored)
    return OrganisationView(org=org, **new.model_dump())


@reads.get("/{org}/identity-providers/{name}")
async def get_identity_provider(
    request: Request, response: Response, call: Administrator, org: Slug, name: Slug
) -> IdentityProviderView:
    """Give an identity provider of an organisation."""
    _require_own(call, org)
    row = await _found(request, response, identity_providers, NotFound, org=org, name=name)
    return IdentityProviderView(**_told(row))


@changes.put("/{org}/identity-providers/{name}", responses={**stored_as(IdentityProviderView), **answers(IssuerTaken)})
async def put_identity_provider(
    request: Request,
    response: Response,
    call: Administrator,
    org: Slug,
    name: Slug,
    new: NewIdentityProvider,
    if_match: IfMatch = None,
) -> IdentityProviderView:
    """Register an identity provider for an organisation, or change its registration."""
    _require_own(call, org)
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await change.put_identity_provider(made.tx, org, new, name=name, if_match=if_match)
        made.status = answer_stored(response, stored)
    return IdentityProviderView(org=org, name=name, **new.model_dump())


@reads.get("/{org}/sources")
async def get_sources(request: Request, call: Anyone, org: Slug) -> SourceList:
    """List the source systems of a borough."""
    _require_own(call, org)
    async with request.app.state.database.transaction() as tx:
        rows = await list_sources(tx, org)
    return SourceList(items=[SourceView(**_told(row)) for row in rows])


@reads.get("/{org}/sources/{source}")
async def get_source(request: Request, response: Response, call: Anyone, org: Slug, source: Slug) -> SourceView:
    """Give a source system of a borough."""
    _require_own(call, org)
    return SourceView(**_told(await _found(request, response, sources, UnknownSource, org=org, source=source)))


@changes.put("/{org}/sources/{source}", responses={**stored_as(SourceView), **answers(ServiceAreaSettled)})
async def put_source(
    request: Request,
    response: Response,
    call: Administrator,
    org: Slug,
    source: Slug,
    new: NewSource,
    if_match: IfMatch = None,
) -> SourceView:
    """Register a source system of a borough, or change its registration."""
    _require_own(call, org)
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await change.put_source(made.tx, org, new, source=source, if_match=if_match, txn=call.txn, at=call.at)
        made.status = answer_stored(response, stored)
    return SourceView(org=org, source=source, **new.model_dump())


@reads.get("/{org}/staff/{subject}")
async def get_staff(
    request: Request, response: Response, call: Administrator, org: Slug, subject: Subject
) -> StaffView:
    """Give what an organisation's staff register says of a subject."""
    _require_own(call, org)
    return StaffView(**_told(await _found(request, response, staff, NotFound, org=org, subject=subject)))


@changes.put("/{org}/staff/{subject}", responses=stored_as(StaffView))
async def put_staff(
    request: Request,
    response: Response,
    call: Administrator,
    org: Slug,
    subject: Subject,
    new: NewStaff,
    if_match: IfMatch = None,
) -> StaffView:
    """Enter a subject in an organisation's staff register, or change the entry."""
    _require_own(call, org)
    async with changing(request, call, org=org, owners=[org]) as made:
        stored = await change.put_staff(made.tx, org, new, subject=subject, if_match=if_match)
        made.status = answer_stored(response, stored)
    return StaffView(org=org, subject=subject, **new.model_dump())


def _require_own(call: Call, org: str) -> None:
    if call.caller.org != org and Role.OPERATOR not in call.caller.held_roles:
        raise OtherOrganisation


async def _found(
    request: Request, response: Response, table: Table, missing: type[NotFound], **key: str
) -> Mapping[str, Any]:
    async with request.app.state.database.transaction({"scv.org": key["org"]}) as tx:
        row = await find_row(tx, table, **key)
    if row is None:
        raise missing
    response.headers["ETag"] = etag_of(row["version"])
    return row


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "version"}
