"""From a call about referrals to its permit, on whichever side the caller stands.

Not in this room: making a referral (`handover`) and the rules (`policy`). A partner whose agreement was suspended still
gets a permit, for it has to learn that its referrals were recalled; that permit opens no payload.
"""

from fastapi import Request

from gateway.access import Access, open_access, purpose_of
from gateway.call import Call, refuse_emergency
from gateway.explain import refusal
from gateway.policy import decide_receipt
from gateway.referring import RECEIVING
from gateway.refusals import refused
from shared.categories import Action


async def access_to_referrals(request: Request, call: Call, *, action: Action) -> Access:
    """Decide a call about referrals, made or received; raise the refusal for one that could concern neither."""
    refuse_emergency(call)
    purpose = purpose_of(call)
    decision = call.snapshot.decide(call.caller, purpose=purpose, action=action, at=call.at)
    receipt = decide_receipt(call.snapshot.governance, caller=call.caller, purpose=purpose, at=call.at)
    if not decision.grants and not call.caller.held_roles & frozenset(RECEIVING):
        raise refused(refusal(call.snapshot.governance, caller=call.caller, purpose=purpose, action=action, at=call.at))
    return await open_access(request, call, decision, action=action, clauses=receipt.clauses)


async def access_to_payloads(request: Request, call: Call) -> Access:
    """Decide the reading of a payload anew: what the clauses in force for this caller grant today."""
    refuse_emergency(call)
    receipt = decide_receipt(call.snapshot.governance, caller=call.caller, purpose=purpose_of(call), at=call.at)
    return await open_access(request, call, receipt.decision, action=Action.READ, clauses=receipt.clauses)
