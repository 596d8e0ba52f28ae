"""From a call about referrals to its permit, on whichever side the caller stands.

Not in this room: making a referral (`handover`) and the rules (`policy`). A partner whose agreement was suspended still
gets a permit, for it has to learn that its referrals were recalled; that permit opens no payload.
"""

from gateway.access import Access
from gateway.call import Call
from gateway.explain import refusal
from gateway.policy import decide_receipt
from gateway.problems import PurposeRequired, refused
from gateway.referring import RECEIVING
from shared.categories import Action, Grants, Purpose
from shared.permit import Permit


def access_to_referrals(call: Call, *, action: Action) -> Access:
    """Decide a call about referrals, made or received; raise the refusal for one that could concern neither."""
    purpose = purpose_of(call)
    decision = call.snapshot.decide(call.caller, purpose=purpose, action=action, at=call.at)
    receipt = decide_receipt(call.snapshot.governance, caller=call.caller, purpose=purpose, at=call.at)
    if not decision.grants and not call.caller.held_roles & frozenset(RECEIVING):
        raise refused(refusal(call.snapshot.governance, caller=call.caller, purpose=purpose, action=action, at=call.at))
    permit = _permit(call, action=action, grants=decision.grants, clauses=receipt.clauses)
    return Access(decision=decision, permit=permit)


def access_to_payloads(call: Call) -> Access:
    """Decide the reading of a payload anew: what the clauses in force for this caller grant today."""
    receipt = decide_receipt(call.snapshot.governance, caller=call.caller, purpose=purpose_of(call), at=call.at)
    permit = _permit(call, action=Action.READ, grants=receipt.decision.grants, clauses=receipt.clauses)
    return Access(decision=receipt.decision, permit=permit)


def purpose_of(call: Call) -> Purpose:
    """Give the purpose of a call; raise `PurposeRequired` if it has none."""
    if call.purpose is None:
        raise PurposeRequired
    return call.purpose


def _permit(call: Call, *, action: Action, grants: Grants, clauses: tuple[str, ...]) -> Permit:
    return Permit(
        txn=call.txn,
        subject=call.caller.subject,
        org=call.caller.org,
        roles=tuple(sorted(call.caller.held_roles)),
        purpose=purpose_of(call),
        action=action,
        grants=grants,
        clauses=clauses,
    )
