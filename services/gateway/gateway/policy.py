"""The decision: what a call may see of every owner's records, and which owners may be compared.

In this room: `decide()`, pure and fast, the two decisions about a referral (what may be handed over, and what may be
read of it), and what two owners open to each other for linkage. Not in this room: why something is refused (`explain`,
`referring`), the shipped rules of a borough's own records (`defaults`), the conditions of a clause (`standing`), what
boroughs' policies take away (`narrowing`), and rules about one person, which are applied where the person is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

from gateway.defaults import own_areas, own_stricter_rows
from gateway.emergency import emergency_clauses
from gateway.governance import Clause, Governance
from gateway.narrowing import narrow
from gateway.organisation import OrganisationKind
from gateway.standing import Caller, is_idle, next_change, unmet_conditions
from shared.categories import (
    STRICTER_ROWS,
    Action,
    Category,
    Form,
    Grants,
    Purpose,
    Scope,
    fullest,
    is_stricter,
    row_scope,
    scope_of,
)

LOOKS: Final = frozenset({Action.READ, Action.SEARCH})
"""What a clause with trigger `request` grants; nobody writes to or stewards another organisation's records."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a call may see, the clause behind each cell of another owner, and until when the dates leave it so.

    `valid_until` is the first moment at which time alone could change it; None if it never does. `forbidden` are the
    cells that would be granted but for a borough's policy, each with that policy's `borough/id`.
    """

    grants: Grants
    clauses: Mapping[Scope, Mapping[Category, str]]
    valid_until: datetime | None
    forbidden: Mapping[Scope, Mapping[Category, str]] = field(default_factory=dict)


def decide(
    governance: Governance,
    *,
    caller: Caller,
    purpose: Purpose,
    action: Action,
    at: datetime,
    emergency: str | None = None,
) -> Decision:
    """Decide what a call may see of all owners; `at` carries its time zone, and days are those of UTC.

    `emergency` is the reason a caller gives for looking at what its purpose would not show it.
    """
    on = day_of(at)
    clauses = governance.received_for.get((caller.org, purpose), ()) if action in LOOKS else ()
    forms: dict[Scope, dict[Category, Form]] = defaultdict(dict)
    grantors: dict[Scope, dict[Category, str]] = defaultdict(dict)
    for clause in clauses:
        if next(unmet_conditions(clause, caller=caller, purpose=purpose, on=on), None) is None:
            _grant(clause, forms=forms, grantors=grantors)
    if emergency is not None and action in LOOKS:
        opening = emergency_clauses(governance, caller=caller, reason=emergency)
        clauses = (*clauses, *opening)
        for clause in opening:
            if not is_idle(clause, on=on):
                _grant(clause, forms=forms, grantors=grantors)
    known = [scope for scope, granted in forms.items() if Category.EXISTENCE in granted]
    own = _own_grants(governance, caller=caller, purpose=purpose, action=action)
    decision = Decision(
        grants=own | {scope: forms[scope] for scope in known},
        clauses={scope: grantors[scope] for scope in known},
        valid_until=_first_change(clauses, caller=caller, on=on),
    )
    return _narrowed(
        decision, governance=governance, caller=caller, purpose=purpose, action=action, emergency=emergency, at=at
    )


def decide_referral(
    governance: Governance, *, caller: Caller, recipient: str, purpose: Purpose, at: datetime
) -> Decision:
    """Decide what a caller may hand to a recipient with a referral of one of its own borough's people.

    That is what clauses with trigger `referral` grant the recipient and the caller may see itself. Whether a worker of
    the recipient's meets their conditions is decided when one reads (`decide_receipt`).
    """
    on = day_of(at)
    clauses = [clause for clause in governance.referred.get(recipient, ()) if clause.provider == caller.org]
    forms: dict[Scope, dict[Category, Form]] = defaultdict(dict)
    grantors: dict[Scope, dict[Category, str]] = defaultdict(dict)
    for clause in clauses:
        if purpose in clause.purposes and not is_idle(clause, on=on):
            _grant(clause, forms=forms, grantors=grantors)
    own = _own_grants(governance, caller=caller, purpose=purpose, action=Action.REFER)
    shared = {
        scope: {category: form for category, form in told.items() if category in own.get(scope, {})}
        for scope, told in forms.items()
    }
    known = [scope for scope, granted in shared.items() if Category.EXISTENCE in granted]
    decision = Decision(
        grants={scope: shared[scope] for scope in known},
        clauses={scope: {category: grantors[scope][category] for category in shared[scope]} for scope in known},
        valid_until=_first_change(clauses, caller=caller, on=on),
    )
    return _narrowed(decision, governance=governance, caller=caller, purpose=purpose, action=Action.REFER, at=at)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a call may read of referrals its organisation was sent, and the clauses whose conditions it meets."""

    decision: Decision
    clauses: tuple[str, ...]


