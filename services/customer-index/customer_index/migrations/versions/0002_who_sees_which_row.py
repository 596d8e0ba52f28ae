"""Who sees which row.

The application sees what the call's permit opened (`scv.scopes`, `scv.pairs`), and for a change all rows of the
changing organisation that matching compares (`scv.matching_owner`), never their verbatim data. The worker sees the
comparison columns of the owners whose persons it links (`scv.link_owners`). What is not set opens nothing.
"""

from alembic import op

from shared.migrate import closed_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP, WORKER = "customer_index_app", "customer_index_worker"


def _listed(setting: str) -> str:
    return f"ANY ((SELECT string_to_array(current_setting('{setting}', true), ','))::text[])"


ORG = "(SELECT current_setting('scv.org', true))"
MATCHING = "(SELECT current_setting('scv.matching_owner', true))"
WRITE_SCOPE = "(SELECT current_setting('scv.write_scope', true))"
GRANTED = f"scope = {_listed('scv.scopes')}"
READABLE = f"{GRANTED} AND (owner = {ORG} OR NOT owner || '/' || source = {_listed('scv.barred')})"
LINKED_OWNER = f"owner = {_listed('scv.link_owners')}"
LINKED_OWNERS = f"first_owner = {_listed('scv.link_owners')} AND second_owner = {_listed('scv.link_owners')}"
WRITING = f"owner = {ORG} AND scope = {WRITE_SCOPE}"

TABLES = {
    "records": (
        {
            "read": f"FOR SELECT TO {APP} USING ({READABLE})",
            "add": f"FOR INSERT TO {APP} WITH CHECK ({WRITING})",
            "change": f"FOR UPDATE TO {APP} USING ({WRITING}) WITH CHECK ({WRITING})",
            "withdraw": f"FOR DELETE TO {APP} USING ({WRITING})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "members": (
        {
            "read": f"FOR SELECT TO {APP} USING ({READABLE} OR owner = {MATCHING})",
            "match": f"FOR ALL TO {APP} USING (owner = {MATCHING}) WITH CHECK (owner = {MATCHING})",
            "link": f"FOR SELECT TO {WORKER} USING ({LINKED_OWNER})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE", WORKER: "SELECT"},
    ),
    "block_keys": (
        {
            "read": f"FOR SELECT TO {APP} USING ({GRANTED} OR owner = {MATCHING})",
            "match": f"FOR ALL TO {APP} USING (owner = {MATCHING}) WITH CHECK (owner = {MATCHING})",
            "link": f"FOR SELECT TO {WORKER} USING ({LINKED_OWNER})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE", WORKER: "SELECT"},
    ),
    "persons": (
        {
            "read": f"FOR SELECT TO {APP} USING (owner = {MATCHING} OR EXISTS (SELECT 1 FROM members"
            " WHERE members.person_id = COALESCE(persons.merged_into, persons.person_id)))",
            "match": f"FOR ALL TO {APP} USING (owner = {MATCHING}) WITH CHECK (owner = {MATCHING})",
            "link": f"FOR SELECT TO {WORKER} USING ({LINKED_OWNER})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE", WORKER: "SELECT"},
    ),
    "links": (
        {
            "read": f"FOR SELECT TO {APP} USING (first_owner || '|' || second_owner = {_listed('scv.pairs')})",
            "link": f"FOR ALL TO {WORKER} USING ({LINKED_OWNERS}) WITH CHECK ({LINKED_OWNERS})",
        },
        {APP: "SELECT", WORKER: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "reviews": (
        {
            "match": f"FOR ALL TO {APP} USING (kind = 'record' AND first_owner = {MATCHING})"
            f" WITH CHECK (kind = 'record' AND first_owner = {MATCHING} AND second_owner = {MATCHING})",
            "link": f"FOR ALL TO {WORKER} USING (kind = 'link' AND {LINKED_OWNERS})"
            f" WITH CHECK (kind = 'link' AND {LINKED_OWNERS})",
        },
        {APP: "SELECT, INSERT, UPDATE, DELETE", WORKER: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "loads": (
        {
            "own": f"FOR ALL TO {APP} USING (owner = {ORG}) WITH CHECK (owner = {ORG})",
            "waiting": f"FOR SELECT TO {WORKER} USING (status IN ('queued', 'running'))",
        },
        {
            APP: "SELECT, INSERT, UPDATE",
            WORKER: "SELECT (load_id, sequence, owner, source, scope, txn, status)",
        },
    ),
    "load_chunks": (
        {"own": f"FOR ALL TO {APP} USING (owner = {ORG}) WITH CHECK (owner = {ORG})"},
        {APP: "SELECT, INSERT, DELETE"},
    ),
    "load_rejects": (
        {"own": f"FOR ALL TO {APP} USING (owner = {ORG}) WITH CHECK (owner = {ORG})"},
        {APP: "SELECT, INSERT"},
    ),
    "link_queue": (
        {
            "ask": f"FOR INSERT TO {APP} WITH CHECK (owner = {MATCHING})",
            "work": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
        },
        {APP: "INSERT", WORKER: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "outbox": (
        {
            "emit": f"FOR INSERT TO {APP} WITH CHECK (true)",
            "relay": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
        },
        {APP: "INSERT", WORKER: "SELECT, INSERT, UPDATE, DELETE"},
    ),
}


def upgrade() -> None:
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)
    op.execute(f"GRANT SELECT, INSERT ON sources TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON sources TO {WORKER}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON linkage_flows, inbox TO {WORKER}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}, {WORKER}")


def downgrade() -> None:
    for table, (policies, _) in TABLES.items():
        for policy in policies:
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
