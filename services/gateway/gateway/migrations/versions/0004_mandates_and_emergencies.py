"""Mandates, exclusions and emergency access.

Mandates say which organisation may act for which and name nobody, so every decision reads them; only the organisation
that gives one may write it. Exclusions are read by the organisation that entered them, and by the gateway for the very
worker it is deciding about (`scv.worker`, as `employer/subject`). An emergency access is read by the owner of the data
and by the organisations of the worker, and reviewed by the owner alone.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrate import closed_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP, WORKER = "gateway_app", "gateway_worker"
ORG = "(SELECT current_setting('scv.org', true))"
EXCLUDED = "(SELECT current_setting('scv.worker', true))"

TABLES = {
    "mandates": (
        {
            "decide": f"FOR SELECT TO {APP} USING (true)",
            "give": f"FOR INSERT TO {APP} WITH CHECK (org = {ORG})",
            "change": f"FOR UPDATE TO {APP} USING (org = {ORG}) WITH CHECK (org = {ORG})",
        },
        {APP: "SELECT, INSERT, UPDATE"},
    ),
    "exclusions": (
        {
            "own": f"FOR ALL TO {APP} USING (org = {ORG}) WITH CHECK (org = {ORG})",
            "decide": f"FOR SELECT TO {APP} USING (employer || '/' || subject = {EXCLUDED})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "emergency_accesses": (
        {
            "open": f"FOR INSERT TO {APP} WITH CHECK (organisation = {ORG})",
            "read": f"FOR SELECT TO {APP} USING ({ORG} IN (provider, organisation, acting_for))",
            "review": f"FOR UPDATE TO {APP} USING (provider = {ORG}) WITH CHECK (provider = {ORG})",
            "watch": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
        },
        {
            APP: "SELECT, INSERT, UPDATE (status, reviewed_by, reviewed_at, outcome, review_note)",
            WORKER: "SELECT, UPDATE (status)",
        },
    ),
}


def upgrade() -> None:
    op.create_table(
        "mandates",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("mandate_id", sa.Text(), nullable=False),
        sa.Column("to_org", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("purposes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.org"], name=op.f("mandates_org_fkey")),
        sa.ForeignKeyConstraint(["to_org"], ["organisations.org"], name=op.f("mandates_to_org_fkey")),
        sa.PrimaryKeyConstraint("org", "mandate_id", name=op.f("mandates_pkey")),
    )
    op.create_table(
        "exclusions",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("exclusion_id", sa.Text(), nullable=False),
        sa.Column("employer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("local_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.org"], name=op.f("exclusions_org_fkey")),
        sa.ForeignKeyConstraint(["employer"], ["organisations.org"], name=op.f("exclusions_employer_fkey")),
        sa.PrimaryKeyConstraint("org", "exclusion_id", name=op.f("exclusions_pkey")),
    )
    op.create_index("exclusions_subject", "exclusions", ["employer", "subject"], unique=False)
    op.create_table(
        "emergency_accesses",
        sa.Column("access_id", sa.Uuid(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("acting_for", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("review_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("access_id", name=op.f("emergency_accesses_pkey")),
    )
    op.create_index("emergency_accesses_started_at", "emergency_accesses", ["started_at", "access_id"], unique=False)
    op.create_index(
        "emergency_accesses_open",
        "emergency_accesses",
        ["review_due"],
        unique=False,
        postgresql_where="status = 'open'",
    )
    op.add_column("audit", sa.Column("acting_for", sa.Text(), nullable=True))
    op.add_column("audit", sa.Column("emergency", sa.Text(), nullable=True))
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)
    op.execute(f"ALTER POLICY read ON audit USING (organisation = {ORG} OR acting_for = {ORG} OR {ORG} = ANY (owners))")
    op.execute(f"GRANT INSERT ON outbox TO {WORKER}")


def downgrade() -> None:
    op.execute(f"REVOKE INSERT ON outbox FROM {WORKER}")
    op.execute(f"ALTER POLICY read ON audit USING (organisation = {ORG} OR {ORG} = ANY (owners))")
    op.drop_column("audit", "emergency")
    op.drop_column("audit", "acting_for")
    for table in reversed(TABLES):
        op.drop_table(table)
