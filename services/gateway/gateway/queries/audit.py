"""Questions about the audit. Row-level security shows an organisation the calls of its own workers and every access to
data it owns; what it may know of the latter is cut down as it is for the log (`leaf`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, extract, func, or_, select

from gateway.leaf import seen_by
from gateway.tables import audit, audit_persons
from shared.categories import Action
from shared.db import Transaction, rows_of

Row = Mapping[str, Any]

_LOOKS = (Action.READ, Action.SEARCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows are asked for; a bound that is None does not bind."""

    since: datetime | None
    until: datetime | None
    subject: str | None
    owner: str | None


async def list_accesses(
    tx: Transaction, person_ids: Collection[UUID], *, org: str, limit: int, before: int | None
) -> list[Row]:
    """List who was shown something of a person, by any of its ids, newest first, as an organisation may know it."""
    of_person = select(audit_persons.c.sequence).where(audit_persons.c.person_id.in_(person_ids))
    looked = select(audit).where(
        audit.c.sequence.in_(of_person), audit.c.outcome == "allowed", audit.c.action.in_(_LOOKS)
    )
    return await _page(tx, looked, org=org, limit=limit, before=before)


async def list_audit(tx: Transaction, wanted: AuditFilter, *, org: str, limit: int, before: int | None) -> list[Row]:
    """List the calls an organisation may know of, newest first."""
    own = or_(audit.c.organisation == org, audit.c.acting_for == org)
    query = select(audit)
    if wanted.since is not None:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(audit.c.at < wanted.until)
    if wanted.subject is not None:
        # Whether another organisation has a worker of that name is not this one's to know.
        query = query.where(and_(own, audit.c.subject == wanted.subject))
    if wanted.owner is not None:
        query = query.where(audit.c.owners.contains([wanted.owner]))
        if wanted.owner != org:
            query = query.where(own)
    return await _page(tx, query, org=org, limit=limit, before=before)


async def list_kinds_of_calls(
    tx: Transaction, *, since: datetime | None, until: datetime | None, newest: int, most: int
) -> list[Row]:
    """List the calls for personal data an organisation may know of, alike ones and those of one hour of day together.

    Of all calls in the period the `newest` are looked at, and the `most` newest kinds listed.
    """
    made = select(audit).where(audit.c.purpose.is_not(None), audit.c.action.in_([*Action]), audit.c.outcome != "intent")
    if since is not None:
        made = made.where(audit.c.at >= since)
    if until is not None:
        made = made.where(audit.c.at < until)
    looked_at = made.order_by(audit.c.sequence.desc()).limit(newest).subquery()
    kind = [
        looked_at.c[name]
        for name in ("organisation", "acting_for", "subject", "roles", "purpose", "action", "emergency")
    ]
    last, times = func.max(looked_at.c.at).label("at"), func.count().label("times")
    query = select(*kind, last, times).group_by(*kind, extract("hour", looked_at.c.at))
    return [*rows_of(await tx.execute(query.order_by(last.desc()).limit(most)))]


async def _page(tx: Transaction, query: Select[Any], *, org: str, limit: int, before: int | None) -> list[Row]:
    if before is not None:
        query = query.where(audit.c.sequence < before)
    rows = rows_of(await tx.execute(query.order_by(audit.c.sequence.desc()).limit(limit)))
    return [seen_by(row, org=org) for row in rows]
