"""Cases: open, read, change, move on, write notes."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from case_episodes.acting import by_permit
from case_episodes.api.asked import once, require_interaction, service_of, subject_of
from case_episodes.api.state import MayRead, MayWrite, ServiceConfig, Services
from case_episodes.commands.cases import add_note, change_case, move_case, open_case
from case_episodes.disclosure import Item, context_of, grouping_context, note, require_grant, shown
from case_episodes.fields import CASE
from case_episodes.preconditions import accept_match, etag_of, require_match
from case_episodes.problems import IllegalTransition, PurposeNotPermitted, RoleNotPermitted
from case_episodes.queries.cases import get_case, lock_case, notes_of
from case_episodes.schemas.cases import CaseChange, CaseOpened, CaseTransition, CaseView, NewCase, NewNote, NoteView
from shared.categories import Category
from shared.db import AnyRow, Transaction
from shared.dependencies import Db
from shared.guard import Disclosed, Now
from shared.idempotency import IdempotencyKey
from shared.openapi import answers
from shared.permit import DISCLOSED_HEADER, Permit
from shared.preconditions import IfMatch
from shared.problems import FieldError, InvalidRequest, VersionRequired

router = APIRouter(prefix="/v1/cases", tags=["Cases and episodes"])


@router.post(
    "", status_code=201, response_model_exclude_unset=True, responses=answers(PurposeNotPermitted, RoleNotPermitted)
)
async def post_case(
    new: NewCase,
    request: Request,
    permit: MayWrite,
    at: Now,
    database: Db,
    catalogue: Services,
    settings: ServiceConfig,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> CaseOpened:
    """Open a case; it joins the open episode of the person or household it belongs to, or opens one."""
    service, warnings = service_of(catalogue, new.lgsl)
    require_interaction(new.lgil)
    anchor, household = subject_of(permit)
    require_grant(permit, service.scope(permit.org), category=Category.CASES)
    async with database.transaction(grouping_context(permit)) as tx:

        async def make() -> UUID:
            return await open_case(
                tx,
                new,
                service=service,
                anchor=anchor,
                household=household,
                window=settings.episode_window,
                by=by_permit(permit, at=at),
            )

        case_id = await once(tx, request, make, permit=permit, key=idempotency_key, at=at)
        row = await get_case(tx, case_id, permit=permit)
    _account(response, row)
    told = {name: getattr(row, name) for name in ("case_id", "episode_id", "person_id", "status", "due_at")}
    return CaseOpened.model_validate(told | ({"warnings": warnings} if warnings else {}))


@router.get("/{case_id}")
async def get_one_case(case_id: UUID, permit: MayRead, database: Db, response: Response) -> CaseView:
    """Give a case, as this call may see it."""
    async with database.transaction(context_of(permit)) as tx:
        return await _answer(tx, response, await get_case(tx, case_id, permit=permit), permit=permit)


@router.patch("/{case_id}", responses=answers(VersionRequired))
async def patch_case(
    case_id: UUID,
    change: CaseChange,
    permit: MayWrite,
    at: Now,
    database: Db,
    response: Response,
    if_match: IfMatch = None,
) -> CaseView:
    """Change what is said of a case."""
    changes = change.model_dump(exclude_unset=True)
    if not changes.get("description", "kept"):
        raise InvalidRequest(
            "Some fields are not valid.", errors=[FieldError("/description", "may be replaced but not taken away")]
        )
    async with database.transaction(context_of(permit)) as tx:
        row = await lock_case(tx, case_id, permit=permit)
        require_match(if_match, shown=_case(row, permit=permit))
        await change_case(tx, row, changes, by=by_permit(permit, at=at))
        return await _answer(tx, response, await get_case(tx, case_id, permit=permit), permit=permit)


@router.post("/{case_id}/transitions", responses=answers(PurposeNotPermitted, RoleNotPermitted, IllegalTransition))
async def post_case_transition(
    case_id: UUID,
    wanted: CaseTransition,
    permit: MayWrite,
    at: Now,
    database: Db,
    response: Response,
    if_match: IfMatch = None,
) -> CaseView:
    """Move a case to another status."""
    async with database.transaction(context_of(permit)) as tx:
        row = await lock_case(tx, case_id, permit=permit)
        accept_match(if_match, shown=_case(row, permit=permit))
        if wanted.reason is not None:
            require_grant(permit, row.scope, category=Category.CASE_NOTES)
        await move_case(tx, row, to=wanted.to, reason=wanted.reason, by=by_permit(permit, at=at))
        return await _answer(tx, response, await get_case(tx, case_id, permit=permit), permit=permit)


@router.post("/{case_id}/notes", status_code=201, responses=answers(PurposeNotPermitted, RoleNotPermitted))
async def post_note(
    case_id: UUID,
    new: NewNote,
    request: Request,
    permit: MayWrite,
    at: Now,
    database: Db,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> NoteView:
    """Write a note on a case."""
    async with database.transaction(context_of(permit)) as tx:
        row = await lock_case(tx, case_id, permit=permit)
        require_grant(permit, row.scope, category=Category.CASE_NOTES)

        async def make() -> UUID:
            return await add_note(tx, row, new.text, by=by_permit(permit, at=at))

        note_id = await once(tx, request, make, permit=permit, key=idempotency_key, at=at)
        notes = await notes_of(tx, row, permit=permit)
    _account(response, row, notes=True)
    (written,) = [one for one in notes or [] if isinstance(one, dict) and one["note_id"] == note_id]
    return NoteView.model_validate(written)


async def _answer(tx: Transaction, response: Response, row: AnyRow, *, permit: Permit) -> CaseView:
    notes = await notes_of(tx, row, permit=permit)
    _account(response, row, notes=notes is not None)
    case = _case(row, permit=permit)
    response.headers["ETag"] = etag_of(case)
    return CaseView.model_validate({**case, "notes": notes})


def _case(row: AnyRow, *, permit: Permit) -> Item:
    return {**shown(row, CASE, permit=permit), "person_id": row.person_id}


def _account(response: Response, row: AnyRow, *, notes: bool = False) -> None:
    account = Disclosed()
    note(account, [row], CASE)
    if notes:
        account.note(
            person_id=row.person_id,
            owner=row.owner,
            record_id=row.case_id,
            version=row.version,
            scope=row.scope,
            categories={Category.CASE_NOTES},
        )
    response.headers[DISCLOSED_HEADER] = account.header()
