"""The rows of the sealed audit: what waits to be sealed, the tree, what opens its leaves, and its checkpoints.

    audit ── audit_unsealed ──▶ audit_leaves ── audit_nodes ── audit_checkpoints ── audit_keys
      └───────────────────────── audit_openings

The application may read all but what waits, of the openings only its organisation's, and change none of it; the worker
may add and, once rows are sealed, take them from what waits. The audit itself is in `tables`.
"""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.tables import metadata

audit_unsealed = Table(
    "audit_unsealed",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""Audit rows that are no leaf yet. Rows commit out of the order of their sequence, so that no position in it could say
what is sealed. Without a foreign key, for it is written by the very statement that writes the audit row."""

audit_leaves = Table(
    "audit_leaves",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
)
"""One leaf for each audit row; it outlives the row."""

audit_nodes = Table(
    "audit_nodes",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)
"""The perfect subtrees above the leaves, each written once, when it is full."""

audit_openings = Table(
    "audit_openings",
    metadata,
    Column("leaf_index", BigInteger, ForeignKey("audit_leaves.leaf_index"), primary_key=True, autoincrement=False),
    Column("reader", Text, primary_key=True),
    Column("version", SmallInteger, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("path", LargeBinary, nullable=False),
)
"""What an organisation needs beside its view of an audit row to show that the leaf was made of it (`leaf`)."""

audit_keys = Table(
    "audit_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("jwk", JSONB, nullable=False),
)
"""Public keys of all checkpoints there are."""

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("tree_size", BigInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("root_hash", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("key_id", Text, ForeignKey("audit_keys.key_id"), nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
