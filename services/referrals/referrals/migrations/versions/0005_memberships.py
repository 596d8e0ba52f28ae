"""Which persons a record came to and which it left, so that referrals follow it whatever the order of events.

Older code neither reads nor writes it; what it consumed meanwhile is followed as before.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrate import closed_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
serves_from = "0004"

APP, WORKER = "referrals_app", "referrals_worker"

ORG = "(SELECT NULLIF(current_setting('scv.org', true), ''))"


def upgrade() -> None:
    op.create_table(
        "memberships",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "person_id", name=op.f("memberships_pkey")),
    )
    policies = {
        "own": f"FOR SELECT TO {APP} USING (owner = {ORG})",
        "keep": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
    }
    grants = {APP: "SELECT", WORKER: "SELECT, INSERT, UPDATE"}
    for statement in closed_table("memberships", policies=policies, grants=grants):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("memberships")
