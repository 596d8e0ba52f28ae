"""Loads: an extract is staged whole before it is accepted, then taken in chunk by chunk.

A chunk is deleted in the transaction that asserts it, so a load goes on where it stopped, whatever stopped it, and
nothing is taken in twice.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from pydantic import ConfigDict, ValidationError
from sqlalchemy import delete, insert, select, update

from customer_index.commands.records import assert_records
from customer_index.extracts import LINE_BYTES, Chunk, Form
from customer_index.model import Model
from customer_index.preparation import Assertion, Prepared, prepare
from customer_index.schemas import LoadLine, NewLocalId
from customer_index.tables import load_chunks, load_rejects, loads
from shared.db import AnyRow, Transaction
from shared.permit import Permit
from shared.problems import BodyTooLarge, FieldError, Problem
from shared.web import pointer_to, words_for
from shared.wire import Wire

_KEY_LIVES: Final = timedelta(hours=24)


@dataclass(slots=True)
class _Measured:
    """A body on its way through: its digest and size so far, and the size it may not exceed."""

    max_bytes: int
    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0

    async def through(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass a body on; raise `BodyTooLarge`."""
        async for raw in body:
            self.digest.update(raw)
            self.size += len(raw)
            if self.size > self.max_bytes:
                raise BodyTooLarge(f"An extract holds at most {self.max_bytes} bytes.")
            yield raw


class _Named(Wire):
    """The one part of a line that is wanted of a line that is refused."""

    model_config = ConfigDict(extra="ignore")

    local_id: NewLocalId


async def stage_load(
    tx: Transaction,
    body: AsyncIterator[bytes],
    *,
    form: Form,
    permit: Permit,
    scope: str,
    idempotency_key: str | None,
    max_bytes: int,
    at: datetime,
) -> UUID:
    """Store an extract's records as they arrive; raise a problem for one that cannot be read at all, or is too large,
    and nothing is kept."""
    if permit.source is None:
        raise LookupError("a load is permitted for a source")
    load_id = uuid4()
    row = {
        "load_id": load_id,
        "owner": permit.org,
        "source": permit.source.source,
        "scope": scope,
        "subject": permit.subject,
        "txn": permit.txn,
        "status": "queued",
        "idempotency_key": idempotency_key,
        "body_digest": b"",
        "accepted_at": at,
    }
    await tx.execute(insert(loads).values(row))
    measured = _Measured(max_bytes)
    received = rejected = 0
    async for chunk in form.chunks(measured.through(body)):
        received += chunk.received
        rejected += len(chunk.rejects)
        await _stage(tx, chunk, load_id=load_id, owner=permit.org)
    staged = update(loads).where(loads.c.load_id == load_id)
    await tx.execute(staged.values(body_digest=measured.digest.digest(), received=received, rejected=rejected))
    return load_id


async def _stage(tx: Transaction, chunk: Chunk, *, load_id: UUID, owner: str) -> None:
    """Keep a chunk for later, and what is refused for its form at once."""
    stored = {"load_id": load_id, "first_line": chunk.first_line, "owner": owner}
    await tx.execute(insert(load_chunks).values(**stored, lines=b"\n".join(chunk.lines)))
    if chunk.rejects:
        rows = [_rejected(load_id, owner, line=one.line, local_id=None, errors=[one.error]) for one in chunk.rejects]
        await tx.execute(insert(load_rejects), rows)


async def release_old_key(tx: Transaction, *, permit: Permit, idempotency_key: str, at: datetime) -> None:
    """Forget an idempotency key that has lived its day, so that it can be used anew."""
    await tx.execute(
        update(loads)
        .where(loads.c.owner == permit.org, loads.c.subject == permit.subject)
        .where(loads.c.idempotency_key == idempotency_key, loads.c.accepted_at < at - _KEY_LIVES)
        .values(idempotency_key=None)
    )


