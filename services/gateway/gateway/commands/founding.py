"""The founding of a platform: its operator, the one organisation that nobody could be entitled to enter over HTTP.

Everything else the operator enters through the API, so it stands in the audit.
"""

from sqlalchemy import select

from gateway.change import next_epoch
from gateway.commands.organisations import put_identity_provider, put_organisation, put_staff
from gateway.organisation import OrganisationKind
from gateway.queries.register import get_epoch
from gateway.schemas.founding import Founding
from gateway.schemas.organisations import NewOrganisation, NewStaff
from gateway.tables import organisations
from shared.categories import Role
from shared.db import Database

_OPERATORS = select(organisations.c.org).where(organisations.c.kind == OrganisationKind.OPERATOR)


async def found(database: Database, founding: Founding) -> bool:
    """Enter the operator with its identity provider and its administrators, in one transaction.

    A platform that has an operator is left as it is, for an administrator may have changed it since: False.
    """
    org = founding.org
    async with database.transaction({"scv.org": org}) as tx:
        epoch = await get_epoch(tx)
        if (await tx.execute(_OPERATORS)).first() is not None:
            return False
        await next_epoch(tx, after=epoch)
        operator = NewOrganisation(name=founding.name, kind=OrganisationKind.OPERATOR)
        await put_organisation(tx, org, operator, if_match=None)
        provider = founding.identity_provider
        await put_identity_provider(tx, org, provider.registration(), name=provider.name, if_match=None)
        administrator = NewStaff(roles=[Role.OPERATOR, Role.ADMIN])
        for subject in founding.administrators:
            await put_staff(tx, org, administrator, subject=subject, if_match=None)
    return True
