"""Sealing: every audit row becomes one leaf of the log, and every batch of leaves ends in a signed checkpoint.

In this room: the one transaction of a batch, which costs as much as the batch is long and the tree is high and reads
nothing of the log but its edge. Done by the worker role, which sees of the audit only what waits. Not in this room:
what a leaf is made of (`leaf`), the tree (`merkle`), and when it is time (`jobs`).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import delete, insert, select, text

from gateway.checkpoint import Checkpoint, Signer
from gateway.leaf import VERSION, SealedRow, seal_row
from gateway.log_tables import audit_checkpoints, audit_unsealed
from gateway.merkle import Frontier, Growth, Range, cover, grow
from gateway.queries.sealing import find_hashes, newest_checkpoint
from gateway.tables import audit
from shared.db import Transaction, rows_of

BATCH: Final = 1000

_ADD_LEAVES: Final = text(
    "INSERT INTO audit_leaves (leaf_index, sequence, hash) SELECT * FROM"
    " unnest(CAST(:indexes AS bigint[]), CAST(:sequences AS bigint[]), CAST(:hashes AS bytea[]))"
)
_ADD_NODES: Final = text(
    "INSERT INTO audit_nodes (level, index, hash) SELECT * FROM"
    " unnest(CAST(:levels AS smallint[]), CAST(:indexes AS bigint[]), CAST(:hashes AS bytea[]))"
)
_ADD_OPENINGS: Final = text(
    "INSERT INTO audit_openings (leaf_index, reader, version, salt, slot, path)"
    " SELECT leaf_index, reader, :version, salt, slot, path FROM"
    " unnest(CAST(:indexes AS bigint[]), CAST(:readers AS text[]), CAST(:salts AS bytea[]), CAST(:slots AS integer[]),"
    " CAST(:paths AS bytea[])) AS openings(leaf_index, reader, salt, slot, path)"
)
_ADD_KEY: Final = text(
    "INSERT INTO audit_keys (key_id, jwk) VALUES (:key_id, CAST(:jwk AS jsonb)) ON CONFLICT DO NOTHING"
)

_KEY_OF_THAT_NAME: Final = text("SELECT jwk ->> 'x' FROM audit_keys WHERE key_id = :key_id")


class LogDamaged(Exception):
    """The log is not the one its newest checkpoint was signed of; nothing more is sealed onto it."""


class KeyNameTaken(Exception):
    """Checkpoints were signed before by another key of the same `kid`; nobody could tell whose is whose."""


class AnotherSealer(Exception):
    """Somebody else has sealed what this batch was about to seal."""


async def seal_batch(tx: Transaction, signer: Signer, *, at: datetime, limit: int = BATCH) -> int:
    """Seal the audit rows that wait, in order of their sequence, and sign the log; give how many there were.

    Two at once do no harm: one of them fails, with `AnotherSealer` or on an index that is taken. Raises `LogDamaged`
    and `KeyNameTaken`.
    """
    waiting = select(audit).join(audit_unsealed, audit_unsealed.c.sequence == audit.c.sequence)
    rows = rows_of(await tx.execute(waiting.order_by(audit.c.sequence).limit(limit)))
    if not rows:
        return 0
    sequences = [row["sequence"] for row in rows]
    taken = await tx.execute(delete(audit_unsealed).where(audit_unsealed.c.sequence.in_(sequences)))
    if taken.rowcount != len(rows):
        raise AnotherSealer
    frontier = await _frontier(tx)
    sealed = []
    for row in rows:
        sealed.append(seal_row(row))
        await asyncio.sleep(0)  # whatever else this process does comes in between
    growth = grow(frontier, [each.hash for each in sealed])
    await _append(tx, sealed, sequences=sequences, start=frontier.size, growth=growth)
    await _sign(tx, signer.sign(growth.frontier.root(), tree_size=growth.frontier.size, at=at), signer=signer)
    return len(rows)


async def _frontier(tx: Transaction) -> Frontier:
    newest = await newest_checkpoint(tx)
    if newest is None:
        return Frontier()
    peaks = cover(Range(0, newest.tree_size))
    hashes = await find_hashes(tx, peaks)
    frontier = Frontier(newest.tree_size, tuple(hashes[peak] for peak in peaks if peak in hashes))
    if len(frontier.peaks) != len(peaks) or frontier.root() != newest.root_hash:
        raise LogDamaged
    return frontier


async def _append(
    tx: Transaction, sealed: Sequence[SealedRow], *, sequences: list[int], start: int, growth: Growth
) -> None:
    leaves = {
        "indexes": list(range(start, growth.frontier.size)),
        "sequences": sequences,
        "hashes": [each.hash for each in sealed],
    }
    nodes = {
        "levels": [node.level for node in growth.completed],
        "indexes": [node.index for node in growth.completed],
        "hashes": list(growth.completed.values()),
    }
    openings = [
        (index, reader, opening)
        for index, each in enumerate(sealed, start=start)
        for reader, opening in each.openings.items()
    ]
    opens: dict[str, Any] = {
        "version": VERSION,
        "indexes": [index for index, _, _ in openings],
        "readers": [reader for _, reader, _ in openings],
        "salts": [opening.salt for _, _, opening in openings],
        "slots": [opening.slot for _, _, opening in openings],
        "paths": [b"".join(opening.path) for _, _, opening in openings],
    }
    for statement, values in ((_ADD_LEAVES, leaves), (_ADD_NODES, nodes), (_ADD_OPENINGS, opens)):
        await tx.execute(statement, values)


async def _sign(tx: Transaction, checkpoint: Checkpoint, *, signer: Signer) -> None:
    await tx.execute(_ADD_KEY, {"key_id": signer.key_id, "jwk": to_json(signer.public_key).decode()})
    if (await tx.execute(_KEY_OF_THAT_NAME, {"key_id": signer.key_id})).scalar_one() != signer.public_key["x"]:
        raise KeyNameTaken
    await tx.execute(
        insert(audit_checkpoints).values(
            tree_size=checkpoint.tree_size,
            origin=checkpoint.origin,
            root_hash=checkpoint.root_hash,
            at=checkpoint.at,
            key_id=checkpoint.key_id,
            signature=checkpoint.signature,
        )
    )