async def take_in_chunk(tx: Transaction, load: AnyRow, *, by: Assertion, model: Model) -> Mapping[str, int] | None:
    """Assert the next chunk of a load and count its records by outcome; None, and the load is done, when there is none
    left."""
    held = await tx.execute(select(loads.c.started_at).where(loads.c.load_id == load.load_id).with_for_update())
    if held.scalar_one() is None:
        await tx.execute(_change(load.load_id, status="running", started_at=by.at))
    chunk = (
        await tx.execute(
            select(load_chunks.c.first_line, load_chunks.c.lines)
            .where(load_chunks.c.load_id == load.load_id)
            .order_by(load_chunks.c.first_line)
            .limit(1)
        )
    ).one_or_none()
    if chunk is None:
        await tx.execute(_change(load.load_id, status="done", finished_at=by.at))
        return None
    counts: dict[str, int] = {}
    rejects: list[dict[str, Any]] = []
    for batch in _batches(chunk, load=load, rejects=rejects):
        for asserted in await assert_records(tx, batch, by=by, model=model):
            counts[asserted.outcome] = counts.get(asserted.outcome, 0) + 1
    if rejects:
        await tx.execute(insert(load_rejects), rejects)
        counts["rejected"] = len(rejects)
    await tx.execute(
        delete(load_chunks).where(load_chunks.c.load_id == load.load_id, load_chunks.c.first_line == chunk.first_line)
    )
    await tx.execute(_change(load.load_id, **{name: loads.c[name] + count for name, count in counts.items()}))
    return counts


async def fail_load(tx: Transaction, load_id: UUID, *, at: datetime) -> None:
    """Give up on a load; what was taken in stays."""
    await tx.execute(_change(load_id, status="failed", finished_at=at))


def _change(load_id: UUID, **values: Any) -> Any:
    return update(loads).where(loads.c.load_id == load_id).values(**(values or {"load_id": load_id}))


def _batches(chunk: AnyRow, *, load: AnyRow, rejects: list[dict[str, Any]]) -> list[list[Prepared]]:
    """Parse a chunk into batches in which no local id repeats; what cannot be taken goes to `rejects`."""
    batches: list[list[Prepared]] = [[]]
    seen: set[str] = set()
    for number, line in enumerate(chunk.lines.split(b"\n"), start=chunk.first_line):
        if not line.strip():
            continue
        local_id, errors, prepared = _parse(line, source=load.source)
        if prepared is None:
            rejects.append(_rejected(load.load_id, load.owner, line=number, local_id=local_id, errors=errors))
            continue
        if prepared.local_id in seen:
            batches.append([])
            seen.clear()
        seen.add(prepared.local_id)
        batches[-1].append(prepared)
    return [batch for batch in batches if batch]


def _parse(line: bytes, *, source: str) -> tuple[str | None, Sequence[FieldError], Prepared | None]:
    if len(line) > LINE_BYTES:
        return None, [FieldError("", f"is longer than {LINE_BYTES} bytes")], None
    try:
        record = LoadLine.model_validate_json(line)
    except ValidationError as invalid:
        found = invalid.errors(include_input=False, include_url=False, include_context=False)
        return _local_id(line), [FieldError(pointer_to(("body", *one["loc"])), words_for(one)) for one in found], None
    try:
        return record.local_id, (), prepare(source, record.local_id, record)
    except Problem as problem:
        return record.local_id, problem.errors, None


def _rejected(
    load_id: UUID, owner: str, *, line: int, local_id: str | None, errors: Sequence[FieldError]
) -> dict[str, Any]:
    found = [{"pointer": one.pointer, "detail": one.detail} for one in errors]
    return {"load_id": load_id, "line": line, "owner": owner, "local_id": local_id, "errors": found}


def _local_id(line: bytes) -> str | None:
    """Give the local id of a line that is not valid otherwise, so that its source finds the record again."""
    try:
        return _Named.model_validate_json(line).local_id
    except ValidationError:
        return None
