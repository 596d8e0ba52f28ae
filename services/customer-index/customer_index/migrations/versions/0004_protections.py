"""Protected and sealed people, and people who do not exist for a worker.

Restrictive policies, because a second permissive one would widen. A person goes with its members, and a record or a key
of somebody else's with its member: so `members` alone says who is sealed, and asks no other table. What is protected by
what key is the business of its own organisation while it changes something.

    hidden    records that do not exist for this worker (`scv.hidden`), the own organisation's too
    sealed    people who do not exist for another organisation, nor for the worker that links
    name      all own records by name, for a steward who protects the person they make up (`scv.naming`)
    seal      the links and reviews of who is sealed, for being removed
    conceal   all records of somebody who is to be hidden, whatever scope they are of (`scv.concealing`)
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrate import closed_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP, WORKER = "customer_index_app", "customer_index_worker"

ORG = "(SELECT current_setting('scv.org', true))"
MATCHING = "(SELECT current_setting('scv.matching_owner', true))"
NAMING = "(SELECT current_setting('scv.naming', true))"


def _ids(setting: str) -> str:
    listed = f"string_to_array(NULLIF(current_setting('{setting}', true), ''), ',')"
    return f"((SELECT COALESCE({listed}, '{{}}'))::uuid[])"


NOT_HIDDEN = f"record_id <> ALL {_ids('scv.hidden')}"

POLICIES = {
    "records": {
        "name": f"FOR SELECT TO {APP} USING (owner = {NAMING})",
        "hidden": f"AS RESTRICTIVE FOR SELECT TO {APP} USING ({NOT_HIDDEN})",
        "sealed": f"AS RESTRICTIVE FOR SELECT TO {APP} USING (owner = {ORG}"
        " OR EXISTS (SELECT 1 FROM members WHERE members.record_id = records.record_id))",
    },
    "members": {
        "conceal": f"FOR SELECT TO {APP} USING (person_id = ANY {_ids('scv.concealing')})",
        "hidden": f"AS RESTRICTIVE FOR SELECT TO {APP} USING ({NOT_HIDDEN})",
        "sealed": f"AS RESTRICTIVE FOR SELECT TO {APP} USING (owner = {ORG} OR NOT sealed)",
        "unlinkable": f"AS RESTRICTIVE FOR SELECT TO {WORKER} USING (NOT sealed)",
    },
    "links": {"seal": f"FOR ALL TO {APP} USING ({NAMING} IN (first_owner, second_owner))"},
    "reviews": {"seal": f"FOR ALL TO {APP} USING ({NAMING} IN (first_owner, second_owner))"},
    "block_keys": {
        "hidden": f"AS RESTRICTIVE FOR SELECT TO {APP} USING ({NOT_HIDDEN})",
        "sealed": f"AS RESTRICTIVE FOR SELECT TO {APP} USING (owner = {ORG}"
        " OR EXISTS (SELECT 1 FROM members WHERE members.record_id = block_keys.record_id))",
    },
}

PROTECTIONS = (
    {
        "keep": f"FOR ALL TO {APP} USING (owner = {MATCHING}) WITH CHECK (owner = {MATCHING})",
        "lapse": f"FOR SELECT TO {WORKER} USING (until IS NOT NULL)",
    },
    {APP: "SELECT, INSERT, UPDATE, DELETE", WORKER: "SELECT (owner, until)"},
)


def upgrade() -> None:
    op.add_column("members", sa.Column("sealed", sa.Boolean(), server_default="false", nullable=False))
    op.add_column(
        "members",
        sa.Column("schemes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
    )
    op.create_table(
        "protections",
        sa.Column("protection_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("local_id", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("household_wide", sa.Boolean(), nullable=False),
        sa.Column("by_household", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"], ["members.record_id"], name=op.f("protections_record_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint(
            "owner", "source", "local_id", "scheme", "protection_id", name=op.f("protections_pkey")
        ),
    )
    op.create_index(op.f("protections_protection_id"), "protections", ["protection_id"])
    op.create_index(op.f("protections_record_id"), "protections", ["record_id"])
    op.create_index(op.f("protections_person_id"), "protections", ["person_id"])
    op.create_index("protections_of_households", "protections", ["owner"], postgresql_where=sa.text("household_wide"))
    op.create_index("protections_ending", "protections", ["until"], postgresql_where=sa.text("until IS NOT NULL"))
    policies, grants = PROTECTIONS
    for statement in closed_table("protections", policies=policies, grants=grants):
        op.execute(statement)
    for table, added in POLICIES.items():
        for name, definition in added.items():
            op.execute(f"CREATE POLICY {name} ON {table} {definition}")
    op.execute(f"GRANT DELETE ON links TO {APP}")


def downgrade() -> None:
    op.execute(f"REVOKE DELETE ON links FROM {APP}")
    for table, added in POLICIES.items():
        for name in added:
            op.execute(f"DROP POLICY {name} ON {table}")
    op.drop_table("protections")
    op.drop_column("members", "schemes")
    op.drop_column("members", "sealed")
