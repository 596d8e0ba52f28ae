"""Why not: the reason for every cell a call may not see.

In this room: for each cell that `policy.decide()` does not grant, the nearest miss and what would be needed. It asks
only the clauses under which the caller's own organisation receives, so it tells nothing of agreements between others;
of a borough's policy it names what forbids a cell that would else be granted.
Not in this room: the decision itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from gateway.defaults import DISCLOSABLE, own_areas, own_categories
from gateway.governance import Clause, Governance
from gateway.policy import LOOKS, day_of, decide
from gateway.standing import Caller, Reason, Refusal, listed, unmet_conditions
from shared.categories import AREA_CLASS, Action, Category, Purpose, Role, Scope, scope_of

_REASONS: Final = tuple(Reason)
_EVERY_ROLE: Final = frozenset(Role)
_IN_ORDER: Final = tuple(category for category in Category if category in DISCLOSABLE)


@dataclass(frozen=True, kw_only=True)
class Denial:
    """One cell that is refused, with the reason and what would be needed."""

    provider: str
    service_area: str
    category: Category
    reason: Reason
    clause: str | None
    needed: str


def explain(
    governance: Governance,
    *,
    caller: Caller,
    purpose: Purpose,
    action: Action,
    at: datetime,
    provider: str | None = None,
    service_area: str | None = None,
    admitted: frozenset[Role] = _EVERY_ROLE,
) -> list[Denial]:
    """List every cell a call is not granted, the caller's own first; one provider's or one area's if they are named.

    A role that is not `admitted` to the call, whatever it may see, is not named as what would be needed.
    """
    decision = decide(governance, caller=caller, purpose=purpose, action=action, at=at)
    received = _weigh(governance, caller=caller, purpose=purpose, at=at)
    denials = []
    for owner in sorted(governance.owners, key=lambda owner: (owner != caller.org, owner)):
        if provider not in (None, owner):
            continue
        offers = [offer for offer in received if offer.clause.provider == owner]
        for area in AREA_CLASS:
            if service_area not in (None, area):
                continue
            scope = scope_of(owner, area)
            told = decision.grants.get(scope, {})
            forbidden = decision.forbidden.get(scope, {})
            for category in _IN_ORDER:
                if category in told:
                    continue
                if category in forbidden:
                    why = forbidden_by(forbidden[category])
                elif owner == caller.org:
                    why = _own_refusal(
                        caller.held_roles,
                        purpose=purpose,
                        action=action,
                        area=area,
                        category=category,
                        able=admitted & _who(action),
                    )
                else:
                    why = _other_refusal(offers, action=action, scope=scope, category=category)
                denials.append(_denial(why, provider=owner, service_area=area, category=category))
    return denials


def refusal(
    governance: Governance,
    *,
    caller: Caller,
    purpose: Purpose,
    action: Action,
    at: datetime,
    provider: str | None = None,
    service_area: str | None = None,
    admitted: frozenset[Role] = _EVERY_ROLE,
) -> Refusal:
    """Give the one reason that comes nearest to a grant, for a call that is granted nothing of what it asks for.

    Nothing can be granted where `existence` is not, so its refusals alone tell what would be needed first.
    """
    denials = explain(
        governance,
        caller=caller,
        purpose=purpose,
        action=action,
        at=at,
        provider=provider,
        service_area=service_area,
        admitted=admitted,
    )
    nearest = max(
        (denial for denial in denials if denial.category is Category.EXISTENCE),
        key=lambda denial: (
            _REASONS.index(denial.reason),
            denial.provider == caller.org,
            denial.clause is not None,
        ),
        default=None,
    )
    if nearest is None:
        return _UNCOVERED
    return Refusal(reason=nearest.reason, clause=nearest.clause, needed=nearest.needed)


def forbidden_by(policy_id: str) -> Refusal:
    """Give the refusal that follows from a borough's policy, named as `borough/id`."""
    borough = policy_id.partition("/")[0]
    return Refusal(
        reason=Reason.FORBIDDEN_BY_OWNER_POLICY,
        clause=policy_id,
        needed=f"another purpose, role or time, or a change that {borough} makes to its own policy",
    )


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """A clause the caller's organisation receives under, with what this call lacks for it."""

    clause: Clause
    unmet: tuple[Refusal, ...]


