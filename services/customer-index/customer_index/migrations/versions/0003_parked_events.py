"""Events whose turn has not come, or that failed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrate import closed_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORKER = "customer_index_worker"


def upgrade() -> None:
    op.create_table(
        "parked",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("envelope", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("source", "subject", "version", name=op.f("parked_pkey")),
    )
    work = {"work": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)"}
    for statement in closed_table("parked", policies=work, grants={WORKER: "SELECT, INSERT, UPDATE, DELETE"}):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("parked")
