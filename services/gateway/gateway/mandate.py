"""Acting for another organisation.

Pure. In this room: what a mandate says, and who a caller is under those in force. Not in this room: giving them
(`api.mandates`). A mandate changes for whom a worker acts, never what the employer's register says of its standing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from gateway.organisation import OrganisationKind
from gateway.standing import Caller
from shared.categories import Purpose, Role


@dataclass(frozen=True, kw_only=True)
class Mandate:
    """What an organisation lets the workers of another do in its name, from the first day to the last."""

    org: str
    to_org: str
    roles: frozenset[Role]
    purposes: frozenset[Purpose]
    first_day: date
    last_day: date

    def covers(self, purpose: Purpose, *, on: date) -> bool:
        """Tell whether it is in force on a day and names a purpose."""
        return purpose in self.purposes and self.first_day <= on <= self.last_day


def under_mandate(
    caller: Caller, *, org: str, org_kind: OrganisationKind, mandates: Iterable[Mandate], purpose: Purpose, on: date
) -> Caller | None:
    """Give who a caller is when it acts for an organisation, or None if no mandate lets it.

    Of several mandates for the purpose the roles are united.
    """
    roles = [
        mandate.roles
        for mandate in mandates
        if (mandate.org, mandate.to_org) == (org, caller.org) and mandate.covers(purpose, on=on)
    ]
    if not roles:
        return None
    return replace(caller, org=org, org_kind=org_kind, employer=caller.org, mandated=frozenset[Role]().union(*roles))
