"""What the story left behind: the audit as each side reads it, and the resident's log of who looked and why."""

from typing import Any, Final

from single_node.demo.stage import Stage

_LOG_PURPOSE: Final = "subject-rights"


def own_audit(stage: Stage, *, org: str, subject: str) -> list[dict[str, Any]]:
    """Read, as an organisation's ig-lead, the calls of one of its workers that were to look, oldest first."""
    lead = stage.desk(org, "ig-lead")
    rows = lead.ask("GET", f"/v1/audit?subject={subject}&limit=200").body["items"]
    return [row for row in reversed(rows) if row["action"] in ("read", "search")]


def audit_of_access(stage: Stage, *, org: str, by: str) -> list[dict[str, Any]]:
    """Read, as an owner's ig-lead, what another organisation was shown of the owner's data, oldest first."""
    lead = stage.desk(org, "ig-lead")
    rows = lead.ask("GET", f"/v1/audit?owner={org}&limit=200").body["items"]
    return [row for row in reversed(rows) if row["organisation"] == by and row["scopes"]]


def access_log(stage: Stage, *, org: str, person_id: str) -> list[tuple[str, str, str]]:
    """Read the resident's log as the owner's ig-lead would print it: organisation, purpose and action, oldest first."""
    lead = stage.desk(org, "ig-lead")
    path = f"/v1/people/{person_id}/access-log?limit=200"
    entries = lead.ask("GET", path, purpose=_LOG_PURPOSE).body["items"]
    for entry in reversed(entries):
        stage.telling.lines(
            f"           {entry['at'][:19]}  {entry['organisation']}, {entry['role']}, {entry['action']}"
            f" for {entry['purpose']}: {', '.join(entry['categories'])}"
        )
    return [(entry["organisation"], entry["purpose"], entry["action"]) for entry in reversed(entries)]
