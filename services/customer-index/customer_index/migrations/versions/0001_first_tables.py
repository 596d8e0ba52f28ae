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
        "inbox",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "subject", name=op.f("inbox_pkey")),
    )
    op.create_table(
        "link_queue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("link_queue_pkey")),
    )
    op.create_table(
        "linkage_flows",
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("service_areas", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", "provider", "recipient", name=op.f("linkage_flows_pkey")),
    )
    op.create_table(
        "loads",
        sa.Column("load_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("txn", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("received", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created", sa.Integer(), server_default="0", nullable=False),
        sa.Column("linked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("review", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("body_digest", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("load_id", name=op.f("loads_pkey")),
    )
    op.create_index("loads_idempotency", "loads", ["owner", "subject", "idempotency_key"], unique=True)
    op.create_index(
        "loads_waiting",
        "loads",
        ["sequence"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
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
        "persons",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["persons.person_id"], name=op.f("persons_merged_into_fkey")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("persons_pkey")),
    )
    op.create_table(
        "records",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("local_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("asserted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("records_pkey")),
        sa.UniqueConstraint("owner", "source", "local_id", name=op.f("records_owner_source_local_id_key")),
    )
    op.create_table(
        "sources",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("service_area", sa.Text(), nullable=False),
        sa.Column("trust", sa.Integer(), nullable=False),
        sa.Column("linkage", sa.Text(), nullable=False),
        sa.Column("statutory_bar", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("owner", "source", name=op.f("sources_pkey")),
    )
    op.create_table(
        "block_keys",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.record_id"], name=op.f("block_keys_record_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "owner", "record_id", name=op.f("block_keys_pkey")),
    )
    op.create_index(op.f("block_keys_record_id"), "block_keys", ["record_id"], unique=False)
    op.create_table(
        "links",
        sa.Column("first_owner", sa.Text(), nullable=False),
        sa.Column("first_person", sa.Uuid(), nullable=False),
        sa.Column("second_owner", sa.Text(), nullable=False),
        sa.Column("second_person", sa.Uuid(), nullable=False),
        sa.Column("first_areas", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("second_areas", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_person"], ["persons.person_id"], name=op.f("links_first_person_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_person"], ["persons.person_id"], name=op.f("links_second_person_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("first_person", "second_person", name=op.f("links_pkey")),
    )
    op.create_index(op.f("links_second_person"), "links", ["second_person"], unique=False)
    op.create_table(
        "load_chunks",
        sa.Column("load_id", sa.Uuid(), nullable=False),
        sa.Column("first_line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["load_id"], ["loads.load_id"], name=op.f("load_chunks_load_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("load_id", "first_line", name=op.f("load_chunks_pkey")),
    )
    op.create_table(
        "load_rejects",
        sa.Column("load_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("local_id", sa.Text(), nullable=True),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["load_id"], ["loads.load_id"], name=op.f("load_rejects_load_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("load_id", "line", name=op.f("load_rejects_pkey")),
    )
    op.create_table(
        "members",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.person_id"], name=op.f("members_person_id_fkey")),
        sa.ForeignKeyConstraint(
            ["record_id"], ["records.record_id"], name=op.f("members_record_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("members_pkey")),
    )
    op.create_index(op.f("members_person_id"), "members", ["person_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("first_owner", sa.Text(), nullable=False),
        sa.Column("first_person", sa.Uuid(), nullable=False),
        sa.Column("second_owner", sa.Text(), nullable=False),
        sa.Column("second_person", sa.Uuid(), nullable=False),
        sa.Column("waterfall", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_person"], ["persons.person_id"], name=op.f("reviews_first_person_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_person"], ["persons.person_id"], name=op.f("reviews_second_person_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("reviews_pkey")),
    )
    op.create_index(op.f("reviews_first_person"), "reviews", ["first_person"], unique=False)
    op.create_index(
        "reviews_open_pair",
        "reviews",
        ["first_person", "second_person"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(op.f("reviews_second_person"), "reviews", ["second_person"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("reviews_second_person"), table_name="reviews")
    op.drop_index("reviews_open_pair", table_name="reviews", postgresql_where=sa.text("status = 'open'"))
    op.drop_index(op.f("reviews_first_person"), table_name="reviews")
    op.drop_table("reviews")
    op.drop_index(op.f("members_person_id"), table_name="members")
    op.drop_table("members")
    op.drop_table("load_rejects")
    op.drop_table("load_chunks")
    op.drop_index(op.f("links_second_person"), table_name="links")
    op.drop_table("links")
    op.drop_index(op.f("block_keys_record_id"), table_name="block_keys")
    op.drop_table("block_keys")
    op.drop_table("sources")
    op.drop_table("records")
    op.drop_table("persons")
    op.drop_index("outbox_unpublished", table_name="outbox", postgresql_where="published_at IS NULL")
    op.drop_table("outbox")
    op.drop_index("loads_waiting", table_name="loads", postgresql_where=sa.text("status IN ('queued', 'running')"))
    op.drop_index("loads_idempotency", table_name="loads")
    op.drop_table("loads")
    op.drop_table("linkage_flows")
    op.drop_table("link_queue")
    op.drop_table("inbox")
