"""The audit sealed.

The application adds to what waits to be sealed and reads the log; what opens a leaf it reads in the context of the
organisation it opens it for (`scv.org`). The worker reads of the audit only what waits, and adds to the log.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrate import closed_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APP, WORKER = "gateway_app", "gateway_worker"
ORG = "(SELECT current_setting('scv.org', true))"

_LOG = (
    {
        "read": f"FOR SELECT TO {APP}, {WORKER} USING (true)",
        "seal": f"FOR INSERT TO {WORKER} WITH CHECK (true)",
    },
    {APP: "SELECT", WORKER: "SELECT, INSERT"},
)
TABLES = {
    "audit_unsealed": (
        {
            "add": f"FOR INSERT TO {APP} WITH CHECK (true)",
            "seal": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
        },
        {APP: "INSERT", WORKER: "SELECT, DELETE"},
    ),
    "audit_leaves": _LOG,
    "audit_nodes": _LOG,
    "audit_openings": (
        {
            "own": f"FOR SELECT TO {APP} USING (reader = {ORG})",
            "seal": f"FOR INSERT TO {WORKER} WITH CHECK (true)",
        },
        {APP: "SELECT", WORKER: "INSERT"},
    ),
    "audit_keys": _LOG,
    "audit_checkpoints": _LOG,
}


def upgrade() -> None:
    op.create_table(
        "audit_unsealed",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("audit_unsealed_pkey")),
    )
    op.create_table(
        "audit_leaves",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("audit_leaves_pkey")),
        sa.UniqueConstraint("sequence", name=op.f("audit_leaves_sequence_key")),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("audit_nodes_pkey")),
    )
    op.create_table(
        "audit_openings",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["leaf_index"], ["audit_leaves.leaf_index"], name=op.f("audit_openings_leaf_index_fkey")
        ),
        sa.PrimaryKeyConstraint("leaf_index", "reader", name=op.f("audit_openings_pkey")),
    )
    op.create_table(
        "audit_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("jwk", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("audit_keys_pkey")),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("tree_size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("root_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["audit_keys.key_id"], name=op.f("audit_checkpoints_key_id_fkey")),
        sa.PrimaryKeyConstraint("tree_size", name=op.f("audit_checkpoints_pkey")),
    )
    op.create_index("audit_audit_id", "audit", ["audit_id"], unique=False)
    # Row-level security that is forced binds the owner too, who here takes in all rows that were written before.
    op.execute("ALTER TABLE audit NO FORCE ROW LEVEL SECURITY")
    op.execute("INSERT INTO audit_unsealed (sequence, at) SELECT sequence, at FROM audit")
    op.execute("ALTER TABLE audit FORCE ROW LEVEL SECURITY")
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)
    op.execute(
        f"CREATE POLICY seal ON audit FOR SELECT TO {WORKER} USING"
        " (EXISTS (SELECT 1 FROM audit_unsealed WHERE audit_unsealed.sequence = audit.sequence))"
    )
    op.execute(f"GRANT SELECT ON audit TO {WORKER}")


def downgrade() -> None:
    op.execute(f"REVOKE SELECT ON audit FROM {WORKER}")
    op.execute("DROP POLICY seal ON audit")
    op.drop_index("audit_audit_id", table_name="audit")
    for table in ("audit_checkpoints", "audit_keys", "audit_openings", "audit_nodes", "audit_leaves", "audit_unsealed"):
        op.drop_table(table)