_UNCOVERED: Final = Refusal(
    reason=Reason.NOT_COVERED_BY_AGREEMENT,
    needed="an active agreement that covers it for the caller's organisation",
)


def _denial(why: Refusal, *, provider: str, service_area: str, category: Category) -> Denial:
    return Denial(
        provider=provider,
        service_area=service_area,
        category=category,
        reason=why.reason,
        clause=why.clause,
        needed=why.needed,
    )


def _weigh(governance: Governance, *, caller: Caller, purpose: Purpose, at: datetime) -> list[_Offer]:
    on = day_of(at)
    return [
        _Offer(clause=clause, unmet=tuple(unmet_conditions(clause, caller=caller, purpose=purpose, on=on)))
        for clause in governance.received.get(caller.org, ())
    ]


def _other_refusal(offers: list[_Offer], *, action: Action, scope: Scope, category: Category) -> Refusal:
    """Give the nearest miss of another owner's cell: the clause that lacks least, and the first thing it lacks."""
    if action not in LOOKS:
        return Refusal(reason=Reason.NOT_COVERED_BY_AGREEMENT, needed=f"only the owner may {action} its own records")
    misses = list(_misses(offers, scope=scope, category=category))
    if any(not unmet for unmet in misses):
        # The cell itself is covered, so it is kept back because nothing may be told where existence may not.
        return _other_refusal(offers, action=action, scope=scope, category=Category.EXISTENCE)
    if not misses:
        return _UNCOVERED
    return min(misses, key=lambda unmet: (len(unmet), -_REASONS.index(unmet[0].reason), unmet[0].clause))[0]


def _misses(offers: list[_Offer], *, scope: Scope, category: Category) -> Iterator[tuple[Refusal, ...]]:
    for offer in offers:
        if category not in offer.clause.cells.get(scope, {}):
            continue
        if scope in offer.clause.barred:
            bar = Refusal(
                reason=Reason.NOT_COVERED_BY_AGREEMENT,
                clause=offer.clause.clause_id,
                needed="a clause whose legal power lifts the statutory bar on this area",
            )
            yield (bar, *offer.unmet)
        else:
            yield offer.unmet


@lru_cache(maxsize=65536)
def _own_refusal(
    roles: frozenset[Role],
    *,
    purpose: Purpose,
    action: Action,
    area: str,
    category: Category,
    able: frozenset[Role],
) -> Refusal:
    """Give the nearest miss of a borough's own cell: another role for this purpose, else another purpose, else both;
    `able` are the roles worth naming."""
    here = [role for role in able if _shows(role, purpose, action, area, category)]
    if here:
        return Refusal(reason=Reason.ROLE_NOT_PERMITTED, needed=f"one of the roles {listed(here)}")
    fitting = [each for each in Purpose if category in own_areas(roles, purpose=each, action=action).get(area, ())]
    if fitting:
        return Refusal(reason=Reason.PURPOSE_NOT_PERMITTED, needed=f"one of the purposes {listed(fitting)}")
    elsewhere = {role for role in able for each in Purpose if _shows(role, each, action, area, category)}
    if elsewhere:
        needed = f"one of the roles {listed(elsewhere)}, for a purpose that admits it"
        return Refusal(reason=Reason.ROLE_NOT_PERMITTED, needed=needed)
    return Refusal(reason=Reason.ROLE_NOT_PERMITTED, needed=f"no role may {action} this")


def _shows(role: Role, purpose: Purpose, action: Action, area: str, category: Category) -> bool:
    return category in own_categories(role, purpose=purpose, action=action, service_area=area)


def _who(action: Action) -> frozenset[Role]:
    """Give the roles worth naming: a worker who wants to look is not told to become a system."""
    return _EVERY_ROLE if action is Action.WRITE else _EVERY_ROLE - {Role.SYSTEM}
