"""Records that are protected or sealed, and records that do not exist for this worker.

Whatever else opens a row, the application does not see it if its record is among those hidden from the worker
(`scv.hidden`), nor, unless it is its own organisation's, if the record is sealed. What hangs on a row without a record
of its own goes with it: notes with their case, what was made of an assessment with that. An episode is seen by who sees
one of its cases, whoever opened it.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrate import closed_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APP, WORKER = "case_episodes_app", "case_episodes_worker"

ORG = "(SELECT NULLIF(current_setting('scv.org', true), ''))"
HIDDEN = "(SELECT string_to_array(NULLIF(current_setting('scv.hidden', true), ''), ','))"
NOT_HIDDEN = f"record_id <> ALL (COALESCE({HIDDEN}, '{{}}')::uuid[])"


def _not_sealed(table: str) -> str:
    """Say that a row is the own organisation's or its record not sealed; without an organisation it is neither."""
    return (
        f"owner = {ORG} OR {ORG} IS NOT NULL AND NOT EXISTS"
        f" (SELECT 1 FROM guarded_records WHERE guarded_records.record_id = {table}.record_id AND sealed)"
    )


RESTRICTIONS = {
    **{
        table: {"not_hidden": NOT_HIDDEN, "not_sealed": _not_sealed(table)}
        for table in ("cases", "contacts", "assessments")
    },
    "memberships": {"not_hidden": NOT_HIDDEN},
    "case_notes": {"with_its_case": "EXISTS (SELECT 1 FROM cases WHERE cases.case_id = case_notes.case_id)"},
    "reuses": {
        "with_its_assessment": "EXISTS (SELECT 1 FROM assessments"
        " WHERE assessments.assessment_id = reuses.assessment_id)"
    },
}
"""The second of two permissive policies would widen; these narrow whatever the others open."""


def upgrade() -> None:
    op.create_table(
        "guarded_records",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("guarded_records_pkey")),
    )
    policies = {
        "consult": f"FOR SELECT TO {APP} USING ({ORG} IS NOT NULL)",
        "keep": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
    }
    grants = {APP: "SELECT (record_id, protected, sealed)", WORKER: "SELECT, INSERT, UPDATE"}
    for statement in closed_table("guarded_records", policies=policies, grants=grants):
        op.execute(statement)
    for table, restrictions in RESTRICTIONS.items():
        for name, condition in restrictions.items():
            op.execute(f"CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR SELECT TO {APP} USING ({condition})")


def downgrade() -> None:
    for table, restrictions in RESTRICTIONS.items():
        for name in restrictions:
            op.execute(f"DROP POLICY {name} ON {table}")
    op.drop_table("guarded_records")
