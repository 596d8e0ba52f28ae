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
        "agreements",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clauses", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("agreement_id", name=op.f("agreements_pkey")),
    )
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
        "partner_events",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner", "sequence", name=op.f("partner_events_pkey")),
    )
    op.create_table(
        "partner_sequences",
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", name=op.f("partner_sequences_pkey")),
    )
    op.create_table(
        "referrals",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("need", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("consent", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("clauses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("discloses", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("authorised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("partner_reference", sa.Text(), nullable=True),
        sa.Column("due_receive", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_accept", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_complete", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("referrals_pkey")),
        sa.UniqueConstraint("number", name=op.f("referrals_number_key")),
    )
    op.create_index("referrals_owner", "referrals", ["owner", "number"], unique=False)
    op.create_index("referrals_partner", "referrals", ["partner", "number"], unique=False)
    op.create_index(op.f("referrals_person_id"), "referrals", ["person_id"], unique=False)
    op.create_index(op.f("referrals_record_id"), "referrals", ["record_id"], unique=False)
    op.create_index(
        "referrals_unanswered", "referrals", ["due_receive"], unique=False, postgresql_where=sa.text("status = 'sent'")
    )
    op.create_table(
        "services",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("entry", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("service_id", name=op.f("services_pkey")),
    )
    op.create_index(op.f("services_org"), "services", ["org"], unique=False)
    op.create_table(
        "payloads",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("clauses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("entries", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["referral_id"], ["referrals.referral_id"], name=op.f("payloads_referral_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("payloads_pkey")),
    )
    op.create_table(
        "referral_history",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["referral_id"],
            ["referrals.referral_id"],
            name=op.f("referral_history_referral_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("referral_id", "version", name=op.f("referral_history_pkey")),
    )


def downgrade() -> None:
    op.drop_table("referral_history")
    op.drop_table("payloads")
    op.drop_index(op.f("services_org"), table_name="services")
    op.drop_table("services")
    op.drop_index("referrals_unanswered", table_name="referrals", postgresql_where=sa.text("status = 'sent'"))
    op.drop_index(op.f("referrals_record_id"), table_name="referrals")
    op.drop_index(op.f("referrals_person_id"), table_name="referrals")
    op.drop_index("referrals_partner", table_name="referrals")
    op.drop_index("referrals_owner", table_name="referrals")
    op.drop_table("referrals")
    op.drop_table("partner_sequences")
    op.drop_table("partner_events")
    op.drop_table("parked")
    op.drop_index("outbox_unpublished", table_name="outbox", postgresql_where="published_at IS NULL")
    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_index("idempotency_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_table("agreements")
