"""Decisions of stewards.

A steward sees the reviews of the own organisation, and those of links with another while both link. What was decided
is seen by whoever decided it and, where it is about a link, by matching on both sides.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrate import closed_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APP, WORKER = "customer_index_app", "customer_index_worker"


def _listed(setting: str) -> str:
    return f"ANY ((SELECT string_to_array(current_setting('{setting}', true), ','))::text[])"


ORG = "(SELECT current_setting('scv.org', true))"
MATCHING = "(SELECT current_setting('scv.matching_owner', true))"
ASSERTS_NOTHING = "(SELECT COALESCE(current_setting('scv.write_scope', true), '') = '')"
BOTH_LINK = f"first_owner || '|' || second_owner = {_listed('scv.pairs')}"
BETWEEN_LINKED = f"first_owner <> second_owner AND {BOTH_LINK}"
LINKED_OWNERS = f"first_owner = {_listed('scv.link_owners')} AND second_owner = {_listed('scv.link_owners')}"

TABLES = {
    "stewardship": (
        {
            "read": f"FOR SELECT TO {APP} USING (owner = {ORG})",
            "act": f"FOR ALL TO {APP} USING (owner = {MATCHING}) WITH CHECK (owner = {MATCHING})",
            "link": f"FOR SELECT TO {WORKER} USING (kind = 'link' AND owner = {_listed('scv.link_owners')})",
        },
        {APP: "SELECT, INSERT, UPDATE", WORKER: "SELECT (owner, kind, review_id, undone_at)"},
    ),
    "decisions": (
        {
            "read": f"FOR SELECT TO {APP} USING (owner = {ORG})",
            "match": f"FOR ALL TO {APP} USING (owner = {MATCHING}) WITH CHECK (owner = {MATCHING})",
            "agree": f"FOR SELECT TO {APP} USING ({MATCHING} IN (first_owner, second_owner) AND {BETWEEN_LINKED})",
            "link": f"FOR SELECT TO {WORKER} USING ({LINKED_OWNERS})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE", WORKER: "SELECT"},
    ),
}
MORE_POLICIES = {
    "reviews": {
        "own": f"FOR SELECT TO {APP} USING (kind = 'record' AND first_owner = {ORG})",
        "shared": f"FOR SELECT TO {APP} USING (kind = 'link' AND {ORG} IN (first_owner, second_owner) AND {BOTH_LINK})",
    },
    "links": {
        "decide": f"FOR ALL TO {APP}"
        f" USING ({ASSERTS_NOTHING} AND {MATCHING} IN (first_owner, second_owner) AND {BOTH_LINK})"
        f" WITH CHECK ({ASSERTS_NOTHING} AND {MATCHING} IN (first_owner, second_owner) AND {BOTH_LINK})",
    },
}


def upgrade() -> None:
    op.create_table(
        "stewardship",
        sa.Column("stewardship_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("txn", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("led_to", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("stewardship_id", name=op.f("stewardship_pkey")),
    )
    op.create_index(op.f("stewardship_review_id"), "stewardship", ["review_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("stewardship_id", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("first_owner", sa.Text(), nullable=False),
        sa.Column("second_owner", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("local_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["stewardship_id"],
            ["stewardship.stewardship_id"],
            name=op.f("decisions_stewardship_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("stewardship_id", "record_id", name=op.f("decisions_pkey")),
    )
    op.create_index(op.f("decisions_record_id"), "decisions", ["record_id"], unique=False)
    op.create_index(
        "decisions_withdrawn",
        "decisions",
        ["owner", "source", "local_id"],
        unique=False,
        postgresql_where=sa.text("local_id IS NOT NULL"),
    )
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)
    for table, more in MORE_POLICIES.items():
        for name, definition in more.items():
            op.execute(f"CREATE POLICY {name} ON {table} {definition}")
    op.execute(f"GRANT INSERT, UPDATE, DELETE ON links TO {APP}")
    op.drop_index("reviews_open_pair", table_name="reviews", postgresql_where=sa.text("status = 'open'"))
    op.drop_column("reviews", "status")
    op.create_index("reviews_pair", "reviews", ["first_person", "second_person"], unique=True)
    op.create_index("reviews_of_first", "reviews", ["first_owner", "raised_at", "review_id"], unique=False)
    op.create_index("reviews_of_second", "reviews", ["second_owner", "raised_at", "review_id"], unique=False)


def downgrade() -> None:
    op.drop_index("reviews_of_second", table_name="reviews")
    op.drop_index("reviews_of_first", table_name="reviews")
    op.drop_index("reviews_pair", table_name="reviews")
    op.add_column("reviews", sa.Column("status", sa.Text(), nullable=False, server_default="open"))
    op.create_index(
        "reviews_open_pair",
        "reviews",
        ["first_person", "second_person"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON links FROM {APP}")
    for table, more in MORE_POLICIES.items():
        for name in more:
            op.execute(f"DROP POLICY {name} ON {table}")
    op.drop_table("decisions")
    op.drop_table("stewardship")
