"""The wire of the audit."""

from datetime import datetime
from uuid import UUID

from shared.categories import Category
from shared.wire import Wire


class AuditView(Wire):
    """One row of the audit, as far as the reading organisation may know it.

    Of another organisation's call it gives who made it and why, and of what was shown only the reader's own data.
    A record is `owner/record_id@version`.
    """

    audit_id: UUID
    at: datetime
    organisation: str
    acting_for: str | None
    subject: str | None
    roles: list[str]
    purpose: str | None
    case_reference: str | None
    action: str
    method: str
    route: str
    person_ids: list[UUID]
    records: list[str]
    scopes: dict[str, list[Category]]
    clauses: list[str]
    outcome: str
    reason: str | None
    emergency: str | None
    """The reason code of the emergency access it was made under."""
    status: int | None
