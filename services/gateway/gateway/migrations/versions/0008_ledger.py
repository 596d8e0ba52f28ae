"""The ledger, and the opening.

A change of what decisions are made from adds to the ledger, by a trigger and in no other way; only the worker reads it
and takes it off-site. An answer is put on record only while the database is open.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.ledger import noted, tables_of_the_ledger

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

APP, WORKER = "gateway_app", "gateway_worker"

KEYS = {
    "governance": ["single"],
    "organisations": ["org"],
    "identity_providers": ["org", "name"],
    "sources": ["org", "source"],
    "staff": ["org", "subject"],
    "borough_policies": ["org"],
    "borough_policy_versions": ["org", "version"],
    "mandates": ["org", "mandate_id"],
    "exclusions": ["org", "exclusion_id"],
    "agreements": ["agreement_id"],
    "agreement_versions": ["agreement_id", "version"],
    "signatures": ["agreement_id", "version", "org"],
    "outbox": ["id"],
}
OMITTED = {"exclusions": ["reason"], "outbox": ["published_at"]}

SETTLED_EPOCH = """
CREATE OR REPLACE FUNCTION settled_epoch() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('governance'));
    {open}
    RETURN (SELECT epoch FROM governance);
END $$
"""


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("key", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("image", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("segment", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("ledger_pkey")),
    )
    op.create_index("ledger_unshipped", "ledger", ["id"], unique=False, postgresql_where=sa.text("segment IS NULL"))
    op.create_table(
        "opening",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("ledger", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("segment", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("digest", sa.Text(), server_default=sa.text("repeat('0', 64)"), nullable=False),
        sa.Column("server_started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("relation", postgresql.OID(), nullable=True),
        sa.CheckConstraint("single", name=op.f("opening_one_row_check")),
        sa.PrimaryKeyConstraint("single", name=op.f("opening_pkey")),
    )
    for statement in tables_of_the_ledger(app=APP, worker=WORKER):
        op.execute(statement)
    for table, key in KEYS.items():
        op.execute(noted(table, key=key, omitted=OMITTED.get(table, ())))
    op.execute(SETTLED_EPOCH.format(open="PERFORM require_open();"))


def downgrade() -> None:
    op.execute(SETTLED_EPOCH.format(open=""))
    for table in KEYS:
        op.execute(f"DROP TRIGGER note_in_ledger ON {table}")
    op.execute("DROP FUNCTION note_in_ledger(), require_open(), is_open()")
    op.drop_table("opening")
    op.drop_table("ledger")
