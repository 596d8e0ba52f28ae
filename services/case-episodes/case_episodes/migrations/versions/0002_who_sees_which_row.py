"""Who sees which row.

The application sees a row where the call's permit grants its scope the row's category (`scv.contacts`, `scv.cases`,
`scv.case_notes`, `scv.assessments`), and changes only its own organisation's (`scv.writing`). An episode is seen by who
sees one of its cases; grouping a new case (`scv.grouping`) looks at all episodes of the own organisation, which hold
nobody's words. The worker keeps ids current and reads nothing else. What is not set opens nothing.
"""

from alembic import op

from shared.migrate import closed_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP, WORKER = "case_episodes_app", "case_episodes_worker"


def _setting(name: str) -> str:
    return f"(SELECT NULLIF(current_setting('{name}', true), ''))"


def _granted(category: str) -> str:
    return f"scope = ANY ((SELECT string_to_array(current_setting('scv.{category}', true), ','))::text[])"


OWN = f"owner = {_setting('scv.org')}"
WRITING = f"owner = {_setting('scv.writing')}"
GROUPING = f"owner = {_setting('scv.grouping')}"
KEEPING = f"FOR ALL TO {WORKER} USING (true) WITH CHECK (true)"


def _rows(category: str) -> dict[str, str]:
    may_write = f"{WRITING} AND {_granted(category)}"
    return {
        "read": f"FOR SELECT TO {APP} USING ({_granted(category)})",
        "add": f"FOR INSERT TO {APP} WITH CHECK ({may_write})",
        "change": f"FOR UPDATE TO {APP} USING ({may_write}) WITH CHECK ({may_write})",
    }


TABLES = {
    "cases": (
        {**_rows("cases"), "keep": KEEPING},
        {
            APP: "SELECT, INSERT, UPDATE",
            WORKER: "SELECT (case_id, owner, scope, record_id, person_id, episode_id, cluster, household, status,"
            " opened_at, version), UPDATE (person_id, episode_id, version)",
        },
    ),
    "case_notes": (_rows("case_notes"), {APP: "SELECT, INSERT"}),
    "contacts": (
        {**_rows("contacts"), "keep": KEEPING},
        {
            APP: "SELECT, INSERT",
            WORKER: "SELECT (contact_id, case_id, record_id, person_id, episode_id), UPDATE (person_id, episode_id)",
        },
    ),
    "assessments": (
        {**_rows("assessments"), "keep": KEEPING},
        {APP: "SELECT, INSERT, UPDATE", WORKER: "SELECT (assessment_id, record_id, person_id), UPDATE (person_id)"},
    ),
    "reuses": (
        {
            "read": f"FOR SELECT TO {APP} USING ({OWN} AND {_granted('assessments')})",
            "add": f"FOR INSERT TO {APP} WITH CHECK ({OWN} AND {_granted('assessments')})",
        },
        {APP: "SELECT, INSERT"},
    ),
    "episodes": (
        {
            "read": f"FOR SELECT TO {APP} USING ({GROUPING} OR EXISTS"
            " (SELECT 1 FROM cases WHERE cases.episode_id = episodes.episode_id))",
            "add": f"FOR INSERT TO {APP} WITH CHECK ({WRITING} AND {GROUPING})",
            "change": f"FOR UPDATE TO {APP} USING ({WRITING}) WITH CHECK ({WRITING})",
            "keep": KEEPING,
        },
        {APP: "SELECT, INSERT, UPDATE", WORKER: "SELECT, INSERT, UPDATE (person_id, version)"},
    ),
    "memberships": (
        {"own": f"FOR SELECT TO {APP} USING ({OWN})", "keep": KEEPING},
        {APP: "SELECT", WORKER: "SELECT, INSERT, UPDATE"},
    ),
    "idempotency": (
        {"own": f"FOR ALL TO {APP} USING ({OWN.replace('owner', 'org')}) WITH CHECK ({OWN.replace('owner', 'org')})"},
        {APP: "SELECT, INSERT, DELETE"},
    ),
    "outbox": (
        {"emit": f"FOR INSERT TO {APP} WITH CHECK ({OWN})", "relay": KEEPING},
        {APP: "INSERT", WORKER: "SELECT, INSERT, UPDATE, DELETE"},
    ),
    "inbox": ({"keep": KEEPING}, {WORKER: "SELECT, INSERT, UPDATE, DELETE"}),
    "parked": ({"keep": KEEPING}, {WORKER: "SELECT, INSERT, UPDATE, DELETE"}),
}


def upgrade() -> None:
    for table, (policies, grants) in TABLES.items():
        for statement in closed_table(table, policies=policies, grants=grants):
            op.execute(statement)
    op.execute(f"GRANT SELECT ON alembic_version TO {APP}, {WORKER}")


def downgrade() -> None:
    for table, (policies, _) in TABLES.items():
        for policy in policies:
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
