"""The route that explains decisions."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from gateway.access import access_of
from gateway.admission import GovernedRoute, admits
from gateway.call import Call
from gateway.explain import explain
from gateway.policy import render_grants
from gateway.problems import UnknownPerson
from gateway.refusals import RoleNotPermitted
from gateway.register import Register
from gateway.schemas.decisions import DecisionView, DenialView, NewDecision
from gateway.standing import Caller
from gateway.subject import require_person_known
from shared.categories import Role, split_scope
from shared.openapi import answers

router = APIRouter(prefix="/v1/decisions", tags=["decisions"], route_class=GovernedRoute)

Anyone = Annotated[Call, Depends(admits())]


@router.post("", responses=answers(UnknownPerson))
async def post_decision(request: Request, call: Anyone, new: NewDecision) -> DecisionView:
    """Explain a call that oneself might make, or (information-governance lead) anyone in one's organisation; about a
    person, if that caller could know the person at all."""
    call.action, call.purpose = "explain", new.purpose
    if new.subject != call.caller.subject and Role.IG_LEAD not in call.caller.held_roles:
        raise RoleNotPermitted(clause=None, needed=f"the role {Role.IG_LEAD}, to ask about somebody else")
    register: Register = request.app.state.register
    snapshot = call.snapshot
    caller = Caller(
        org=call.caller.org,
        org_kind=call.caller.org_kind,
        subject=new.subject,
        roles=frozenset(new.roles),
        standing=await register.standing(snapshot, org=call.caller.org, subject=new.subject),
    )
    decision = snapshot.decide(caller, purpose=new.purpose, action=new.action, at=call.at)
    if new.person_id is not None and decision.grants:
        access = await access_of(request, call, caller, purpose=new.purpose, decision=decision)
        await require_person_known(request, call, access, person_id=new.person_id)
    denials = explain(
        snapshot.governance,
        caller=caller,
        purpose=new.purpose,
        action=new.action,
        at=call.at,
        provider=new.provider,
        service_area=new.service_area,
    )
    asked = {
        scope: granted
        for scope, granted in decision.grants.items()
        if new.provider in (None, split_scope(scope)[0]) and new.service_area in (None, split_scope(scope)[1])
    }
    return DecisionView(
        decision_id=call.txn,
        grants=render_grants(asked),
        denials=[DenialView(**asdict(denial)) for denial in denials],
    )
