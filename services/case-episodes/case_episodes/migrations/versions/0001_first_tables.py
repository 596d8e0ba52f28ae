"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessments",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lgsl", sa.Integer(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("assessed_by", sa.Text(), nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("assessment_id", name=op.f("assessments_pkey")),
    )
    op.create_index(op.f("assessments_person_id"), "assessments", ["person_id"], unique=False)
    op.create_index(op.f("assessments_record_id"), "assessments", ["record_id"], unique=False)
    op.create_table(
        "episodes",
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("lead", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_case_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("episode_id", name=op.f("episodes_pkey")),
    )
    op.create_index(
        "episodes_open",
        "episodes",
        ["owner", "cluster", "person_id"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(op.f("episodes_person_id"), "episodes", ["person_id"], unique=False)
    op.create_index(op.f("episodes_record_id"), "episodes", ["record_id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org", "subject", "key", name=op.f("idempotency_pkey")),
    )
    op.create_index("idempotency_at", "idempotency", ["at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "subject", name=op.f("inbox_pkey")),
    )
    op.create_table(
        "memberships",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "person_id", name=op.f("memberships_pkey")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("aggregate_version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("txn", sa.Uuid(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pkey")),
    )
    op.create_index("outbox_unpublished", "outbox", ["id"], unique=False, postgresql_where="published_at IS NULL")
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
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Uuid(), nullable=False),
        sa.Column("lgsl", sa.Integer(), nullable=False),
        sa.Column("lgil", sa.Integer(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("speed", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("household", sa.Boolean(), nullable=False),
        sa.Column("postcode_sector", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.episode_id"], name=op.f("cases_episode_id_fkey")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("cases_pkey")),
    )
    op.create_index(op.f("cases_episode_id"), "cases", ["episode_id"], unique=False)
    op.create_index(op.f("cases_person_id"), "cases", ["person_id"], unique=False)
    op.create_index(
        "cases_queue",
        "cases",
        ["owner", "opened_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'in-progress', 'waiting', 'reopened')"),
    )
    op.create_index(op.f("cases_record_id"), "cases", ["record_id"], unique=False)
    op.create_table(
        "reuses",
        sa.Column("reuse_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_owner", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("for_lgsl", sa.Integer(), nullable=False),
        sa.Column("re_asks_avoided", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessments.assessment_id"], name=op.f("reuses_assessment_id_fkey")
        ),
        sa.PrimaryKeyConstraint("reuse_id", name=op.f("reuses_pkey")),
    )
    op.create_index(op.f("reuses_assessment_id"), "reuses", ["assessment_id"], unique=False)
    op.create_table(
        "case_notes",
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name=op.f("case_notes_case_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("note_id", name=op.f("case_notes_pkey")),
    )
    op.create_index(op.f("case_notes_case_id"), "case_notes", ["case_id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("episode_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("lgsl", sa.Integer(), nullable=False),
        sa.Column("lgil", sa.Integer(), nullable=False),
        sa.Column("access_point", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("resolved_at_first_contact", sa.Boolean(), nullable=True),
        sa.Column("hand_offs", sa.Integer(), nullable=True),
        sa.Column("unresolved_reason", sa.Text(), nullable=True),
        sa.Column("needs_met", sa.Text(), nullable=True),
        sa.Column("satisfaction", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("postcode_sector", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("contacts_case_id_fkey")),
        sa.ForeignKeyConstraint(["episode_id"], ["episodes.episode_id"], name=op.f("contacts_episode_id_fkey")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("contacts_pkey")),
    )
    op.create_index(op.f("contacts_case_id"), "contacts", ["case_id"], unique=False)
    op.create_index(op.f("contacts_episode_id"), "contacts", ["episode_id"], unique=False)
    op.create_index(op.f("contacts_person_id"), "contacts", ["person_id"], unique=False)
    op.create_index(op.f("contacts_record_id"), "contacts", ["record_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("contacts_record_id"), table_name="contacts")
    op.drop_index(op.f("contacts_person_id"), table_name="contacts")
    op.drop_index(op.f("contacts_episode_id"), table_name="contacts")
    op.drop_index(op.f("contacts_case_id"), table_name="contacts")
    op.drop_table("contacts")
    op.drop_index(op.f("case_notes_case_id"), table_name="case_notes")
    op.drop_table("case_notes")
    op.drop_index(op.f("reuses_assessment_id"), table_name="reuses")
    op.drop_table("reuses")
    op.drop_index(op.f("cases_record_id"), table_name="cases")
    op.drop_index(
        "cases_queue",
        table_name="cases",
        postgresql_where=sa.text("status IN ('open', 'in-progress', 'waiting', 'reopened')"),
    )
    op.drop_index(op.f("cases_person_id"), table_name="cases")
    op.drop_index(op.f("cases_episode_id"), table_name="cases")
    op.drop_table("cases")
    op.drop_table("parked")
    op.drop_index("outbox_unpublished", table_name="outbox", postgresql_where="published_at IS NULL")
    op.drop_table("outbox")
    op.drop_table("memberships")
    op.drop_table("inbox")
    op.drop_index("idempotency_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("episodes_record_id"), table_name="episodes")
    op.drop_index(op.f("episodes_person_id"), table_name="episodes")
    op.drop_index("episodes_open", table_name="episodes", postgresql_where=sa.text("status = 'open'"))
    op.drop_table("episodes")
    op.drop_index(op.f("assessments_record_id"), table_name="assessments")
    op.drop_index(op.f("assessments_person_id"), table_name="assessments")
    op.drop_table("assessments")