def decide_receipt(governance: Governance, *, caller: Caller, purpose: Purpose, at: datetime) -> Receipt:
    """Decide what a call may read of the referrals that were sent to its organisation."""
    on = day_of(at)
    clauses = governance.referred.get(caller.org, ())
    forms: dict[Scope, dict[Category, Form]] = defaultdict(dict)
    grantors: dict[Scope, dict[Category, str]] = defaultdict(dict)
    met = [
        clause
        for clause in clauses
        if next(unmet_conditions(clause, caller=caller, purpose=purpose, on=on), None) is None
    ]
    for clause in met:
        _grant(clause, forms=forms, grantors=grantors)
    known = [scope for scope, granted in forms.items() if Category.EXISTENCE in granted]
    decision = Decision(
        grants={scope: forms[scope] for scope in known},
        clauses={scope: grantors[scope] for scope in known},
        valid_until=_first_change(clauses, caller=caller, on=on),
    )
    decision = _narrowed(decision, governance=governance, caller=caller, purpose=purpose, action=Action.READ, at=at)
    lost = decision.forbidden.keys() - decision.grants.keys()
    return Receipt(
        decision=decision,
        clauses=tuple(clause.clause_id for clause in met if not lost or clause.cells.keys() - clause.barred - lost),
    )


def linkages(
    governance: Governance, *, at: datetime
) -> Mapping[tuple[str, str], tuple[frozenset[str], frozenset[str]]]:
    """Give the pairs of owners whose persons may be compared, with the areas each side opens to the other.

    A pair is in order of the owners' ids, and so are its areas. Both directions must be granted by active clauses with
    trigger `batch`, inside their dates; agreements and purposes may differ.
    """
    on = day_of(at)
    opened: dict[tuple[str, str], frozenset[str]] = defaultdict(frozenset)
    for clause in governance.linking:
        if not is_idle(clause, on=on):
            opened[clause.provider, clause.recipient] |= clause.linked
    return {
        (first, second): (areas, opened[second, first])
        for (first, second), areas in sorted(opened.items())
        if first < second and areas and opened.get((second, first))
    }


def render_grants(grants: Grants) -> dict[str, list[str]]:
    """Write the grants of areas as `category`, or `category:form` where less than the value is granted.

    Rows stricter than their area follow from the same rules and are not listed apart.
    """
    return {
        scope: [render_cell(category, form) for category, form in sorted(grants[scope].items())]
        for scope in sorted(grants)
        if not is_stricter(scope)
    }


def render_cell(category: Category, form: Form) -> str:
    """Write what is granted of a category: its name, and the form where that is less than the value."""
    return category.value if form is Form.VALUE else f"{category}:{form}"


def day_of(at: datetime) -> date:
    """Give the UTC day of a moment, on which agreements, training and commitments are read."""
    return at.astimezone(UTC).date()


def _narrowed(
    decision: Decision,
    *,
    governance: Governance,
    caller: Caller,
    purpose: Purpose,
    action: Action,
    at: datetime,
    emergency: str | None = None,
) -> Decision:
    """Take from a decision what the policy of a borough on either side forbids."""
    if not governance.policies:
        return decision
    narrowed = narrow(
        governance.policies,
        decision.grants,
        caller=caller,
        purpose=purpose,
        action=action,
        emergency=emergency,
        at=at,
    )
    changes = [moment for moment in (decision.valid_until, narrowed.valid_until) if moment is not None]
    return Decision(
        grants=narrowed.grants,
        clauses={
            scope: {category: clause for category, clause in told.items() if category in narrowed.grants[scope]}
            for scope, told in decision.clauses.items()
            if scope in narrowed.grants
        },
        valid_until=min(changes, default=None),
        forbidden=narrowed.forbidden,
    )


def _first_change(clauses: Iterable[Clause], *, caller: Caller, on: date) -> datetime | None:
    """Give the first moment at which the passing of time alone may change what some clauses grant a caller."""
    changes = [next_change(clause, standing=caller.standing, on=on) for clause in clauses]
    first = min((day for day in changes if day is not None), default=None)
    return None if first is None else datetime.combine(first, time(), UTC)


def _grant(
    clause: Clause, *, forms: dict[Scope, dict[Category, Form]], grantors: dict[Scope, dict[Category, str]]
) -> None:
    """Add a clause's cells, keeping for each the fullest form and the clause that gives it."""
    for scope, categories in clause.cells.items():
        if scope in clause.barred:
            continue
        told = forms[scope]
        for category, form in categories.items():
            before = told.get(category)
            if before is None or fullest(before, form) is not before:
                told[category] = form
                grantors[scope][category] = clause.clause_id


def _own_grants(
    governance: Governance, *, caller: Caller, purpose: Purpose, action: Action
) -> dict[Scope, Mapping[Category, Form]]:
    if caller.org_kind is not OrganisationKind.BOROUGH or caller.org not in governance.owners:
        return {}
    areas = own_areas(caller.held_roles, purpose=purpose, action=action)
    stricter = own_stricter_rows(caller.held_roles, purpose=purpose, action=action)
    return {
        **{scope_of(caller.org, area): dict.fromkeys(seen, Form.VALUE) for area, seen in areas.items()},
        **{
            row_scope(caller.org, area, STRICTER_ROWS[area]): dict.fromkeys(seen, Form.VALUE)
            for area, seen in stricter.items()
        },
    }
