"""Emergency access: what an agreement opens to those who say that it cannot wait.

Pure. In this room: what a caller declares, the clauses that open on its word, for how long and until when the owner
must look at why, and what is missing where none opens. Not in this room: the decision that they are part of (`policy`)
and the record of each access (`commands.emergency`).

An emergency sets aside purpose, training and commitment; never the dates and the standing of an agreement, a statutory
bar, or a borough's own policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from gateway.governance import Clause, EmergencyTerms, Governance
from gateway.standing import Caller, Reason, Refusal, is_idle, listed, unmet_conditions
from shared.categories import WHEREABOUTS, Form, Grants, Purpose, split_scope

_LONGEST_NOTE: Final = 500
_LONGEST_REASON: Final = 100

_NEEDED: Final = "an active agreement that lets the caller's organisation look in an emergency"


@dataclass(frozen=True, kw_only=True)
class Emergency:
    """What a caller declares: a reason in the agreement's own words, and a note for the privacy officers."""

    reason: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One provider's data opened under one agreement, for so long, to be reviewed so soon."""

    agreement_id: str
    provider: str
    max_minutes: int
    review_within_hours: int


def read_emergency(header: str) -> Emergency:
    """Read `reason; note`; raise `ValueError` unless it holds both, of a sensible length and without controls."""
    told = header.encode("latin-1").decode()  # a server takes each byte of a header for a character; ours are UTF-8
    reason, _, note = (part.strip() for part in told.partition(";"))
    if not (1 <= len(reason) <= _LONGEST_REASON and 1 <= len(note) <= _LONGEST_NOTE and told.isprintable()):
        raise ValueError("not a reason and a note")
    return Emergency(reason=reason, note=note)


def emergency_clauses(governance: Governance, *, caller: Caller, reason: str) -> tuple[Clause, ...]:
    """Give the clauses that a reason opens to a caller, whatever their dates, each with the cells that it opens."""
    return tuple(
        replace(clause, cells=dict.fromkeys(clause.cells, dict.fromkeys(sorted(terms.categories), Form.VALUE)))
        for clause, terms in _allowing(governance, caller=caller)
        if reason in terms.reasons and caller.held_roles & terms.roles
    )


def openings(governance: Governance, *, caller: Caller, reason: str, grants: Grants, on: date) -> tuple[Opening, ...]:
    """List whose data a reason opens to a caller, as far as the decision's grants show something of it."""
    found = {}
    for clause in emergency_clauses(governance, caller=caller, reason=reason):
        terms = clause.emergency
        if terms is not None and not is_idle(clause, on=on) and _shows(clause, grants=grants):
            found[terms.agreement_id, clause.provider] = Opening(
                agreement_id=terms.agreement_id,
                provider=clause.provider,
                max_minutes=terms.max_minutes,
                review_within_hours=terms.review_within_hours,
            )
    return tuple(found[key] for key in sorted(found))


def clear_in_emergency(
    governance: Governance, *, caller: Caller, reason: str, grants: Grants, on: date
) -> tuple[frozenset[str], Grants]:
    """Give the owners whose protected people's whereabouts a reason opens to a caller, and what it may be granted then.

    A call is cleared for all of an owner's records, so of such an owner it keeps no whereabouts but those the emergency
    itself opens: what another clause shows is of people who are not protected.
    """
    opened = {
        (scope, category)
        for clause in emergency_clauses(governance, caller=caller, reason=reason)
        if not is_idle(clause, on=on)
        for scope, categories in clause.cells.items()
        if scope not in clause.barred
        for category in WHEREABOUTS & categories.keys() & grants.get(scope, {}).keys()
    }
    owners = frozenset(split_scope(scope)[0] for scope, _ in opened)
    lost = {
        (scope, category) for scope in grants for category in WHEREABOUTS if split_scope(scope)[0] in owners
    } - opened
    return owners, {
        scope: {category: form for category, form in told.items() if (scope, category) not in lost}
        for scope, told in grants.items()
    }


def why_not_opened(governance: Governance, *, caller: Caller, reason: str, purpose: Purpose, on: date) -> Refusal:
    """Say what comes nearest to opening something to a caller, and what it lacks."""
    allowing = [*_allowing(governance, caller=caller)]
    in_force = [(clause, terms) for clause, terms in allowing if not is_idle(clause, on=on)]
    for clause, terms in in_force:
        if reason not in terms.reasons:
            return _lacking(clause, needed=f"one of the reasons {listed(terms.reasons)}")
        if not caller.held_roles & terms.roles:
            return _lacking(clause, needed=f"one of the roles {listed(terms.roles)}")
    if in_force:
        return _lacking(in_force[0][0], needed="that the policies of both organisations let an emergency open it")
    for clause, _ in allowing:
        return next(unmet_conditions(clause, caller=caller, purpose=purpose, on=on))
    return Refusal(reason=Reason.NOT_COVERED_BY_AGREEMENT, needed=_NEEDED)


def _allowing(governance: Governance, *, caller: Caller) -> Iterator[tuple[Clause, EmergencyTerms]]:
    for clause in governance.received.get(caller.org, ()):
        if clause.emergency is not None:
            yield clause, clause.emergency


def _shows(clause: Clause, *, grants: Grants) -> bool:
    return any(
        category in grants.get(scope, {})
        for scope, categories in clause.cells.items()
        if scope not in clause.barred
        for category in categories
    )


def _lacking(clause: Clause, *, needed: str) -> Refusal:
    return Refusal(reason=Reason.NOT_COVERED_BY_AGREEMENT, clause=clause.clause_id, needed=needed)
