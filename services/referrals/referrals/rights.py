"""What a permit opens here: the row-level-security context of a call, and the side the caller stands on.

Pure. Not in this room: what of a row may leave (`queries`), and what a side may do (`referral`).
"""

from typing import Any, Final

from referrals.referral import Side
from shared.categories import Category, Form, Role
from shared.db import Context
from shared.permit import Anchor, Permit
from shared.problems import PermitRefused

REFERRING: Final = frozenset({Role.FRONTLINE, Role.CASEWORKER, Role.SOCIAL_WORKER})
RECEIVING: Final = frozenset({Role.PARTNER_WORKER, Role.CASEWORKER, Role.SOCIAL_WORKER})


def context_of(permit: Permit) -> Context:
    """Give the context of a call: rows of the scopes in which referrals are granted, and those sent to its organisation
    if its roles receive them."""
    scopes = [scope for scope, granted in permit.grants.items() if _tells_of_referrals(granted)]
    return {**_receiving(permit), "scv.scopes": ",".join(scopes)}


def payload_context(permit: Permit) -> Context:
    """Give the context of a reading of a payload, in which grants open fields and no rows."""
    return _receiving(permit)


def creating_context(permit: Permit, anchor: Anchor) -> Context:
    """Give the context in which a referral about an anchor is made."""
    return {**context_of(permit), "scv.write_scope": anchor.scope or ""}


def subject_of(permit: Permit) -> Anchor:
    """Give the record a new referral is about; raise `PermitRefused` unless it is the organisation's own."""
    anchor = permit.about[0] if permit.about else None
    if anchor is None or anchor.owner != permit.org or anchor.record_id is None or anchor.scope is None:
        raise PermitRefused
    if Category.EXISTENCE not in permit.grants.get(anchor.scope, {}):
        raise PermitRefused
    return anchor


def side_of(permit: Permit, *, owner: str, partner: str) -> Side | None:
    """Tell on which side of a referral a caller stands; None for one that may at most look."""
    roles = frozenset(permit.roles)
    if permit.org == owner and roles & REFERRING:
        return Side.REFERRER
    if permit.org == partner and roles & RECEIVING:
        return Side.PARTNER
    return None


def _tells_of_referrals(granted: Any) -> bool:
    return Category.EXISTENCE in granted and Category.REFERRALS in granted


def _receiving(permit: Permit) -> Context:
    receives = bool(RECEIVING & frozenset(permit.roles))
    return {
        "scv.org": permit.org,
        "scv.receiving": permit.org if receives else "",
        "scv.clauses": ",".join(permit.clauses),
        "scv.hidden": ",".join(map(str, permit.hidden)),
    }


def grants_values(permit: Permit) -> list[str]:
    """List the scopes in which referrals are granted as more than the fact that there are any."""
    return [
        scope
        for scope, granted in permit.grants.items()
        if _tells_of_referrals(granted) and granted[Category.REFERRALS] is Form.VALUE
    ]
