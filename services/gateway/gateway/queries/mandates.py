"""Questions about mandates and exclusions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from gateway.tables import exclusions, mandates
from shared.db import Transaction, rows_of

Row = Mapping[str, Any]


async def list_mandates(tx: Transaction, org: str) -> list[Row]:
    """List the mandates that an organisation gave, in order of their ids."""
    given = select(mandates).where(mandates.c.org == org)
    return [*rows_of(await tx.execute(given.order_by(mandates.c.mandate_id)))]


async def list_exclusions(tx: Transaction, org: str, *, reader: str) -> list[Row]:
    """List the exclusions that an organisation entered, in order of their ids, but for those of the reader."""
    entered = select(exclusions).where(exclusions.c.org == org, ~_of_reader(org, reader=reader))
    return [*rows_of(await tx.execute(entered.order_by(exclusions.c.exclusion_id)))]


async def find_exclusion(tx: Transaction, org: str, exclusion_id: str, *, reader: str) -> Row | None:
    """Give an exclusion that an organisation entered; None if there is none, or it is the reader's own."""
    this = (exclusions.c.org == org) & (exclusions.c.exclusion_id == exclusion_id)
    rows = rows_of(await tx.execute(select(exclusions).where(this, ~_of_reader(org, reader=reader))))
    return rows[0] if rows else None


def _of_reader(org: str, *, reader: str) -> Any:
    return (exclusions.c.employer == org) & (exclusions.c.subject == reader)
