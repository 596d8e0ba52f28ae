"""Routes of referrals: what the gateway decides about them, and what it passes on to the referrals service."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from uuid import UUID

import httpx
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic_core import from_json, to_json

from gateway import audit
from gateway.access import Access, access_to_nobody, purpose_of
from gateway.admission import GovernedRoute, admits, admits_for_purpose, outcome_of
from gateway.audit import Entry, Outcome, Shown
from gateway.call import Call
from gateway.handover import Handover, plan_handover, require_consent
from gateway.problems import ServiceUnreachable, UnknownService
from gateway.receipt import access_to_payloads, access_to_referrals
from gateway.referring import RECEIVING, REFERRING, why_not_received
from gateway.refusals import refused
from gateway.reply import account_of, answer_of, clauses_behind, entry_of
from gateway.schemas.referrals import NewPreview, NewReferral, PreviewView, ReferralCreated, ServiceStanding
from gateway.subject import require_known
from gateway.upstream import REFERRALS, Upstream
from shared.categories import Action, Role
from shared.idempotency import IdempotencyKey, request_fingerprint
from shared.openapi import answers
from shared.problems import Problem

router = APIRouter(prefix="/v1", tags=["referrals"], route_class=GovernedRoute)

_BOTH_SIDES: Final = tuple(dict.fromkeys((*REFERRING, *RECEIVING)))
_JSON: Final = {"Content-Type": "application/json"}
_PASSED_ON: Final = ("content-type", "if-match")

ReferralId = Annotated[UUID, Path(alias="referral_id")]
Referring = Annotated[Call, Depends(admits_for_purpose(*REFERRING, action=Action.REFER))]
Reading = Annotated[Call, Depends(admits_for_purpose(*_BOTH_SIDES, action=Action.READ))]
Moving = Annotated[Call, Depends(admits_for_purpose(*_BOTH_SIDES, action=Action.REFER))]
Receiving = Annotated[Call, Depends(admits_for_purpose(*RECEIVING, action=Action.READ))]
Listening = Annotated[Call, Depends(admits(*RECEIVING, Role.SYSTEM))]


@router.post("/referrals/preview", responses=answers(UnknownService))
async def preview_referral(request: Request, call: Referring, new: NewPreview) -> PreviewView:
    """Show what a referral would disclose, before it is made."""
    plan = await plan_handover(request, call, new)
    reply = await _upstream(request).call(
        "POST",
        "/v1/referrals/preview",
        permit=plan.access.permit,
        at=call.at,
        headers=_JSON,
        content=to_json({"service_id": new.service_id}),
    )
    if reply.status_code != 200:
        return await _passed_on(request, call, plan.access, reply)  # type: ignore[return-value]  # a Response passes
    told = from_json(reply.content)
    shown = Shown(persons=plan.shown.persons)
    await audit.record(request.app.state.database, call, Entry(outcome=Outcome.ALLOWED, status=200, shown=shown))
    standing = {name: told["service"][name] for name in ServiceStanding.model_fields}
    return PreviewView(
        discloses=plan.discloses(),
        withheld=list(plan.withheld),
        clause=plan.clauses[0],
        consent_needed=plan.consent_needed,
        duplicates=told["duplicates"],
        earlier_outcomes=told["earlier_outcomes"],
        service=ServiceStanding(**standing),
    )


@router.post("/referrals", status_code=201, response_model=ReferralCreated, responses=answers(UnknownService))
async def post_referral(request: Request, call: Referring, new: NewReferral, key: IdempotencyKey = None) -> Response:
    """Make a referral and authorise it, or refuse it; what it discloses is fixed now."""
    plan = await plan_handover(request, call, new)
    require_consent(plan, new)
    headers = _JSON if key is None else _JSON | {"Idempotency-Key": key}

    async def make() -> httpx.Response:
        return await _upstream(request).call(
            "POST",
            "/v1/referrals",
            permit=plan.access.permit,
            at=call.at,
            headers=headers,
            content=_handed_over(plan, new),
        )

    return await _changed(request, call, plan.access, make, shown=plan.shown)


@router.get("/referrals", include_in_schema=False)
async def get_referrals(request: Request, call: Reading) -> Response:
    """List the referrals one's organisation made or was sent."""
    access = await access_to_referrals(request, call, action=Action.READ)
    return await _passed_on(request, call, access, await _ask(request, call, access))


