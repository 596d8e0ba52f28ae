"""What of the gateway is in the ledger, and what follows when the ledger was replayed.

Everything that a decision is made from, so that nothing that was taken back comes back; and the events that told the
other services of it, so that they learn of what they may have lost as well. Not in it: the audit, which is a record
and no right, and emergency accesses, which grant nothing.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import update

from gateway.tables import (
    agreement_versions,
    agreements,
    borough_policies,
    borough_policy_versions,
    exclusions,
    governance,
    identity_providers,
    mandates,
    organisations,
    outbox,
    signatures,
    sources,
    staff,
)
from shared.db import Transaction
from shared.ledger import Ledgered
from shared.segments import Entry

_REASON: Final = "Restored from the ledger, which keeps no reasons; enter it again."
_FURTHER: Final = 1_000_000
"""More changes than can have been lost, so that a decision of the lost time can never pass for one of today."""

LEDGERED: Final = (
    *(
        Ledgered(table=table)
        for table in (
            governance,
            organisations,
            identity_providers,
            sources,
            staff,
            borough_policies,
            borough_policy_versions,
            mandates,
            agreements,
            agreement_versions,
            signatures,
        )
    ),
    Ledgered(table=exclusions, omitted=["reason"], stand_ins={"reason": _REASON}),
    Ledgered(table=outbox, omitted=["published_at"]),
)


async def replayed(tx: Transaction, changes: Sequence[Entry]) -> None:  # noqa: ARG001  every service's is told
    """Begin an epoch beyond every lost one: whoever has decided anything decides it again."""
    await tx.execute(update(governance).values(epoch=governance.c.epoch + _FURTHER))
