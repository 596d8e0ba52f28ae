"""Changes of the directory: what an organisation enters for itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from referrals.problems import UnknownService, UnknownTerm
from referrals.schemas.directory import NewService
from referrals.tables import services
from referrals.taxonomy import BY_CODE
from shared.db import Transaction
from shared.preconditions import Stored, require_match
from shared.problems import FieldError


async def put_service(
    tx: Transaction, service_id: UUID, new: NewService, *, org: str, if_match: str | None, at: datetime
) -> Stored:
    """Enter a service, or replace its entry; an id that another organisation uses is as good as unknown."""
    unknown = [index for index, code in enumerate(new.taxonomy_terms) if code not in BY_CODE]
    if unknown:
        errors = [FieldError(f"/taxonomy_terms/{index}", "is not a code of the directory") for index in unknown]
        raise UnknownTerm("Some taxonomy terms are unknown.", errors=errors)
    await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"service/{service_id}", 0))))
    found = await tx.execute(select(services.c.org, services.c.version).where(services.c.service_id == service_id))
    row = found.one_or_none()
    if row is not None and row.org != org:
        raise UnknownService
    require_match(if_match, version=None if row is None else row.version)
    version = 1 if row is None else row.version + 1
    values = {
        "version": version,
        "name": new.name,
        "status": new.status,
        "terms": list(dict.fromkeys(new.taxonomy_terms)),
        "entry": new.model_dump(mode="json"),
        "modified_at": at,
    }
    if row is None:
        await tx.execute(insert(services).values(service_id=service_id, org=org, **values).inline())
    else:
        await tx.execute(update(services).where(services.c.service_id == service_id).values(values))
    return Stored(version=version, created=row is None)
