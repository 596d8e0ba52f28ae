"""Contacts: record one."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from case_episodes.acting import by_permit
from case_episodes.api.asked import once, require_interaction, service_of, subject_of
from case_episodes.api.state import MayWrite, Services
from case_episodes.commands.contacts import record_contact
from case_episodes.disclosure import context_of, note, require_grant
from case_episodes.fields import CONTACT
from case_episodes.problems import PurposeNotPermitted, RoleNotPermitted
from case_episodes.queries.cases import get_case
from case_episodes.queries.contacts import find_contact
from case_episodes.schemas.contacts import ContactRecorded, NewContact
from shared.categories import Category
from shared.dependencies import Db
from shared.guard import Disclosed, Now
from shared.idempotency import IdempotencyKey
from shared.openapi import answers
from shared.permit import DISCLOSED_HEADER
from shared.problems import NotFound

router = APIRouter(prefix="/v1/contacts", tags=["Cases and episodes"])


@router.post(
    "", status_code=201, response_model_exclude_unset=True, responses=answers(PurposeNotPermitted, RoleNotPermitted)
)
async def post_contact(
    new: NewContact,
    request: Request,
    permit: MayWrite,
    at: Now,
    database: Db,
    catalogue: Services,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ContactRecorded:
    """Record an interaction with the council."""
    service, warnings = service_of(catalogue, new.lgsl)
    require_interaction(new.lgil)
    anchor, _ = subject_of(permit)
    require_grant(permit, service.scope(permit.org), category=Category.CONTACTS)
    by = by_permit(permit, at=at)
    async with database.transaction(context_of(permit)) as tx:

        async def make() -> UUID:
            case = None if new.case_id is None else await get_case(tx, new.case_id, permit=permit)
            if case is not None and (case.owner != permit.org or case.person_id != anchor.person_id):
                raise NotFound
            return await record_contact(tx, new, service=service, anchor=anchor, case=case, by=by)

        contact_id = await once(tx, request, make, permit=permit, key=idempotency_key, at=at)
        row = await find_contact(tx, contact_id, permit=permit)
    if row is None:
        raise NotFound
    account = Disclosed()
    note(account, [row], CONTACT)
    response.headers[DISCLOSED_HEADER] = account.header()
    told = {"contact_id": contact_id, "episode_id": row.episode_id, "person_id": row.person_id}
    return ContactRecorded.model_validate(told | ({"warnings": warnings} if warnings else {}))
