"""What of customer-index is in the ledger, and what follows when the ledger was replayed.

Protections, by the keys of the records they are anchored on: which record and which person that is today follows from
the restored records. A record that was lost is protected when its source asserts it again. Not in it: records, links
and stewards' decisions, which are data, and come back as old as the backup is.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from customer_index.commands.protection import settle_replayed
from customer_index.tables import metadata, protections
from shared.db import Transaction
from shared.ledger import Ledgered
from shared.replaying import unforced
from shared.segments import Entry

LEDGERED: Final = (Ledgered(table=protections, omitted=["record_id", "person_id"]),)

_ANCHOR: Final = text(
    """
    WITH told AS (
      SELECT records.source, records.local_id, members.record_id, members.person_id
        FROM unnest(:sources, :local_ids) AS key(source, local_id)
             JOIN records ON records.owner = :owner AND records.source = key.source AND records.local_id = key.local_id
             JOIN members ON members.record_id = records.record_id),
    anchored AS (
      UPDATE protections SET record_id = told.record_id, person_id = told.person_id FROM told
       WHERE protections.owner = :owner
         AND protections.source = told.source AND protections.local_id = told.local_id)
    SELECT DISTINCT person_id FROM told
    """
).bindparams(bindparam("sources", type_=ARRAY(Text)), bindparam("local_ids", type_=ARRAY(Text)))


async def replayed(tx: Transaction, changes: Sequence[Entry]) -> None:
    """Anchor the protections that came back, hide whom they hide, and tell the other services of them."""
    keys: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for one in changes:
        keys[one.key["owner"]].add((one.key["source"], one.key["local_id"]))
    async with unforced(tx, metadata.sorted_tables):
        for owner, named in sorted(keys.items()):
            sources, local_ids = zip(*sorted(named), strict=True)
            told = {"owner": owner, "sources": list(sources), "local_ids": list(local_ids)}
            person_ids: set[UUID] = set((await tx.execute(_ANCHOR, told)).scalars())
            await settle_replayed(tx, person_ids, owner=owner, txn=uuid4(), at=datetime.now(UTC))
