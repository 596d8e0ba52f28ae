"""Questions about the log that the audit is sealed into: its checkpoints and keys, hashes for proofs, leaves and what
opens them. Row-level security gives an organisation the rows it may read and the openings that are its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Select, func, select, text

from gateway.checkpoint import Checkpoint
from gateway.inspection import LoggedLeaf
from gateway.leaf import Opening, canonical, content_of, seen_by
from gateway.log_tables import audit_checkpoints, audit_keys, audit_leaves, audit_openings, audit_unsealed
from gateway.merkle import Node, Range, cover, hash_of
from gateway.tables import audit
from shared.db import Transaction, rows_of

_HASH_BYTES = 32

_HASHES = text(
    "SELECT 0 AS level, leaf_index AS place, hash FROM audit_leaves WHERE leaf_index = ANY (CAST(:leaves AS bigint[]))"
    " UNION ALL SELECT level, index, hash FROM audit_nodes JOIN"
    " unnest(CAST(:levels AS smallint[]), CAST(:indexes AS bigint[])) AS wanted(level, index) USING (level, index)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCall:
    """An audit row of a call: whether it is sealed yet, and where."""

    sequence: int
    leaf_index: int | None


async def newest_checkpoint(tx: Transaction) -> Checkpoint | None:
    """Give the newest checkpoint; the tree it was signed of is the whole log, for a batch is sealed with its own."""
    newest = select(audit_checkpoints).order_by(audit_checkpoints.c.tree_size.desc()).limit(1)
    return next(iter(await _checkpoints(tx, newest)), None)


async def list_checkpoints(tx: Transaction, *, after: int, before: int | None, limit: int) -> list[Checkpoint]:
    """List checkpoints of sizes above `after`, and below `before` if it is given, newest first."""
    query = select(audit_checkpoints).where(audit_checkpoints.c.tree_size > after)
    if before is not None:
        query = query.where(audit_checkpoints.c.tree_size < before)
    return await _checkpoints(tx, query.order_by(audit_checkpoints.c.tree_size.desc()).limit(limit))


async def list_keys(tx: Transaction) -> list[dict[str, Any]]:
    """List the public JWKs of all checkpoints there are."""
    return list((await tx.execute(select(audit_keys.c.jwk).order_by(audit_keys.c.key_id))).scalars())


async def find_hashes(tx: Transaction, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """Find the hashes of perfect subtrees, as far as they are full."""
    wanted = list(nodes)
    above = [node for node in wanted if node.level]
    found = await tx.execute(
        _HASHES,
        {
            "leaves": [node.index for node in wanted if not node.level],
            "levels": [node.level for node in above],
            "indexes": [node.index for node in above],
        },
    )
    return {Node(row.level, row.place): row.hash for row in found}


async def hashes_of(tx: Transaction, ranges: list[Range]) -> list[bytes]:
    """Give the hashes of the subtrees that a proof names, in its order."""
    hashes = await find_hashes(tx, [node for each in ranges for node in cover(each)])
    return [hash_of(each, hashes) for each in ranges]


async def find_call(tx: Transaction, audit_id: UUID) -> SealedCall | None:
    """Find the newest row of a call, where the organisation may read of it."""
    query = (
        select(audit.c.sequence, audit_leaves.c.leaf_index)
        .outerjoin(audit_leaves, audit_leaves.c.sequence == audit.c.sequence)
        .where(audit.c.audit_id == audit_id)
        .order_by(audit.c.sequence.desc())
        .limit(1)
    )
    found = (await tx.execute(query)).one_or_none()
    return None if found is None else SealedCall(sequence=found.sequence, leaf_index=found.leaf_index)


async def list_leaves(tx: Transaction, *, org: str, start: int, limit: int) -> list[LoggedLeaf]:
    """List leaves from an index on, with what an organisation may read of their rows and what opens them for it."""
    opening = audit_openings
    query = (
        select(
            audit_leaves.c.leaf_index,
            audit_leaves.c.hash,
            opening.c.salt,
            opening.c.slot,
            opening.c.path,
            *audit.c,
        )
        .outerjoin(opening, (opening.c.leaf_index == audit_leaves.c.leaf_index) & (opening.c.reader == org))
        .outerjoin(audit, (audit.c.sequence == audit_leaves.c.sequence) & opening.c.salt.is_not(None))
        .where(audit_leaves.c.leaf_index >= start, audit_leaves.c.leaf_index < start + limit)
        .order_by(audit_leaves.c.leaf_index)
    )
    return [_leaf(row, org=org) for row in rows_of(await tx.execute(query))]


async def seal_age(tx: Transaction, *, at: datetime) -> float:
    """Give how many seconds the audit row that waits longest has waited to be sealed; 0 if none waits.

    For the worker role: the application cannot read what waits.
    """
    oldest = (await tx.execute(select(func.min(audit_unsealed.c.at)))).scalar_one()
    return 0.0 if oldest is None else max(0.0, (at - oldest).total_seconds())


async def _checkpoints(tx: Transaction, query: Select[Any]) -> list[Checkpoint]:
    return [Checkpoint(**row) for row in rows_of(await tx.execute(query))]


def _leaf(row: Mapping[str, Any], *, org: str) -> LoggedLeaf:
    if row["salt"] is None:
        return LoggedLeaf(leaf_index=row["leaf_index"], leaf_hash=row["hash"])
    path = row["path"]
    steps = tuple(path[start : start + _HASH_BYTES] for start in range(0, len(path), _HASH_BYTES))
    body = {column.name: row[column.name] for column in audit.c}
    return LoggedLeaf(
        leaf_index=row["leaf_index"],
        leaf_hash=row["hash"],
        row=None if body["sequence"] is None else from_json(canonical(content_of(seen_by(body, org=org)))),
        opening=Opening(salt=row["salt"], slot=row["slot"], path=steps),
    )
