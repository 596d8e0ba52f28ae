"""From a call for personal data to its permit, or to the refusal that follows from who calls and why alone.

Not in this room: the rules (`policy`, `explain`) and refusals that depend on a person, which the inner services make.
"""

from dataclasses import dataclass

from gateway.call import Call
from gateway.explain import refusal
from gateway.policy import Decision
from gateway.problems import PurposeRequired, UnknownSource, refused
from shared.categories import Action, Category, scope_of
from shared.permit import Permit, SourceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a call was granted, and the permit that says so."""

    decision: Decision
    permit: Permit


def grant_access(call: Call, *, action: Action) -> Access:
    """Decide a call about people; raise the refusal if it is granted nothing at all."""
    return _access(call, action=action, facts=None)


def grant_access_to_source(call: Call, *, action: Action, source: str) -> Access:
    """Decide a call about a source system of the caller's organisation; raise the refusal, or `UnknownSource`."""
    facts = call.snapshot.sources.get(call.caller.org, {}).get(source)
    if facts is None:
        raise UnknownSource
    return _access(call, action=action, facts=facts)


def access_to_nobody(call: Call) -> Access:
    """Give a call that is not about people a permit that opens nobody's rows."""
    permit = Permit(
        txn=call.txn,
        subject=call.caller.subject,
        org=call.caller.org,
        roles=tuple(sorted(call.caller.held_roles)),
        purpose="",
        action=Action.READ,
    )
    return Access(decision=Decision(grants={}, clauses={}, valid_until=None), permit=permit)


def _access(call: Call, *, action: Action, facts: SourceFacts | None) -> Access:
    snapshot, caller = call.snapshot, call.caller
    if call.purpose is None:
        raise PurposeRequired
    decision = snapshot.decide(caller, purpose=call.purpose, action=action, at=call.at)
    area = None if facts is None else facts.service_area
    covered = bool(decision.grants) if area is None else _knows(decision, org=caller.org, area=area)
    if not covered:
        raise refused(
            refusal(
                snapshot.governance,
                caller=caller,
                purpose=call.purpose,
                action=action,
                at=call.at,
                provider=None if area is None else caller.org,
                service_area=area,
            )
        )
    permit = Permit(
        txn=call.txn,
        subject=caller.subject,
        org=caller.org,
        roles=tuple(sorted(caller.held_roles)),
        purpose=call.purpose,
        action=action,
        grants=decision.grants,
        linkages=snapshot.linkages_seen(decision, org=caller.org, at=call.at),
        barred=snapshot.barred(decision),
        source=facts,
    )
    return Access(decision=decision, permit=permit)


def _knows(decision: Decision, *, org: str, area: str) -> bool:
    return Category.EXISTENCE in decision.grants.get(scope_of(org, area), {})
