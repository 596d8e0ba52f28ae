"""Routes of agreements."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from gateway.admission import ChangingRoute, GovernedRoute, admits
from gateway.agreement import AgreementContent
from gateway.api.audit import From, To
from gateway.api.replay import replay
from gateway.call import Call
from gateway.change import changing
from gateway.clauses import Finding, problems_of, warnings_of
from gateway.commands.agreements import By, create_agreement, move_agreement, replace_agreement
from gateway.governance import Agreement
from gateway.impact import supposed, with_agreement
from gateway.lifecycle import AgreementAction, AgreementStatus, IllegalTransitionError
from gateway.problems import AgreementNotLawful, IllegalTransition, OtherDigest, UnknownAgreement
from gateway.queries.agreements import AgreementVersion, StoredAgreement, find_agreement, list_agreements
from gateway.queries.register import barred_sources
from gateway.refusals import RoleNotPermitted
from gateway.schemas.agreements import AgreementView, NewTransition, SignatureView, WarningView
from gateway.schemas.impact import ImpactView, NewSupposition
from gateway.tables import idempotency
from shared.categories import Role
from shared.db import Transaction
from shared.idempotency import IdempotencyKey, earlier_result, keep_result, request_fingerprint
from shared.openapi import answers
from shared.paging import Cursor, Cursors, Limit, Page
from shared.preconditions import IfMatch, etag_of
from shared.problems import FieldError, InvalidRequest, VersionRequired

reads = APIRouter(prefix="/v1/agreements", tags=["agreements"], route_class=GovernedRoute)
changes = APIRouter(prefix="/v1/agreements", tags=["agreements"], route_class=ChangingRoute)

Anyone = Annotated[Call, Depends(admits())]
Drafter = Annotated[Call, Depends(admits(Role.IG_LEAD))]
Mover = Annotated[Call, Depends(admits(Role.IG_LEAD, Role.SIGNATORY))]

_MAY = {
    AgreementAction.PROPOSE: Role.IG_LEAD,
    AgreementAction.SUSPEND: Role.IG_LEAD,
    AgreementAction.RESUME: Role.IG_LEAD,
    AgreementAction.SIGN: Role.SIGNATORY,
    AgreementAction.TERMINATE: Role.SIGNATORY,
}
_NEEDED_IN_PRODUCTION = frozenset({"/dpia", "/retention", "/review_due"})


@changes.post("", status_code=201)
async def post_agreement(
    request: Request, response: Response, call: Drafter, content: AgreementContent, key: IdempotencyKey = None
) -> AgreementView:
    """Draft an agreement; the caller's organisation is a party to it."""
    by = _by(call)
    async with changing(request, call, org=by.org, owners=_parties(content)) as made:
        agreement_id = await _created_once(made.tx, request, content, key=key, by=by)
        stored = await _required(made.tx, agreement_id, org=by.org)
        made.status = 201
    return _answer(response, call, stored)


@reads.get("")
async def get_agreements(
    request: Request, call: Anyone, limit: Limit = 50, cursor: Cursor = None
) -> Page[AgreementView]:
    """List the agreements of the caller's organisation, oldest first."""
    cursors: Cursors = request.app.state.cursors
    bound_to = ("agreements", call.caller.org, call.caller.subject)
    after = None if cursor is None else cursors.read(cursor, bound_to=bound_to)
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        found = await list_agreements(
            tx,
            call.caller.org,
            limit=limit + 1,
            after=None if after is None else (datetime.fromisoformat(after[0]), UUID(after[1])),
        )
    page, last = found[:limit], found[limit - 1] if len(found) > limit else None
    return Page(
        items=[_view(call, stored) for stored in page],
        next=None if last is None else cursors.write([last.created_at, last.agreement_id], bound_to=bound_to),
    )


@reads.get("/{agreement_id}")
async def get_agreement(request: Request, response: Response, call: Anyone, agreement_id: UUID) -> AgreementView:
    """Give an agreement in its newest version."""
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        stored = await _required(tx, agreement_id, org=call.caller.org)
    return _answer(response, call, stored)


@changes.put("/{agreement_id}", responses=answers(VersionRequired, IllegalTransition))
async def put_agreement(
    request: Request,
    response: Response,
    call: Drafter,
    agreement_id: UUID,
    content: AgreementContent,
    if_match: IfMatch = None,
) -> AgreementView:
    """Change a draft, or draft the next version of an agreement that was proposed or signed."""
    by = _by(call)
    async with changing(request, call, org=by.org, owners=_parties(content)) as made:
        await replace_agreement(made.tx, agreement_id, content, if_match=if_match, by=by)
        stored = await _required(made.tx, agreement_id, org=by.org)
    return _answer(response, call, stored)


