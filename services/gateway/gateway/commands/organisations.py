"""Changes to organisations, their identity providers, source systems and staff.

Every change is made inside a change of the epoch, which lets one happen at a time: what is read here holds until the
commit.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, insert, select, update

from gateway.change import tell
from gateway.organisation import OrganisationKind
from gateway.problems import IssuerTaken, ServiceAreaSettled, UnknownOrganisation
from gateway.schemas.organisations import NewIdentityProvider, NewOrganisation, NewSource, NewStaff
from gateway.tables import identity_providers, organisations, sources, staff
from shared.categories import Role
from shared.db import Transaction
from shared.events import SourceChanged
from shared.outbox import Happened
from shared.preconditions import Stored, require_match
from shared.problems import FieldError, InvalidRequest

_OURS: Final = frozenset({"gateway", "customer-index", "case-episodes", "referrals"})
"""Ids that would let an organisation's rights on the bus begin like those of a service."""


async def put_organisation(tx: Transaction, org: str, new: NewOrganisation, *, if_match: str | None) -> Stored:
    """Enter an organisation, or change its entry; its kind stays what it was."""
    if org in _OURS:
        raise InvalidRequest("This id is a service's own.")
    kind = (await tx.execute(select(organisations.c.kind).where(organisations.c.org == org))).scalar_one_or_none()
    if kind is not None and kind != new.kind:
        raise _wrong("/kind", "cannot be changed")
    return await put_row(tx, organisations, key={"org": org}, values=new.model_dump(mode="json"), if_match=if_match)


async def put_identity_provider(
    tx: Transaction, org: str, new: NewIdentityProvider, *, name: str, if_match: str | None
) -> Stored:
    """Register an identity provider for an organisation, or change its registration."""
    await _kind_of(tx, org)
    taken = select(identity_providers.c.name).where(
        identity_providers.c.issuer == new.issuer,
        ~((identity_providers.c.org == org) & (identity_providers.c.name == name)),
    )
    if (await tx.execute(taken)).first() is not None:
        raise IssuerTaken
    key = {"org": org, "name": name}
    return await put_row(tx, identity_providers, key=key, values=new.model_dump(mode="json"), if_match=if_match)


async def put_source(
    tx: Transaction, org: str, new: NewSource, *, source: str, if_match: str | None, txn: UUID, at: datetime
) -> Stored:
    """Register a source system of a borough, or change its registration.

    Raises `ServiceAreaSettled` for another service area: agreements share what it asserted by the area it had.
    """
    if await _kind_of(tx, org) is not OrganisationKind.BOROUGH:
        raise InvalidRequest("Only a borough keeps source systems.")
    key = {"org": org, "source": source}
    registered = select(sources.c.service_area).where(sources.c.org == org, sources.c.source == source)
    if (await tx.execute(registered)).scalar_one_or_none() not in (None, new.service_area):
        raise ServiceAreaSettled
    stored = await put_row(tx, sources, key=key, values=new.model_dump(mode="json"), if_match=if_match)
    event = SourceChanged(owner=org, source=source, **new.model_dump(mode="json"))
    await tell(tx, Happened(event, f"{org}/{source}", stored.version), owner=org, txn=txn, at=at)
    return stored


async def put_staff(tx: Transaction, org: str, new: NewStaff, *, subject: str, if_match: str | None) -> Stored:
    """Enter a subject in an organisation's staff register, or change the entry."""
    operates = await _kind_of(tx, org) is OrganisationKind.OPERATOR
    for index, role in enumerate(new.roles):
        if (role is Role.OPERATOR) is not operates and role is not Role.ADMIN:
            raise _wrong(f"/roles/{index}", "is not a role that this kind of organisation gives")
    values = new.model_dump(mode="json") | {"roles": sorted(set(new.roles))}
    return await put_row(tx, staff, key={"org": org, "subject": subject}, values=values, if_match=if_match)


async def put_row(
    tx: Transaction, table: Table, *, key: Mapping[str, str], values: Mapping[str, Any], if_match: str | None
) -> Stored:
    """Enter a row of a register, or replace the version of it that `if_match` names."""
    same = [table.c[name] == value for name, value in key.items()]
    version = (await tx.execute(select(table.c.version).where(*same))).scalar_one_or_none()
    require_match(if_match, version=version)
    if version is None:
        await tx.execute(insert(table).values(**key, **values, version=1))
        return Stored(version=1, created=True)
    await tx.execute(update(table).where(*same).values(**values, version=version + 1))
    return Stored(version=version + 1, created=False)


async def _kind_of(tx: Transaction, org: str) -> OrganisationKind:
    kind = (await tx.execute(select(organisations.c.kind).where(organisations.c.org == org))).scalar_one_or_none()
    if kind is None:
        raise UnknownOrganisation
    return OrganisationKind(kind)


def _wrong(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest("Some fields are not valid.", errors=[FieldError(pointer, detail)])
