"""What a referral hands over: decided by the gateway, gathered from customer-index, to be frozen by referrals.

In this room: from a caller's request to a plan (whose, under which clauses, which values), or to the refusal. Not in
this room: the routes (`api.referrals`) and the rules (`policy`, `referring`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
from fastapi import Request
from pydantic_core import from_json

from gateway.access import Access, open_access, purpose_of
from gateway.audit import Shown
from gateway.call import Call
from gateway.policy import Decision, decide_referral
from gateway.problems import (
    ConsentRequired,
    ServiceUnreachable,
    UnknownPerson,
    UnknownService,
    UnknownSource,
)
from gateway.referring import clauses_needing_consent, why_not_referred
from gateway.refusals import refused
from gateway.reply import account_of
from gateway.schemas.people import Withheld
from gateway.schemas.referrals import NewPreview
from gateway.standing import Reason
from gateway.subject import about_subject
from gateway.upstream import CUSTOMER_INDEX, REFERRALS, Upstream
from shared.categories import Action, Category, Grants, Purpose, Scope, scope_of, split_scope

NOT_ACCEPTED: Final = "not-accepted-by-service"
_HANDED_OVER: Final = (
    Category.IDENTITY,
    Category.IDENTIFIERS,
    Category.CONTACT_DETAILS,
    Category.ADDRESS,
    Category.ACCESSIBILITY,
    Category.HOUSEHOLD,
    Category.MARKERS,
)
"""Categories a payload can hold: those of customer-index's records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A referral that may be made: the permit it is made with, the clauses it rests on, and what it discloses."""

    access: Access
    recipient: str
    clauses: Sequence[str]
    entries: Sequence[Mapping[str, Any]]
    shown: Shown
    consent_needed: bool
    withheld: Sequence[Withheld]

    def discloses(self) -> dict[str, list[str]]:
        """Name the fields it discloses by their category."""
        named: dict[str, set[str]] = defaultdict(set)
        for entry in self.entries:
            named[entry["category"]].add(entry["field"])
        return {category: sorted(named[category]) for category in sorted(named)}


async def plan_handover(request: Request, call: Call, new: NewPreview) -> Handover:
    """Decide a referral and gather what it discloses; raise the refusal, or what is unknown."""
    purpose = purpose_of(call)
    service = await _service(request, new)
    recipient = str(service["org"])
    decision = decide_referral(
        call.snapshot.governance, caller=call.caller, recipient=recipient, purpose=purpose, at=call.at
    )
    accepted = _accepted(decision, service)
    _require_covered(call, accepted, new=new, recipient=recipient, purpose=purpose)
    own = call.snapshot.decide(call.caller, purpose=purpose, action=Action.REFER, at=call.at)
    access = await _resolved(request, call, new, decision=accepted, own=own, recipient=recipient)
    reply = await _index(request).call(
        "GET", f"/v1/people/{access.permit.about[0].person_id}/disclosure", permit=access.permit, at=call.at
    )
    if reply.status_code != 200:
        raise UnknownPerson("There is no such person, or none that you may know of.")
    entries: list[dict[str, Any]] = from_json(reply.content)["entries"]
    anchored = access.permit.about[0].scope or Scope("")
    used = {accepted.clauses[entry["scope"]][Category(entry["category"])] for entry in entries}
    first = accepted.clauses[anchored][Category.EXISTENCE]
    return Handover(
        access=replace(access, permit=replace(access.permit, grants=own.grants)),
        recipient=recipient,
        clauses=[first, *sorted(used - {first})],
        entries=entries,
        shown=account_of(reply),
        consent_needed=bool({first, *used} & clauses_needing_consent(call.snapshot.governance, recipient=recipient)),
        withheld=_withheld(
            sorted({anchored, *(Scope(entry["scope"]) for entry in entries)}),
            handed=accepted.grants,
            covered=decision.grants,
            own=own,
        ),
    )


