"""From a call for personal data to its permit, or to the refusal that follows from who calls and why alone.

Every permit about people is made here, by one function that has first found out who does not exist for the caller and
for which protections it is cleared; nobody else makes a permit, so no route can forget it. Not in this room: the rules
(`policy`, `explain`, `clearance`) and refusals that depend on a person, which the inner services make.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from fastapi import Request

from gateway.call import Call, refuse_emergency
from gateway.clearance import cleared_for
from gateway.commands.emergency import open_accesses
from gateway.emergency import Opening, clear_in_emergency, emergency_clauses, openings, why_not_opened
from gateway.explain import refusal
from gateway.hiding import find_hidden
from gateway.policy import LOOKS, Decision, day_of
from gateway.problems import PurposeRequired, UnknownSource
from gateway.refusals import EmergencyNotPermitted, Refused, refused
from gateway.standing import Caller
from shared.categories import AREA_CLASS, Action, Category, Form, Purpose, scope_of, split_scope
from shared.permit import Permit, SourceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a call was granted, and the permit that says so."""

    decision: Decision
    permit: Permit


async def grant_access(request: Request, call: Call, *, action: Action) -> Access:
    """Decide a call about people; raise the refusal if it is granted nothing at all.

    The one decision that an emergency widens: whose data it opens is on record before anything is asked for.
    """
    snapshot, caller, purpose = call.snapshot, call.caller, purpose_of(call)
    await _open_in_emergency(request, call, purpose=purpose, action=action)
    decision = snapshot.decide(caller, purpose=purpose, action=action, at=call.at, emergency=call.emergency)
    if not decision.grants:
        raise _refusal(call, action=action)
    if call.emergency is None:
        return await open_access(request, call, decision, action=action)
    cleared, grants = clear_in_emergency(
        snapshot.governance, caller=caller, reason=call.emergency, grants=decision.grants, on=day_of(call.at)
    )
    return await open_access(request, call, replace(decision, grants=grants), action=action, in_emergency=cleared)


async def grant_access_to_source(request: Request, call: Call, *, action: Action, source: str) -> Access:
    """Decide a call about a source system of the caller's organisation; raise the refusal, or `UnknownSource`."""
    refuse_emergency(call)
    snapshot, caller, purpose = call.snapshot, call.caller, purpose_of(call)
    facts = snapshot.sources.get(caller.org, {}).get(source)
    if facts is None:
        raise UnknownSource
    decision = snapshot.decide(caller, purpose=purpose, action=action, at=call.at)
    if Category.EXISTENCE not in decision.grants.get(scope_of(caller.org, facts.service_area), {}):
        raise _refusal(call, action=action, provider=caller.org, service_area=facts.service_area)
    return await open_access(request, call, decision, action=action, source=facts)


async def grant_access_across_owners(request: Request, call: Call) -> Access:
    """Decide a steward's call about what another owner's steward may decide on as well; raise the refusal.

    It changes what is the own organisation's, as far as a steward may, and knows of others' what a reader would.
    """
    refuse_emergency(call)
    snapshot, caller, purpose = call.snapshot, call.caller, purpose_of(call)
    own = snapshot.decide(caller, purpose=purpose, action=Action.STEWARD, at=call.at)
    if not own.grants:
        raise _refusal(call, action=Action.STEWARD)
    looked = snapshot.decide(caller, purpose=purpose, action=Action.READ, at=call.at)
    others = {scope: granted for scope, granted in looked.grants.items() if split_scope(scope)[0] != caller.org}
    return await open_access(request, call, replace(looked, grants={**own.grants, **others}), action=Action.STEWARD)


async def access_of(request: Request, call: Call, caller: Caller, *, purpose: Purpose, decision: Decision) -> Access:
    """Give the access that a caller somebody asks about would have to look at what a decision grants.

    Who does not exist for whoever asks does not for that caller either, or the answer would tell.
    """
    standing = replace(caller.standing, exclusions=(*caller.standing.exclusions, *call.caller.exclusions))
    asked = replace(call, caller=replace(caller, standing=standing), purpose=purpose)
    return await open_access(request, asked, decision, action=Action.READ)


