"""Loads: hand over an extract, see how it is doing, see what was rejected."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import StringConstraints
from sqlalchemy.exc import IntegrityError

from customer_index.api.records import MayRead, permitted_source
from customer_index.api.state import Db, PageCursors, ServiceConfig
from customer_index.commands.loads import release_old_key, stage_load
from customer_index.commands.records import know_source
from customer_index.preparation import Assertion
from customer_index.queries.loads import find_by_key, get_load, list_rejects
from customer_index.schemas import LoadAccepted, LoadView, Reject
from shared.categories import Action, scope_of
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


@router.post("/sources/{source}/loads", status_code=202)
async def post_load(
    source: Slug,
    request: Request,
    permit: MayLoad,
    at: Now,
    database: Db,
    settings: ServiceConfig,
    idempotency_key: IdempotencyKey = None,
) -> LoadAccepted:
    """Take over an extract, `application/x-ndjson` with a record and its `local_id` a line; it is staged whole before
    the answer and taken in afterwards, with the rights of this call."""
    facts = permitted_source(permit, source)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-ndjson":
        raise UnsupportedMediaType("Send application/x-ndjson, one record a line.")
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