@router.get("/referrals/{referral_id}", include_in_schema=False)
async def get_referral(request: Request, call: Reading, _id: ReferralId) -> Response:
    """Give a referral."""
    access = await access_to_referrals(request, call, action=Action.READ)
    reply = await _ask(request, call, access)
    await require_known(request, call, access, account_of(reply).persons.keys())
    return await _passed_on(request, call, access, reply)


@router.post("/referrals/{referral_id}/transitions", include_in_schema=False)
async def post_transition(request: Request, call: Moving, _id: ReferralId) -> Response:
    """Move a referral on."""
    access = await access_to_referrals(request, call, action=Action.REFER)
    content = await request.body()

    async def move() -> httpx.Response:
        return _decided(call, await _ask(request, call, access, content=content))

    return await _changed(request, call, access, move)


@router.get("/referrals/{referral_id}/payload", include_in_schema=False)
async def get_payload(request: Request, call: Receiving, _id: ReferralId) -> Response:
    """Give the partner what a referral discloses now."""
    access = await access_to_payloads(request, call)
    return await _passed_on(request, call, access, _decided(call, await _ask(request, call, access)))


@router.get("/events", include_in_schema=False)
async def get_events(request: Request, call: Listening) -> Response:
    """Give a partner its feed."""
    access = access_to_nobody(call)
    return await _passed_on(request, call, access, await _ask(request, call, access, patience_seconds=30))


def _handed_over(plan: Handover, new: NewReferral) -> bytes:
    consent = new.recorded_consent()
    return to_json(
        {
            "service_id": new.service_id,
            "need": new.need,
            "urgency": new.urgency,
            "consent": None if consent is None else consent.model_dump(mode="json"),
            "message": new.message,
            "clauses": list(plan.clauses),
            "payload": [dict(entry) for entry in plan.entries],
            "fingerprint": request_fingerprint("POST", "/v1/referrals", new.model_dump_json().encode()),
        }
    )


def _decided(call: Call, reply: httpx.Response) -> httpx.Response:
    """Let a reply pass; for a clause that grants nothing now, raise the refusal that says why."""
    if reply.status_code != 403:
        return reply
    raise refused(
        why_not_received(
            call.snapshot.governance,
            caller=call.caller,
            clause_id=from_json(reply.content).get("clause"),
            purpose=purpose_of(call),
            at=call.at,
        )
    )


async def _changed(
    request: Request,
    call: Call,
    access: Access,
    change: Callable[[], Awaitable[httpx.Response]],
    *,
    shown: Shown | None = None,
) -> Response:
    """Make a change between the record of its intent and that of its outcome; `shown` is what it discloses."""
    database, owners = request.app.state.database, [call.caller.org]
    await audit.record(database, call, Entry(outcome=Outcome.INTENT, owners=owners))
    try:
        reply = await change()
        outcome = Outcome.DONE if reply.status_code < 400 else Outcome.FAILED
        entry = entry_of(reply, access=access, outcome=outcome, owners=owners)
        if shown is not None and outcome is Outcome.DONE:
            clauses = clauses_behind(access, shown)
            entry = Entry(outcome=outcome, status=entry.status, shown=shown, owners=owners, clauses=clauses)
    except Problem as problem:
        failed = Entry(outcome=Outcome.FAILED, status=problem.status, reason=problem.type(), owners=owners)
        await audit.record_outcome(database, call, failed)
        raise
    await audit.record_outcome(database, call, entry)
    return answer_of(request, reply)


async def _ask(
    request: Request, call: Call, access: Access, *, content: bytes = b"", patience_seconds: float = 0
) -> httpx.Response:
    path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1").partition("?")[0]
    target = path + (f"?{request.url.query}" if request.url.query else "")
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    return await _upstream(request).call(
        request.method,
        target,
        permit=access.permit,
        at=call.at,
        headers=headers,
        content=content,
        patience_seconds=patience_seconds,
    )


async def _passed_on(request: Request, call: Call, access: Access, reply: httpx.Response) -> Response:
    entry = entry_of(reply, access=access, outcome=outcome_of(reply.status_code))
    await audit.record(request.app.state.database, call, entry)
    return answer_of(request, reply)


def _upstream(request: Request) -> Upstream:
    upstream: Upstream | None = request.app.state.upstreams.get(REFERRALS)
    if upstream is None:
        raise ServiceUnreachable
    return upstream
