"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("audit_sequence")))
    op.create_table(
        "agreements",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("parties", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", name=op.f("agreements_pkey")),
    )
    op.create_index("agreements_created_at", "agreements", ["created_at", "agreement_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("case_reference", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("person_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("person_owners", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("records", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("owners", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("clauses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("audit_pkey")),
    )
    op.create_table(
        "audit_persons",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "sequence", name=op.f("audit_persons_pkey")),
    )
    op.create_table(
        "governance",
        sa.Column("single", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("single", name=op.f("governance_one_row_check")),
        sa.PrimaryKeyConstraint("single", name=op.f("governance_pkey")),
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
        "organisations",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gss", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org", name=op.f("organisations_pkey")),
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
        "agreement_versions",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("suspended_by", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.agreement_id"], name=op.f("agreement_versions_agreement_id_fkey")
        ),
        sa.PrimaryKeyConstraint("agreement_id", "version", name=op.f("agreement_versions_pkey")),
    )
    op.create_index("agreement_versions_status", "agreement_versions", ["status"], unique=False)
    op.create_table(
        "identity_providers",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("jwks", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("algorithms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.org"], name=op.f("identity_providers_org_fkey")),
        sa.PrimaryKeyConstraint("org", "name", name=op.f("identity_providers_pkey")),
        sa.UniqueConstraint("issuer", name=op.f("identity_providers_issuer_key")),
    )
    op.create_table(
        "sources",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("service_area", sa.Text(), nullable=False),
        sa.Column("trust", sa.Integer(), nullable=False),
        sa.Column("linkage", sa.Text(), nullable=False),
        sa.Column("statutory_bar", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.org"], name=op.f("sources_org_fkey")),
        sa.PrimaryKeyConstraint("org", "source", name=op.f("sources_pkey")),
    )
    op.create_table(
        "staff",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("training", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("commitments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org"], ["organisations.org"], name=op.f("staff_org_fkey")),
        sa.PrimaryKeyConstraint("org", "subject", name=op.f("staff_pkey")),
    )
    op.create_table(
        "signatures",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agreement_id", "version"],
            ["agreement_versions.agreement_id", "agreement_versions.version"],
            name=op.f("signatures_agreement_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("agreement_id", "version", "org", name=op.f("signatures_pkey")),
    )


def downgrade() -> None:
    op.drop_table("signatures")
    op.drop_table("staff")
    op.drop_table("sources")
    op.drop_table("identity_providers")
    op.drop_index("agreement_versions_status", table_name="agreement_versions")
    op.drop_table("agreement_versions")
    op.drop_index("outbox_unpublished", table_name="outbox", postgresql_where="published_at IS NULL")
    op.drop_table("outbox")
    op.drop_table("organisations")
    op.drop_index("idempotency_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_table("governance")
    op.drop_table("audit_persons")
    op.drop_table("audit")
    op.drop_index("agreements_created_at", table_name="agreements")
    op.drop_table("agreements")
    op.execute(sa.schema.DropSequence(sa.Sequence("audit_sequence")))
