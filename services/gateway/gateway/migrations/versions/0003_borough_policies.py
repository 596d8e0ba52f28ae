"""Borough policies.

What is in force is read in nobody's context, for every decision is made from it; it is written in its borough's. Who
wrote which version is the borough's own, and is only ever added to.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrate import closed_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APP = "gateway_app"
OWN = "org = (SELECT current_setting('scv.org', true))"

TABLES = {
    "borough_policies": (
        {
            "decide": f"FOR SELECT TO {APP} USING (true)",
            "enter": f"FOR INSERT TO {APP} WITH CHECK ({OWN})",
            "change": f"FOR UPDATE TO {APP} USING ({OWN}) WITH CHECK ({OWN})",
        },
        {APP: "SELECT, INSERT, UPDATE"},
    ),
    "borough_policy_versions": (
        {"own": f"FOR ALL TO {APP} USING ({OWN}) WITH CHECK ({OWN})"},
        {APP: "SELECT, INSERT"},
    ),
}


def upgrade() -> None:
    op.create_table(
        "borough_policies",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.org"], name=op.f("borough_policies_org_fkey")),
        sa.PrimaryKeyConstraint("org", name=op.f("borough_policies_pkey")),
    )
    op.create_table(
        "borough_policy_versions",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["borough_policies.org"], name=op.f("borough_policy_versions_org_fkey")),
        sa.PrimaryKeyConstraint("org", "version", name=op.f("borough_policy_versions_pkey")),
    )
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("borough_policy_versions")
    op.drop_table("borough_policies")
