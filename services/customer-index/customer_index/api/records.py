"""Source records: assert, read, withdraw."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from customer_index.api.state import MatchingModel
from customer_index.commands.records import assert_record, withdraw_record
from customer_index.preparation import Assertion, prepare
from customer_index.problems import UnknownRecord
from customer_index.queries.people import account_for, find_record
from customer_index.schemas import Asserted, LocalId, NewRecord, RecordView, Warned
from shared.categories import Action, Category, Scope, scope_of
from shared.dependencies import Db
from shared.guard import Disclosed, Now, permitted
from shared.permit import DISCLOSED_HEADER, Permit, SourceFacts
from shared.preconditions import IfMatch, etag_of
from shared.problems import PermitRefused
from shared.wire import Slug

router = APIRouter(prefix="/v1/sources/{source}/records", tags=["People"])

MayWrite = Annotated[Permit, Depends(permitted(Action.WRITE))]
MayRead = Annotated[Permit, Depends(permitted(Action.READ))]


@router.put("/{local_id}", responses={201: {"model": Asserted}})
async def put_record(
    source: Slug,
    local_id: LocalId,
    record: NewRecord,
    permit: MayWrite,
    at: Now,
    database: Db,
    model: MatchingModel,
    response: Response,
    if_match: IfMatch = None,
) -> Asserted:
    """Assert what a source system says of one customer; 201 for a new record, 200 for one it has said before."""
    by = Assertion(owner=permit.org, source=permitted_source(permit, source), txn=permit.txn, at=at)
    prepared = prepare(source, local_id, record)
    async with database.transaction(permit.context()) as tx:
        asserted = await assert_record(tx, prepared, by=by, model=model, if_match=if_match)
    response.status_code = 201 if asserted.version == 1 and asserted.outcome != "unchanged" else 200
    response.headers["ETag"] = etag_of(asserted.version)
    account = Disclosed()
    account.note(
        person_id=asserted.person_id,
        owner=permit.org,
        record_id=asserted.record_id,
        version=asserted.version,
        scope=Scope(by.scope),
        categories=(),
    )
    response.headers[DISCLOSED_HEADER] = account.header()
    return Asserted.model_validate(
        {
            "record_id": asserted.record_id,
            "person_id": asserted.person_id,
            "outcome": asserted.outcome,
            "warnings": asserted.warnings,
        }
    )


@router.get("/{local_id}")
async def get_record(
    source: Slug, local_id: LocalId, permit: MayRead, at: Now, database: Db, response: Response
) -> RecordView:
    """Give a source record of the caller's own organisation, as far as its role and purpose allow."""
    async with database.transaction(permit.context()) as tx:
        record = await find_record(tx, source=source, local_id=local_id, permit=permit, at=at)
    if record is None:
        raise UnknownRecord("This source has no such record.")
    response.headers["ETag"] = etag_of(record.version)
    response.headers[DISCLOSED_HEADER] = account_for([record]).header()
    return RecordView.model_validate(
        {
            **record.disclosed.fields,
            **record.protected(),
            "record_id": record.record_id,
            "person_id": record.person_id,
            "source": source,
            "local_id": local_id,
            "version": record.version,
            "warnings": [
                Warned.model_validate(one)
                for one in record.warnings
                if one["pointer"].split("/")[1] in record.disclosed.fields
            ],
        }
    )


@router.delete("/{local_id}", status_code=204)
async def delete_record(
    source: Slug,
    local_id: LocalId,
    permit: MayWrite,
    at: Now,
    database: Db,
    model: MatchingModel,
    if_match: IfMatch = None,
) -> Response:
    """Withdraw a record: it is deleted, and its person derived anew from what remains."""
    by = Assertion(owner=permit.org, source=permitted_source(permit, source), txn=permit.txn, at=at)
    async with database.transaction(permit.context()) as tx:
        record = await withdraw_record(tx, local_id, by=by, model=model, if_match=if_match)
    account = Disclosed()
    account.note(
        person_id=record.person_id,
        owner=permit.org,
        record_id=record.record_id,
        version=record.version,
        scope=Scope(by.scope),
        categories=(),
    )
    return Response(status_code=204, headers={DISCLOSED_HEADER: account.header()})


def permitted_source(permit: Permit, source: str) -> SourceFacts:
    """Give the source a permit was made for; raise `PermitRefused` if it is not this one or its scope not granted."""
    if permit.source is None or permit.source.source != source:
        raise PermitRefused
    granted = permit.grants.get(scope_of(permit.org, permit.source.service_area), {})
    if Category.EXISTENCE not in granted:
        raise PermitRefused
    return permit.source
