"""Who sees which row.

The application sees the referrals of the scopes that the call's permit opened (`scv.scopes`) and those sent to its
organisation if it receives referrals (`scv.receiving`). A payload is seen by its partner only, while every clause it
rests on is among those in force for the call (`scv.clauses`). The worker moves referrals on and never sees a need, a
reason, a consent or a payload. What is not set opens nothing.
"""

from alembic import op

from shared.migrate import closed_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP, WORKER = "referrals_app", "referrals_worker"


def _list(setting: str) -> str:
    return f"(SELECT string_to_array(current_setting('{setting}', true), ','))::text[]"


ORG = "(SELECT current_setting('scv.org', true))"
RECEIVING = "(SELECT current_setting('scv.receiving', true))"
WRITE_SCOPE = "(SELECT current_setting('scv.write_scope', true))"
GRANTED = f"scope = ANY ({_list('scv.scopes')})"
READABLE = f"{GRANTED} OR partner = {RECEIVING}"
CHANGING = f"(owner = {ORG} AND {GRANTED}) OR partner = {RECEIVING}"
OF_A_REFERRAL = "EXISTS (SELECT 1 FROM referrals WHERE referrals.referral_id = referral_history.referral_id)"

TABLES = {
    "services": (
        {
            "read": f"FOR SELECT TO {APP} USING (true)",
            "enter": f"FOR INSERT TO {APP} WITH CHECK (org = {ORG})",
            "change": f"FOR UPDATE TO {APP} USING (org = {ORG}) WITH CHECK (org = {ORG})",
        },
        {APP: "SELECT, INSERT, UPDATE"},
    ),
    "referrals": (
        {
            "read": f"FOR SELECT TO {APP} USING ({READABLE})",
            "make": f"FOR INSERT TO {APP} WITH CHECK (owner = {ORG} AND scope = {WRITE_SCOPE})",
            "change": f"FOR UPDATE TO {APP} USING ({CHANGING}) WITH CHECK ({CHANGING})",
            "move_on": f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)",
        },
        {
            APP: "SELECT, INSERT, UPDATE",
            WORKER: "SELECT (referral_id, owner, partner, service_id, record_id, person_id, clauses, status, before,"
            " authorised_at, sent_at, due_receive, version), UPDATE (status, before, sent_at, version, person_id)",
        },
    ),
    "referral_history": (
        {
            "read": f"FOR SELECT TO {APP} USING ({OF_A_REFERRAL})",
            "add": f"FOR INSERT TO {APP} WITH CHECK ({OF_A_REFERRAL})",
            "move_on": f"FOR INSERT TO {WORKER} WITH CHECK (true)",
        },
        {APP: "SELECT, INSERT", WORKER: "INSERT"},
    ),
    "payloads": (
        {
            "pull": f"FOR SELECT TO {APP} USING (partner = {RECEIVING} AND clauses <@ {_list('scv.clauses')})",
            "keep": f"FOR INSERT TO {APP} WITH CHECK (owner = {ORG})",
        },
        {APP: "SELECT, INSERT"},
    ),
    "partner_events": (
        {
            "read": f"FOR SELECT TO {APP} USING (partner = {ORG})",
            "tell": f"FOR INSERT TO {APP} WITH CHECK (true)",
            "move_on": f"FOR INSERT TO {WORKER} WITH CHECK (true)",
        },
        {APP: "SELECT, INSERT", WORKER: "INSERT"},
    ),
    "idempotency": (
        {"own": f"FOR ALL TO {APP} USING (org = {ORG}) WITH CHECK (org = {ORG})"},
        {APP: "SELECT, INSERT, DELETE"},
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
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON partner_sequences TO {APP}, {WORKER}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON agreements TO {WORKER}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON inbox, parked TO {WORKER}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}, {WORKER}")


def downgrade() -> None:
    for table, (policies, _) in TABLES.items():
        for policy in policies:
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
