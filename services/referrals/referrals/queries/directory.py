"""Questions about the directory, open to all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from referrals.problems import UnknownService
from referrals.schemas.directory import (
    AttributeView,
    OrganizationView,
    ServiceAtLocationView,
    ServiceView,
    TaxonomyTermView,
    TaxonomyView,
)
from referrals.tables import services
from referrals.taxonomy import BY_CODE, TAXONOMY_ID, TAXONOMY_NAME, Term, derived_id
from shared.db import AnyRow, Transaction

_ASSURED_FOR: Final = timedelta(days=365)

TAXONOMY: Final = TaxonomyView(
    id=TAXONOMY_ID, name=TAXONOMY_NAME, description="What people need help with", version="1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which services are asked for; what is None is not asked for."""

    org: str | None = None
    term: str | None = None
    status: str | None = None
    words: str | None = None
    modified_after: datetime | None = None


async def get_service(tx: Transaction, service_id: UUID) -> AnyRow:
    """Give a service's row; raise `UnknownService`."""
    row = (await tx.execute(select(services).where(services.c.service_id == service_id))).one_or_none()
    if row is None:
        raise UnknownService("The directory has no such service.")
    return row


async def list_services(tx: Transaction, wanted: Wanted, *, page: int, per_page: int) -> tuple[int, list[AnyRow]]:
    """Give how many services there are, and those of one page, by name."""
    conditions = []
    if wanted.org is not None:
        conditions.append(services.c.org == wanted.org)
    if wanted.term is not None:
        conditions.append(services.c.terms.contains([wanted.term]))
    if wanted.status is not None:
        conditions.append(services.c.status == wanted.status)
    if wanted.words is not None:
        conditions.append(services.c.name.icontains(wanted.words, autoescape=True))
    if wanted.modified_after is not None:
        conditions.append(services.c.modified_at > wanted.modified_after)
    total: int = (await tx.execute(select(func.count()).select_from(services).where(*conditions))).scalar_one()
    ordered = select(services).where(*conditions).order_by(services.c.name, services.c.service_id)
    rows = (await tx.execute(ordered.offset((page - 1) * per_page).limit(per_page))).all()
    return total, list(rows)


def is_stale(assured: str | date | None, *, on: date) -> bool:
    """Tell whether nobody has assured an entry for a year, or ever."""
    day = date.fromisoformat(assured) if isinstance(assured, str) else assured
    return day is None or on - day > _ASSURED_FOR


def service_view(row: AnyRow, *, on: date) -> ServiceView:
    """Give a service as the directory shows it."""
    entry: dict[str, Any] = row.entry
    return ServiceView.model_validate(
        {
            **entry,
            "id": row.service_id,
            "org": row.org,
            "organization": OrganizationView(id=derived_id("organization", row.org), name=row.org),
            "last_modified": row.modified_at,
            "stale": is_stale(entry.get("assured_date"), on=on),
            "service_at_locations": places_of(row),
            "attributes": [
                AttributeView(
                    id=derived_id("attribute", str(row.service_id), code),
                    link_id=row.service_id,
                    taxonomy_term=term_view(BY_CODE[code]),
                )
                for code in row.terms
            ],
        }
    )


def places_of(row: AnyRow) -> list[ServiceAtLocationView]:
    """Give the places of a service; their ids follow from its own and their order."""
    return [
        ServiceAtLocationView.model_validate(
            {
                "id": derived_id("service-at-location", str(row.service_id), str(number)),
                "service_id": row.service_id,
                "description": place.get("description"),
                "location": {
                    **place["location"],
                    "id": derived_id("location", str(row.service_id), str(number)),
                },
            }
        )
        for number, place in enumerate(row.entry.get("service_at_locations", ()))
    ]


def term_view(term: Term) -> TaxonomyTermView:
    """Give a code as the directory shows it."""
    return TaxonomyTermView(
        id=term.term_id,
        code=term.code,
        name=term.name,
        description=term.description,
        taxonomy=TAXONOMY_NAME,
        taxonomy_detail=TAXONOMY,
    )


def all_places(rows: Iterable[AnyRow]) -> list[ServiceAtLocationView]:
    """Give the places of some services."""
    return [place for row in rows for place in places_of(row)]