def require_consent(plan: Handover, new: NewPreview) -> None:
    """Raise `ConsentRequired` if the referral rests on a consent that was not recorded with it."""
    if plan.consent_needed and new.recorded_consent() is None:
        raise ConsentRequired


async def _service(request: Request, new: NewPreview) -> dict[str, Any]:
    upstream: Upstream | None = request.app.state.upstreams.get(REFERRALS)
    if upstream is None:
        raise ServiceUnreachable
    reply: httpx.Response = await upstream.look_up(f"/v1/services/{new.service_id}")
    if reply.status_code != 200:
        raise UnknownService
    service: dict[str, Any] = from_json(reply.content)
    return service


def _accepted(decision: Decision, service: Mapping[str, Any]) -> Decision:
    """Leave out what the service does not take."""
    if service["accepted_categories"] is None:
        return decision
    taken = {Category.EXISTENCE, *map(Category, service["accepted_categories"])}
    return replace(
        decision,
        grants={
            scope: {category: form for category, form in granted.items() if category in taken}
            for scope, granted in decision.grants.items()
        },
    )


def _require_covered(call: Call, decision: Decision, *, new: NewPreview, recipient: str, purpose: Purpose) -> None:
    """Raise the refusal that follows from who asks to hand what to whom, and for which purpose."""
    grants = decision.grants
    if new.source is not None:
        facts = call.snapshot.sources.get(call.caller.org, {}).get(new.source)
        if facts is None:
            raise UnknownSource
        covered = scope_of(call.caller.org, facts.service_area) in grants
    else:
        covered = bool(grants)
    if not covered:
        raise refused(
            why_not_referred(
                call.snapshot.governance, caller=call.caller, recipient=recipient, purpose=purpose, at=call.at
            )
        )


async def _resolved(
    request: Request, call: Call, new: NewPreview, *, decision: Decision, own: Decision, recipient: str
) -> Access:
    """Settle whom the referral is about: a record in a scope that may be handed over.

    For somebody the caller knows, and of whom no record is in such a scope, that is the refusal.
    """
    body = _body(new)
    access = await open_access(request, call, decision, action=Action.REFER)
    try:
        return await about_subject(request, call, access, body=body)
    except UnknownPerson:
        known = replace(access, permit=replace(access.permit, grants=own.grants))
        await about_subject(request, call, known, body=body)
    raise refused(
        why_not_referred(
            call.snapshot.governance, caller=call.caller, recipient=recipient, purpose=purpose_of(call), at=call.at
        )
    )


def _withheld(scopes: Sequence[Scope], *, handed: Grants, covered: Grants, own: Decision) -> list[Withheld]:
    """Say of each scope what is not handed over, and why: nearest to the referrer first."""
    found = []
    for scope in scopes:
        owner, area = split_scope(scope)
        reasons: dict[str, list[Category]] = defaultdict(list)
        for category in _HANDED_OVER:
            if category not in handed.get(scope, {}):
                reasons[_reason(category, scope=scope, covered=covered, own=own)].append(category)
        found += [
            Withheld(owner=owner, service_area=area, categories=sorted(categories), reason=reason, clause=None)
            for reason, categories in reasons.items()
        ]
    return found


def _reason(category: Category, *, scope: Scope, covered: Grants, own: Decision) -> str:
    if category in own.forbidden.get(scope, {}):
        return Reason.FORBIDDEN_BY_OWNER_POLICY
    if category not in own.grants.get(scope, {}):
        return Reason.ROLE_NOT_PERMITTED
    return NOT_ACCEPTED if category in covered.get(scope, {}) else Reason.NOT_COVERED_BY_AGREEMENT


def _body(new: NewPreview) -> bytes:
    return new.model_dump_json(include={"source", "local_id", "person_id"}, exclude_none=True).encode()


def _index(request: Request) -> Upstream:
    upstream: Upstream = request.app.state.upstreams[CUSTOMER_INDEX]
    return upstream
