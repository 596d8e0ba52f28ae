"""Records that are protected or sealed, and records that do not exist for this worker.

Whatever else opens a referral, the application does not see it if its record is among those hidden from the worker
(`scv.hidden`), nor if the record is sealed, unless it is its own organisation's or was sent to it. A partner keeps a
referral that it was told of, but what is left to read in it is decided at each reading. History and payload go with
their referral.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrate import closed_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APP, WORKER = "referrals_app", "referrals_worker"

ORG = "(SELECT NULLIF(current_setting('scv.org', true), ''))"
RECEIVING = "(SELECT current_setting('scv.receiving', true))"
HIDDEN = "(SELECT string_to_array(NULLIF(current_setting('scv.hidden', true), ''), ','))"

RESTRICTIONS = {
    "referrals": {
        "not_hidden": f"record_id <> ALL (COALESCE({HIDDEN}, '{{}}')::uuid[])",
        "not_sealed": f"owner = {ORG} OR partner = {RECEIVING} OR {ORG} IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM guarded_records WHERE guarded_records.record_id = referrals.record_id AND sealed)",
    },
    "payloads": {
        "with_its_referral": "EXISTS (SELECT 1 FROM referrals WHERE referrals.referral_id = payloads.referral_id)"
    },
}
"""The second of two permissive policies would widen; these narrow whatever the others open. The history's own policy
asks for its referral already."""


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
