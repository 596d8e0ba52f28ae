"""Questions about boroughs' policies, and about the calls that a change of one might have decided otherwise."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import extract, func, select

from gateway.tables import audit, borough_policies
from shared.categories import Action
from shared.db import Transaction, rows_of

Row = Mapping[str, Any]


async def find_policy(tx: Transaction, org: str) -> Row | None:
    """Give a borough's policy in force, `{version, text}`, or None if it never wrote one."""
    in_force = select(borough_policies.c.version, borough_policies.c.text).where(borough_policies.c.org == org)
    rows = rows_of(await tx.execute(in_force))
    return rows[0] if rows else None


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
