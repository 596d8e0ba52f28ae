"""Questions about boroughs' policies."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from gateway.tables import borough_policies
from shared.db import Transaction, rows_of

Row = Mapping[str, Any]


async def find_policy(tx: Transaction, org: str) -> Row | None:
    """Give a borough's policy in force, `{version, text}`, or None if it never wrote one."""
    in_force = select(borough_policies.c.version, borough_policies.c.text).where(borough_policies.c.org == org)
    rows = rows_of(await tx.execute(in_force))
    return rows[0] if rows else None
