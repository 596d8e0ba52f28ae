"""Which referrals belong to which episode, and what came of them.

Seen where the call's permit grants the scope `referrals` (`scv.referrals`), and held back like any row about somebody;
only the worker, which hears of them, writes them. Older code neither reads nor writes them.
"""

import sqlalchemy as sa
from alembic import op

from shared.migrate import closed_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
serves_from = "0004"

APP, WORKER = "case_episodes_app", "case_episodes_worker"

ORG = "(SELECT NULLIF(current_setting('scv.org', true), ''))"
HIDDEN = "(SELECT string_to_array(NULLIF(current_setting('scv.hidden', true), ''), ','))"
GRANTED = "scope = ANY ((SELECT string_to_array(current_setting('scv.referrals', true), ','))::text[])"
RESTRICTIONS = {
    "not_hidden": f"record_id <> ALL (COALESCE({HIDDEN}, '{{}}')::uuid[])",
    "not_sealed": f"owner = {ORG} OR {ORG} IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM guarded_records WHERE guarded_records.record_id = episode_referrals.record_id AND sealed)",
}


def upgrade() -> None:
    op.create_table(
        "episode_referrals",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episodes.episode_id"], name=op.f("episode_referrals_episode_id_fkey")
        ),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("episode_referrals_pkey")),
    )
    for column in ("episode_id", "person_id", "record_id"):
        op.create_index(op.f(f"episode_referrals_{column}"), "episode_referrals", [column], unique=False)
    policies = {
        "read": f"FOR SELECT TO {APP} USING ({GRANTED})",
        "keep": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
    }
    grants = {APP: "SELECT", WORKER: "SELECT, INSERT, UPDATE"}
    for statement in closed_table("episode_referrals", policies=policies, grants=grants):
        op.execute(statement)
    for name, condition in RESTRICTIONS.items():
        op.execute(f"CREATE POLICY {name} ON episode_referrals AS RESTRICTIVE FOR SELECT TO {APP} USING ({condition})")


def downgrade() -> None:
    op.drop_table("episode_referrals")
