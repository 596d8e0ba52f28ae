"""The kinds of organisation.

In this room: what an organisation may be. Not in this room: the register of organisations.
"""

from enum import StrEnum


class OrganisationKind(StrEnum):
    """A borough owns records, a partner receives them, the operator runs the platform and sees none."""

    BOROUGH = "borough"
    PARTNER = "partner"
    OPERATOR = "operator"
