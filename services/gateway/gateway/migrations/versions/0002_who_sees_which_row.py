"""Who sees which row.

Staff are seen and changed in the context of their organisation (`scv.org`), drafts and signatures of agreements in that
of a party. An audit row is read by the organisation of the worker and by every owner of what was shown; the application
may add rows and change none. What is not set opens nothing.
"""

from alembic import op

from shared.migrate import closed_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP, WORKER = "gateway_app", "gateway_worker"
ORG = "(SELECT current_setting('scv.org', true))"


def _party_to(table: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM agreements"
        f" WHERE agreements.agreement_id = {table}.agreement_id AND {ORG} = ANY (agreements.parties))"
    )


TABLES = {
    "staff": (
        {"own": f"FOR ALL TO {APP} USING (org = {ORG}) WITH CHECK (org = {ORG})"},
        {APP: "SELECT, INSERT, UPDATE"},
    ),
    "agreement_versions": (
        {
            # What is or was in force is what decisions are made from; what is still being agreed is the parties' own.
            "decide": f"FOR SELECT TO {APP} USING (status IN ('active', 'suspended', 'expired'))",
            "party": f"FOR ALL TO {APP} USING ({_party_to('agreement_versions')})"
            f" WITH CHECK ({_party_to('agreement_versions')})",
        },
        {APP: "SELECT, INSERT, UPDATE"},
    ),
    "signatures": (
        {
            "sign": f"FOR INSERT TO {APP} WITH CHECK (org = {ORG})",
            "party": f"FOR SELECT TO {APP} USING ({_party_to('signatures')})",
        },
        {APP: "SELECT, INSERT"},
    ),
    "audit": (
        {
            # Adding asks for no context, so that the record of a call costs one statement and cannot be refused.
            "add": f"FOR INSERT TO {APP} WITH CHECK (true)",
            "read": f"FOR SELECT TO {APP} USING (organisation = {ORG} OR {ORG} = ANY (owners))",
        },
        {APP: "SELECT, INSERT"},
    ),
    "audit_persons": (
        {
            "add": f"FOR INSERT TO {APP} WITH CHECK (true)",
            "read": f"FOR SELECT TO {APP} USING"
            " (EXISTS (SELECT 1 FROM audit WHERE audit.sequence = audit_persons.sequence))",
        },
        {APP: "SELECT, INSERT"},
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
        {APP: "INSERT", WORKER: "SELECT, UPDATE"},
    ),
}


def upgrade() -> None:
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)
    op.execute("INSERT INTO governance (epoch) VALUES (1)")
    op.execute(f"GRANT SELECT, UPDATE (epoch) ON governance TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON organisations, identity_providers, sources TO {APP}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON agreements TO {APP}")
    op.execute(f"GRANT USAGE ON SEQUENCE audit_sequence TO {APP}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}, {WORKER}")


def downgrade() -> None:
    for table, (policies, _) in TABLES.items():
        for policy in policies:
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
