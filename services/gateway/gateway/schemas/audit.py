"""The wire of the audit."""

from datetime import datetime
from uuid import UUID

from shared.categories import Category
from shared.wire import Wire


class AuditView(Wire):
    """One row of the audit, as far as the reading organisation may know it.

    Of another organisation's worker it gives no more than organisation, roles and purpose, and only the scopes of the
    reader's own data.
    """

    audit_id: UUID
    at: datetime
    organisation: str
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
    status: int | None
