"""The ledger of protections, and the opening.

A change of a protection adds to the ledger, by a trigger and in no other way; only the worker reads it and takes it
off-site. While the database is
not open nobody finds a member, neither a call nor the worker that links: asking fails.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.ledger import noted, tables_of_the_ledger

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APP, WORKER = "customer_index_app", "customer_index_worker"

KEY = ["owner", "source", "local_id", "scheme", "protection_id"]
OMITTED = ["record_id", "person_id"]


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
        sa.CheckConstraint("single", name=op.f("one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("opening_pkey")),
    )
    for statement in tables_of_the_ledger(app=APP, worker=WORKER):
        op.execute(statement)
    op.execute(noted("protections", key=KEY, omitted=OMITTED))
    op.execute(
        f"CREATE POLICY opened ON members AS RESTRICTIVE FOR ALL TO {APP}, {WORKER} USING ((SELECT require_open()))"
    )


def downgrade() -> None:
    op.execute("DROP POLICY opened ON members")
    op.execute("DROP TRIGGER note_in_ledger ON protections")
    op.execute("DROP FUNCTION note_in_ledger(), require_open(), is_open()")
    op.drop_table("opening")
    op.drop_table("ledger")
