"""Assessments: record, move on, reuse."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from case_episodes.acting import by_permit
from case_episodes.api.asked import once, service_of, subject_of
from case_episodes.api.state import MayRead, MayWrite, Services
from case_episodes.commands.assessments import move_assessment, record_assessment, reuse_assessment
from case_episodes.disclosure import Item, context_of, note, require_grant, shown
from case_episodes.fields import ASSESSMENT
from case_episodes.preconditions import accept_match, etag_of
from case_episodes.problems import IllegalTransition, NotReusable, PurposeNotPermitted, RoleNotPermitted
from case_episodes.queries.assessments import get_assessment, get_reuse, lock_assessment
from case_episodes.schemas.assessments import AssessmentTransition, AssessmentView, NewAssessment, NewReuse, ReuseView
from shared.categories import Category
from shared.db import AnyRow
from shared.dependencies import Db
from shared.guard import Disclosed, Now
from shared.idempotency import IdempotencyKey
from shared.openapi import answers
from shared.permit import DISCLOSED_HEADER, Permit
from shared.preconditions import IfMatch

router = APIRouter(prefix="/v1/assessments", tags=["Cases and episodes"])


@router.post("", status_code=201, responses=answers(PurposeNotPermitted, RoleNotPermitted))
async def post_assessment(
    new: NewAssessment,
    request: Request,
    permit: MayWrite,
    at: Now,
    database: Db,
    catalogue: Services,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AssessmentView:
    """Record facts about somebody, and perhaps an outcome, for a service."""
    service, _ = service_of(catalogue, new.lgsl)
    anchor, _ = subject_of(permit)
    require_grant(permit, service.scope(permit.org), category=Category.ASSESSMENTS)
    async with database.transaction(context_of(permit)) as tx:

        async def make() -> UUID:
            return await record_assessment(tx, new, service=service, anchor=anchor, by=by_permit(permit, at=at))

        assessment_id = await once(tx, request, make, permit=permit, key=idempotency_key, at=at)
        return _answer(response, await get_assessment(tx, assessment_id, permit=permit), permit=permit)


@router.post("/{assessment_id}/transitions", responses=answers(IllegalTransition))
async def post_assessment_transition(
    assessment_id: UUID,
    wanted: AssessmentTransition,
    permit: MayWrite,
    at: Now,
    database: Db,
    response: Response,
    if_match: IfMatch = None,
) -> AssessmentView:
    """Move an assessment to another status."""
    async with database.transaction(context_of(permit)) as tx:
        row = await lock_assessment(tx, assessment_id, permit=permit)
        accept_match(if_match, shown=_assessment(row, permit=permit))
        await move_assessment(tx, row, wanted, by=by_permit(permit, at=at))
        return _answer(response, await get_assessment(tx, assessment_id, permit=permit), permit=permit)


@router.post(
    "/{assessment_id}/reuse", status_code=201, responses=answers(PurposeNotPermitted, RoleNotPermitted, NotReusable)
)
async def post_reuse(
    assessment_id: UUID,
    new: NewReuse,
    request: Request,
    permit: MayRead,
    at: Now,
    database: Db,
    catalogue: Services,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ReuseView:
    """Accept, top up or reject an assessment, of the own or another owner, for a service of the own organisation.

    It is a look at the assessment, which stays as it is; what was made of it is a row of who reuses it.
    """
    service, _ = service_of(catalogue, new.for_lgsl, pointer="/for_lgsl")
    async with database.transaction(context_of(permit)) as tx:
        assessment = await get_assessment(tx, assessment_id, permit=permit)
        require_grant(permit, service.scope(permit.org), category=Category.ASSESSMENTS)

        async def make() -> UUID:
            return await reuse_assessment(tx, assessment, new, service=service, by=by_permit(permit, at=at))

        reuse = await get_reuse(tx, await once(tx, request, make, permit=permit, key=idempotency_key, at=at))
    account = Disclosed()
    note(account, [assessment], ASSESSMENT)
    response.headers[DISCLOSED_HEADER] = account.header()
    return ReuseView.model_validate({name: getattr(reuse, name) for name in ReuseView.model_fields})


def _answer(response: Response, row: AnyRow, *, permit: Permit) -> AssessmentView:
    account = Disclosed()
    note(account, [row], ASSESSMENT)
    response.headers[DISCLOSED_HEADER] = account.header()
    item = _assessment(row, permit=permit)
    response.headers["ETag"] = etag_of(item)
    return AssessmentView.model_validate(item)


def _assessment(row: AnyRow, *, permit: Permit) -> Item:
    return {**shown(row, ASSESSMENT, permit=permit), "person_id": row.person_id}
