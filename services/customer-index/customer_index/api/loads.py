"""Loads: hand over an extract, see how it is doing, see what was rejected."""

import hashlib
from email.message import Message
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import StringConstraints
from sqlalchemy.exc import IntegrityError

from customer_index.api.records import MayRead, permitted_source
from customer_index.api.state import ServiceConfig
from customer_index.commands.loads import release_old_key, stage_load
from customer_index.commands.records import know_source
from customer_index.extracts import Form
from customer_index.preparation import Assertion
from customer_index.queries.loads import find_by_key, get_load, list_rejects
from customer_index.schemas import LoadAccepted, LoadView, Reject
from shared.categories import Action, scope_of
from shared.dependencies import Db, PageCursors
from shared.guard import Now, permitted
from shared.paging import Cursor, Limit, Page
from shared.permit import Permit
from shared.problems import FieldError, IdempotencyKeyReused, UnsupportedMediaType
from shared.wire import Slug

router = APIRouter(prefix="/v1", tags=["People"])

MayLoad = Annotated[Permit, Depends(permitted(Action.WRITE))]
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=200)] | None, Header(alias="Idempotency-Key")
]


_WRITTEN: Final = {
    Form.NDJSON: "A record with its `local_id` a line.",
    Form.CSV: "UTF-8, RFC 4180. The first line names the columns as the fields of a record, nested as"
    " `addresses.0.postcode`; an empty cell says nothing.",
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {form: {"schema": {"type": "string", "description": how}} for form, how in _WRITTEN.items()},
    }
}


@router.post("/sources/{source}/loads", status_code=202, openapi_extra=_BODY)
async def post_load(
    source: Slug,
    request: Request,
    permit: MayLoad,
    at: Now,
    database: Db,
    settings: ServiceConfig,
    idempotency_key: IdempotencyKey = None,
) -> LoadAccepted:
    """Take over an extract, `application/x-ndjson` or `text/csv`; it is staged whole before the answer and taken in
    afterwards, with the rights of this call. An extract that cannot be read as a whole is refused at once; a record
    that is wrong is rejected by the line it begins on, and the rest goes on."""
    facts = permitted_source(permit, source)
    form = _form_of(request)
    by = Assertion(owner=permit.org, source=facts, txn=permit.txn, at=at)
    if idempotency_key is not None:
        async with database.transaction(permit.context()) as tx:
            await release_old_key(tx, permit=permit, idempotency_key=idempotency_key, at=at)
            known = await find_by_key(tx, owner=permit.org, subject=permit.subject, idempotency_key=idempotency_key)
        if known is not None:
            return await _same_load(request, database, permit, source=source, idempotency_key=idempotency_key)
    try:
        async with database.transaction(permit.context()) as tx:
            await know_source(tx, by)
            load_id = await stage_load(
                tx,
                request.stream(),
                form=form,
                permit=permit,
                scope=scope_of(permit.org, facts.service_area),
                idempotency_key=idempotency_key,
                max_bytes=settings.max_load_bytes,
                at=at,
            )
    except IntegrityError:
        if idempotency_key is None:
            raise
        return await _same_load(request, database, permit, source=source, idempotency_key=idempotency_key)
    return LoadAccepted(load_id=load_id, status="queued")


@router.get("/loads/{load_id}")
async def get_load_progress(load_id: UUID, permit: MayRead, at: Now, database: Db) -> LoadView:
    """Tell how far a load of the caller's organisation has come."""
    async with database.transaction(permit.context()) as tx:
        return await get_load(tx, load_id, at=at)


@router.get("/loads/{load_id}/rejects")
async def get_load_rejects(
    load_id: UUID, permit: MayRead, database: Db, cursors: PageCursors, limit: Limit = 50, cursor: Cursor = None
) -> Page[Reject]:
    """List the lines of a load that were refused, by number, and why."""
    bound_to = (permit.org, permit.subject, "rejects", str(load_id))
    after_line = 0 if cursor is None else int(cursors.read(cursor, bound_to=bound_to))
    async with database.transaction(permit.context()) as tx:
        rejects = await list_rejects(tx, load_id, after_line=after_line, limit=limit + 1)
    more = len(rejects) > limit
    rejects = rejects[:limit]
    return Page(items=rejects, next=cursors.write(rejects[-1].line, bound_to=bound_to) if more else None)


def _form_of(request: Request) -> Form:
    """Tell in which form the body is written. Raises `UnsupportedMediaType`."""
    told = Message()
    told["content-type"] = request.headers.get("content-type", "")
    charset = str(told.get_param("charset", "utf-8")).lower()
    if told.get_content_type() not in set(Form) or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Send application/x-ndjson, a record a line, or text/csv with a header, in UTF-8.")
    return Form(told.get_content_type())


async def _same_load(
    request: Request, database: Db, permit: Permit, *, source: str, idempotency_key: str
) -> LoadAccepted:
    """Answer a repeated request as the first one, if it is for the same source and its body the same to the byte."""
    digest = hashlib.sha256()
    async for raw in request.stream():
        digest.update(raw)
    async with database.transaction(permit.context()) as tx:
        known = await find_by_key(tx, owner=permit.org, subject=permit.subject, idempotency_key=idempotency_key)
    if known is None or (known.source, known.body_digest) != (source, digest.digest()):
        raise IdempotencyKeyReused(
            "This Idempotency-Key came with another load within the last day.",
            errors=[FieldError("header Idempotency-Key", "use a new key for a new load")],
        )
    return LoadAccepted(load_id=known.load_id, status=known.status)