async def access_to_own_records(request: Request, call: Call) -> Access:
    """Give a call that governs its own organisation the knowledge of which of its records exist, and no more."""
    org = call.caller.org
    existence = {Category.EXISTENCE: Form.VALUE}
    grants = {scope_of(org, area): existence for area in AREA_CLASS}
    decision = Decision(grants=grants, clauses={}, valid_until=None)
    asked = replace(call, purpose=Purpose.SUBJECT_RIGHTS)
    return await open_access(request, asked, decision, action=Action.READ)


def access_to_nobody(call: Call) -> Access:
    """Give a call that is not about people a permit that opens nobody's rows."""
    return Access(
        decision=Decision(grants={}, clauses={}, valid_until=None), permit=_permit(call, purpose="", action=Action.READ)
    )


async def open_access(
    request: Request,
    call: Call,
    decision: Decision,
    *,
    action: Action,
    source: SourceFacts | None = None,
    clauses: tuple[str, ...] = (),
    in_emergency: Collection[str] = (),
) -> Access:
    """Make the permit for what was decided; people who do not exist for the caller are left out of it.

    `source` is written for, `clauses` are those of referrals in force, `in_emergency` the owners whose
    protected whereabouts an emergency opened.
    """
    snapshot, caller, purpose = call.snapshot, call.caller, purpose_of(call)
    permit = replace(
        _permit(call, purpose=purpose, action=action),
        grants=decision.grants,
        linkages=snapshot.linkages_seen(decision, org=caller.org, at=call.at),
        barred=snapshot.barred(decision),
        source=source,
        clauses=clauses,
        cleared=cleared_for(caller, purpose=purpose, in_emergency=in_emergency),
    )
    if not caller.exclusions:
        return Access(decision=decision, permit=permit)
    looked = decision
    if action not in LOOKS:
        looked = snapshot.decide(caller, purpose=purpose, action=Action.READ, at=call.at)
    looking = replace(
        _permit(call, purpose=purpose, action=Action.READ),
        grants=looked.grants,
        linkages=snapshot.linkages_seen(looked, org=caller.org, at=call.at),
        barred=snapshot.barred(looked),
    )
    hidden = await find_hidden(request, call, looking=looking)
    return Access(decision=decision, permit=replace(permit, hidden=hidden))


def purpose_of(call: Call) -> Purpose:
    """Give the purpose of a call; raise `PurposeRequired` if it has none."""
    if call.purpose is None:
        raise PurposeRequired
    return call.purpose


def _refusal(call: Call, *, action: Action, provider: str | None = None, service_area: str | None = None) -> Refused:
    """Make the refusal of a call that is granted nothing of what it asks for; it names no role the route turns away."""
    return refused(
        refusal(
            call.snapshot.governance,
            caller=call.caller,
            purpose=purpose_of(call),
            action=action,
            at=call.at,
            provider=provider,
            service_area=service_area,
            admitted=call.admitted,
        )
    )


async def _open_in_emergency(request: Request, call: Call, *, purpose: Purpose, action: Action) -> None:
    """Put on record whose data the emergency that a caller declares opens to it.

    Raises `EmergencyNotPermitted` if it opens nothing.
    """
    if call.declared is None:
        return
    governance, caller, reason, on = call.snapshot.governance, call.caller, call.declared.reason, day_of(call.at)
    opened: tuple[Opening, ...] = ()
    if emergency_clauses(governance, caller=caller, reason=reason):
        decision = call.snapshot.decide(caller, purpose=purpose, action=action, at=call.at, emergency=reason)
        opened = openings(governance, caller=caller, reason=reason, grants=decision.grants, on=on)
    if not opened:
        why = why_not_opened(governance, caller=caller, reason=reason, purpose=purpose, on=on)
        raise EmergencyNotPermitted(clause=why.clause, needed=why.needed)
    async with request.app.state.database.transaction({"scv.org": caller.employing_org}) as tx:
        await open_accesses(tx, call, opened, emergency=call.declared)
    call.emergency = reason


def _permit(call: Call, *, purpose: str, action: Action) -> Permit:
    return Permit(
        txn=call.txn,
        subject=call.caller.worker,
        org=call.caller.org,
        roles=tuple(sorted(call.caller.held_roles)),
        purpose=purpose,
        action=action,
    )
