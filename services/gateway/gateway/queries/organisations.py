"""Questions about organisations, their identity providers, source systems and staff."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select

from gateway.tables import organisations, sources
from shared.db import Transaction, rows_of

Row = Mapping[str, Any]


async def list_organisations(tx: Transaction) -> list[Row]:
    """List all organisations in order of their ids."""
    return [*rows_of(await tx.execute(select(organisations).order_by(organisations.c.org)))]


async def list_sources(tx: Transaction, org: str) -> list[Row]:
    """List the source systems of a borough in order of their names."""
    return [*rows_of(await tx.execute(select(sources).where(sources.c.org == org).order_by(sources.c.source)))]


async def find_row(tx: Transaction, table: Table, **key: str) -> Row | None:
    """Give the row of a register by its key, or None."""
    rows = rows_of(await tx.execute(select(table).where(*(table.c[name] == value for name, value in key.items()))))
    return rows[0] if rows else None