@changes.post("/{agreement_id}/transitions", responses=answers(IllegalTransition, OtherDigest))
async def post_transition(
    request: Request, response: Response, call: Mover, agreement_id: UUID, new: NewTransition, if_match: IfMatch = None
) -> AgreementView:
    """Propose, suspend or resume (information-governance lead), sign or terminate (signatory) an agreement."""
    _require_role(call, new.action)
    by = _by(call, position=new.position)
    async with request.app.state.database.transaction({"scv.org": call.caller.org}) as tx:
        before = await _required(tx, agreement_id, org=by.org)
    if new.action is AgreementAction.PROPOSE and before.versions[0].state.status is AgreementStatus.DRAFT:
        _require_lawful(request, call, before.versions[0])
    if new.action is AgreementAction.SIGN and new.digest is None:
        raise InvalidRequest("Some fields are not valid.", errors=[FieldError("/digest", "is required to sign")])
    async with changing(request, call, org=by.org, owners=_parties(before.versions[0].content)) as made:
        moved = await move_agreement(made.tx, agreement_id, new.action, digest=new.digest, if_match=if_match, by=by)
        stored = await _required(made.tx, agreement_id, org=by.org)
    response.headers["ETag"] = etag_of(stored.revision)
    return _view_of(call, stored, next(each for each in stored.versions if each.version == moved))


@reads.post("/{agreement_id}/impact", responses=answers(IllegalTransition))
async def post_agreement_impact(
    request: Request,
    call: Mover,
    agreement_id: UUID,
    new: NewSupposition | None = None,
    from_: From = None,
    to: To = None,
) -> ImpactView:
    """Replay the calls of a period as if an agreement were signed, or had ended, and list what they would newly be
    denied or allowed."""
    org, snapshot = call.caller.org, call.snapshot
    async with request.app.state.database.transaction({"scv.org": org}) as tx:
        stored = await _required(tx, agreement_id, org=org)
    version = _shown(stored, org=org)
    agreement = Agreement(
        agreement_id=str(agreement_id), version=version.version, status=version.state.status, content=version.content
    )
    try:
        would_be = supposed(agreement, supposition=None if new is None else new.as_)
    except IllegalTransitionError:
        raise IllegalTransition(legal=[]) from None
    after = with_agreement(
        snapshot.governance,
        would_be,
        organisations=snapshot.organisations,
        barred_sources=barred_sources(snapshot.sources),
    )
    return await replay(request, call, after, from_=from_, to=to)


async def _created_once(
    tx: Transaction, request: Request, content: AgreementContent, *, key: str | None, by: By
) -> UUID:
    if key is None:
        return await create_agreement(tx, content, by=by)
    held = {
        "org": by.org,
        "subject": by.subject,
        "key": key,
        "fingerprint": request_fingerprint(request.method, request.url.path, await request.body()),
    }
    earlier = await earlier_result(tx, idempotency, **held, at=by.at)
    if earlier is not None:
        return UUID(earlier["agreement_id"])
    agreement_id = await create_agreement(tx, content, by=by)
    await keep_result(tx, idempotency, **held, result={"agreement_id": agreement_id}, at=by.at)
    return agreement_id


async def _required(tx: Transaction, agreement_id: UUID, *, org: str) -> StoredAgreement:
    stored = await find_agreement(tx, agreement_id, org=org)
    if stored is None:
        raise UnknownAgreement
    return stored


def _by(call: Call, *, position: str | None = None) -> By:
    return By(
        org=call.caller.org,
        subject=call.caller.subject,
        position=position,
        at=call.at,
        txn=call.txn,
        snapshot=call.snapshot,
    )


def _parties(content: AgreementContent) -> list[str]:
    return sorted({party.org for party in content.parties})


def _require_role(call: Call, action: AgreementAction) -> None:
    if _MAY[action] not in call.caller.held_roles:
        raise RoleNotPermitted(clause=None, needed=f"the role {_MAY[action]}")


def _require_lawful(request: Request, call: Call, version: AgreementVersion) -> None:
    findings = problems_of(version.content, organisations=call.snapshot.organisations)
    if request.app.state.settings.agreement_checks == "production":
        findings += [each for each in warnings_of(version.content) if each[0] in _NEEDED_IN_PRODUCTION]
    if findings:
        raise AgreementNotLawful(errors=[FieldError(pointer, detail) for pointer, detail in findings])


def _answer(response: Response, call: Call, stored: StoredAgreement) -> AgreementView:
    response.headers["ETag"] = etag_of(stored.revision)
    return _view(call, stored)


def _view(call: Call, stored: StoredAgreement) -> AgreementView:
    return _view_of(call, stored, _shown(stored, org=call.caller.org))


def _shown(stored: StoredAgreement, *, org: str) -> AgreementVersion:
    return stored.newest_for(org) or stored.versions[0]


def _view_of(call: Call, stored: StoredAgreement, version: AgreementVersion) -> AgreementView:
    findings: list[Finding] = warnings_of(version.content)
    if version.state.status is AgreementStatus.DRAFT:
        findings += problems_of(version.content, organisations=call.snapshot.organisations)
    return AgreementView(
        agreement_id=stored.agreement_id,
        version=version.version,
        status=version.state.status,
        digest=version.state.digest,
        signatures=[
            SignatureView(org=each.org, by=each.by, position=each.position, at=each.at) for each in version.signed
        ],
        suspended_by=sorted(version.state.suspended_by),
        version_in_force=None if stored.in_force is None else stored.in_force.version,
        content=version.content,
        warnings=[WarningView(pointer=pointer, detail=detail) for pointer, detail in findings],
    )
