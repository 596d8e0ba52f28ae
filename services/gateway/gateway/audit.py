"""The record of every call, written before its answer leaves.

In this room: the one INSERT, which also checks that nothing was changed since the call was decided, and what happens
when it cannot be written. Not in this room: reading the record (`queries.audit`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic_core import from_json, to_json
from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from gateway.call import Call
from gateway.problems import AuditUnavailable, RestoredNotReplayed
from shared.categories import Scope, split_scope
from shared.db import AnyRow, Database, Transaction
from shared.ledger import is_closed
from shared.logs import describe

log = structlog.get_logger()


class Outcome(StrEnum):
    """What became of a call: a read is allowed or denied, a change meant and then done or failed."""

    ALLOWED = "allowed"
    DENIED = "denied"
    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"


class StaleDecision(Exception):
    """The rules were changed after this call was decided; it has to be decided again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What left with an answer: persons and their owners, records with versions, scopes with categories."""

    persons: Mapping[UUID, str] = field(default_factory=dict)
    records: Sequence[str] = ()
    scopes: Mapping[Scope, Sequence[str]] = field(default_factory=dict)

    def owners(self) -> list[str]:
        """Give the owners of what left, in order."""
        return sorted({split_scope(scope)[0] for scope in self.scopes} | set(self.persons.values()))


NOTHING: Final = Shown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one audit row says beyond the call itself."""

    outcome: Outcome
    status: int | None = None
    reason: str | None = None
    shown: Shown = NOTHING
    owners: Sequence[str] = ()
    """Owners of what was touched, where nothing was shown."""
    clauses: Sequence[str] = ()


_COLUMNS: Final = (
    "audit_id", "at", "organisation", "subject", "roles", "purpose", "case_reference", "action", "method", "route",
    "person_ids", "person_owners", "records", "owners", "scopes", "clauses", "policy", "outcome", "reason", "status",
    "epoch", "acting_for", "emergency",
)  # fmt: skip
_CASTS: Final = {
    "audit_id": "uuid", "at": "timestamptz", "roles": "text[]", "person_ids": "uuid[]",
    "person_owners": "text[]", "records": "text[]",
    "owners": "text[]", "scopes": "jsonb", "clauses": "text[]", "status": "integer", "epoch": "bigint",
}  # fmt: skip

_VALUES: Final = ", ".join(f"CAST(:{name} AS {_CASTS.get(name, 'text')})" for name in _COLUMNS)

_APPEND: Final = text(
    "WITH decided AS (SELECT nextval('audit_sequence') AS sequence FROM governance"  # noqa: S608  names, no values
    " WHERE CAST(:as_of AS bigint) IS NULL OR settled_epoch() = CAST(:as_of AS bigint)),"
    f" entry AS (INSERT INTO audit (sequence, {', '.join(_COLUMNS)}) SELECT sequence, {_VALUES} FROM decided),"
    " waiting AS (INSERT INTO audit_unsealed (sequence, at) SELECT sequence, CAST(:at AS timestamptz) FROM decided),"
    " found AS (INSERT INTO audit_persons (person_id, sequence)"
    " SELECT person, sequence FROM decided, unnest(CAST(:person_ids AS uuid[])) AS person)"
    " SELECT sequence FROM decided"
).bindparams(bindparam("person_ids", type_=ARRAY(Uuid())))
"""One statement, so that a call pays one round trip for the check, its row, the index of persons and what the sealer
looks for. A change of the rules waits until the row is committed, and the row until the change is."""


async def append(tx: Transaction, call: Call, entry: Entry, *, as_of: int | None) -> None:
    """Write a call's row if `as_of` is the current epoch, or whatever the epoch is if it is None.

    Raises `StaleDecision`, and writes nothing, if the rules have changed, `AuditUnavailable` if it cannot be written.
    """
    with _or_unavailable():
        written = (await tx.execute(_APPEND, _row(call, entry, as_of=as_of))).all()
    _note(call, entry, written=written)


async def record(database: Database, call: Call, entry: Entry) -> None:
    """Write and commit a call's row before it is answered, or before the change that it means to make.

    Raises `StaleDecision` if the rules have changed since, `AuditUnavailable` if the row cannot be written.
    """
    await _commit(database, call, entry, as_of=call.snapshot.epoch)


async def record_outcome(database: Database, call: Call, entry: Entry) -> None:
    """Write and commit what became of a change whose intent is recorded, whatever has changed meanwhile.

    Raises `AuditUnavailable` if the row cannot be written.
    """
    await _commit(database, call, entry, as_of=None)


async def _commit(database: Database, call: Call, entry: Entry, *, as_of: int | None) -> None:
    with _or_unavailable():
        written = await database.execute(_APPEND, _row(call, entry, as_of=as_of))
    _note(call, entry, written=written)


def _note(call: Call, entry: Entry, *, written: Sequence[AnyRow]) -> None:
    if not written:
        raise StaleDecision
    call.recorded = entry


@contextmanager
def _or_unavailable() -> Iterator[None]:
    """Tell the caller that there is no answer without a record, whatever kept it from being written."""
    try:
        yield
    except (DBAPIError, PoolExhausted, OSError, TimeoutError) as error:
        if isinstance(error, DBAPIError) and is_closed(error):
            raise RestoredNotReplayed(headers={"Retry-After": "5"}) from None
        log.error("the audit could not be written", **describe(error))
        raise AuditUnavailable(headers={"Retry-After": "1"}) from None


def shown_in(header: str | None) -> Shown:
    """Read an inner service's account of what left with its answer; raise `ValueError` if it makes no sense."""
    if header is None:
        return NOTHING
    account: dict[str, Any] = from_json(header)
    return Shown(
        persons={UUID(person_id): str(owner) for person_id, owner in account["persons"].items()},
        records=[str(record_id) for record_id in account["records"]],
        scopes={Scope(scope): [str(one) for one in categories] for scope, categories in account["scopes"].items()},
    )


def _row(call: Call, entry: Entry, *, as_of: int | None) -> dict[str, Any]:
    return {
        "audit_id": call.txn,
        "at": call.at,
        "organisation": call.caller.employing_org,
        "subject": call.caller.subject,
        "roles": sorted(call.caller.held_roles),
        "purpose": call.purpose,
        "case_reference": call.case_reference,
        "action": call.action,
        "method": call.method,
        "route": call.route,
        "person_ids": list(entry.shown.persons),
        "person_owners": list(entry.shown.persons.values()),
        "records": list(entry.shown.records),
        "owners": sorted({*entry.owners, *entry.shown.owners()}),
        "scopes": to_json(entry.shown.scopes).decode(),
        "clauses": list(entry.clauses),
        "policy": call.snapshot.policy,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "status": entry.status,
        "epoch": call.snapshot.epoch,
        "acting_for": None if call.caller.employer is None else call.caller.org,
        "emergency": call.emergency,
        "as_of": as_of,
    }
