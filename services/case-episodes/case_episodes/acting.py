"""Who makes a change: the same for every command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from case_episodes.tables import outbox
from shared.db import Transaction
from shared.outbox import Happened, emit
from shared.permit import Permit

SOURCE: Final = "/case-episodes"


@dataclass(frozen=True, slots=True)
class By:
    """The organisation and worker of a change, its audit id and its time."""

    org: str
    subject: str
    txn: UUID
    at: datetime


def by_permit(permit: Permit, *, at: datetime) -> By:
    """Give who makes the change that a permit is for."""
    return By(permit.org, permit.subject, permit.txn, at)


async def tell(tx: Transaction, happened: Sequence[Happened], *, by: By) -> None:
    """Write the events of a change to the outbox."""
    await emit(tx, outbox, happened, source=SOURCE, owner=by.org, txn=by.txn, at=by.at)
