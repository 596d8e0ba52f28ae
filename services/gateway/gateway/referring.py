"""Why a referral may not be made, or its payload not be read.

Pure. In this room: for a referral that was refused, the clause that comes nearest and what it lacks, or the borough's
policy that forbids it. Not in this room: the decisions (`policy`).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from gateway.explain import forbidden_by
from gateway.governance import Clause, Governance
from gateway.policy import Decision, day_of, decide_receipt, decide_referral
from gateway.standing import Caller, Reason, Refusal, is_idle, listed, unmet_conditions
from shared.categories import Category, Purpose, Role, Scope

REFERRING: Final = (Role.FRONTLINE, Role.CASEWORKER, Role.SOCIAL_WORKER)
"""Roles that refer people of their own borough."""
RECEIVING: Final = (Role.PARTNER_WORKER, Role.CASEWORKER, Role.SOCIAL_WORKER)
"""Roles that receive referrals: a partner's, and those of a borough that is referred to."""

_UNCOVERED: Final = Refusal(
    reason=Reason.NOT_COVERED_BY_AGREEMENT,
    needed="an active agreement with a flow of trigger referral to the organisation that offers the service",
)


def why_not_referred(
    governance: Governance, *, caller: Caller, recipient: str, purpose: Purpose, at: datetime
) -> Refusal:
    """Say why a caller may hand nothing to a recipient."""
    on = day_of(at)
    clauses = [clause for clause in governance.referred.get(recipient, ()) if clause.provider == caller.org]
    in_force = [clause for clause in clauses if not is_idle(clause, on=on)]
    fitting = [clause for clause in in_force if purpose in clause.purposes]
    if fitting:
        decision = decide_referral(governance, caller=caller, recipient=recipient, purpose=purpose, at=at)
        forbidden = _forbidden(decision, scopes=decision.forbidden)
        if forbidden is not None:
            return forbidden
        # The clause would do: it is the caller's own borough that does not let this role see what may be handed over.
        return Refusal(
            reason=Reason.ROLE_NOT_PERMITTED,
            needed=f"one of the roles {listed(REFERRING)}, for areas that fit the purpose and the agreement",
        )
    if in_force:
        purposes = {purpose for clause in in_force for purpose in clause.purposes}
        return Refusal(
            reason=Reason.PURPOSE_NOT_PERMITTED,
            clause=in_force[0].clause_id,
            needed=f"one of the purposes {listed(purposes)}",
        )
    return _nearest(clauses, caller=caller, purpose=purpose, at=at)


def why_not_received(
    governance: Governance, *, caller: Caller, clause_id: str | None, purpose: Purpose, at: datetime
) -> Refusal:
    """Say why a call may read nothing of a referral that rests on a clause."""
    clauses = [clause for clause in governance.referred.get(caller.org, ()) if clause.clause_id == clause_id]
    decision = decide_receipt(governance, caller=caller, purpose=purpose, at=at).decision
    forbidden = _forbidden(decision, scopes=[scope for clause in clauses for scope in clause.cells])
    return forbidden or _nearest(clauses, caller=caller, purpose=purpose, at=at)


def clauses_needing_consent(governance: Governance, *, recipient: str) -> frozenset[str]:
    """Name the clauses to a recipient that rest on the person's consent."""
    return frozenset(clause.clause_id for clause in governance.referred.get(recipient, ()) if clause.needs_consent)


def _forbidden(decision: Decision, *, scopes: Iterable[Scope]) -> Refusal | None:
    """Give the refusal by the policy that takes one of some scopes whole, if there is one."""
    policies = (decision.forbidden.get(scope, {}).get(Category.EXISTENCE) for scope in scopes)
    return next((forbidden_by(policy_id) for policy_id in policies if policy_id is not None), None)


def _nearest(clauses: list[Clause], *, caller: Caller, purpose: Purpose, at: datetime) -> Refusal:
    on = day_of(at)
    unmet = [next(unmet_conditions(clause, caller=caller, purpose=purpose, on=on), None) for clause in clauses]
    return next((refusal for refusal in unmet if refusal is not None), _UNCOVERED)
