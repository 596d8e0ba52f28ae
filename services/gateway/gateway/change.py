"""A change of the rules: one transaction holds the change, its event, its audit row and the next epoch.

Nothing decided before it is accepted by the audit after it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from fastapi import Request
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from gateway import audit
from gateway.audit import Entry, Outcome, StaleDecision
from gateway.call import Call
from gateway.problems import GovernanceUnsettled
from gateway.tables import governance, outbox
from shared.db import Transaction
from shared.outbox import Happened, emit

EVENT_SOURCE = "gateway"

_WAIT_FOR_ANSWERS: Final = text("SELECT pg_advisory_xact_lock(hashtext('governance'))")
"""The other side of the lock that `settled_epoch()` takes for every answer."""


_NOT_FOR_EVER: Final = text("SELECT set_config('lock_timeout', '3s', true)")
"""While a change waits no answer leaves, so one process that hangs with its row half written must not hold it up."""
_LOCK_NOT_AVAILABLE: Final = "55P03"


@dataclass(slots=True)
class Change:
    """A change under way; `status` is what it will be answered with."""

    tx: Transaction
    status: int = 200


@asynccontextmanager
async def changing(request: Request, call: Call, *, org: str, owners: Sequence[str]) -> AsyncIterator[Change]:
    """Make a change to an organisation's register or agreements; commit at the end of the block.

    `org` is the organisation in whose context rows are seen, `owners` those who may read of the change in the audit.
    Raises `StaleDecision` if the rules have changed since the caller was let in.
    """
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        await next_epoch(tx, after=call.snapshot.epoch)
        change = Change(tx)
        yield change
        entry = Entry(outcome=Outcome.DONE, status=change.status, owners=owners)
        await audit.append(tx, call, entry, as_of=call.snapshot.epoch + 1)
    request.app.state.register.forget(call.snapshot)


async def next_epoch(tx: Transaction, *, after: int) -> None:
    """Begin the epoch after this one once all answers of this one are on record, and keep every other change waiting;
    raise `StaleDecision` if it is over, `GovernanceUnsettled` if an answer is on its way for too long."""
    await tx.execute(_NOT_FOR_EVER)
    try:
        await tx.execute(_WAIT_FOR_ANSWERS)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise GovernanceUnsettled(headers={"Retry-After": "1"}) from None
    advanced = update(governance).where(governance.c.epoch == after).values(epoch=after + 1)
    if (await tx.execute(advanced)).rowcount != 1:
        raise StaleDecision


async def tell(tx: Transaction, happened: Happened, *, owner: str, txn: UUID, at: datetime) -> None:
    """Emit an event of the gateway with the change it tells of."""
    await emit(tx, outbox, [happened], source=EVENT_SOURCE, owner=owner, txn=txn, at=at)
