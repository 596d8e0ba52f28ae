"""Changes to mandates and exclusions, each inside a change of the epoch."""

from collections.abc import Container
from uuid import UUID

from sqlalchemy import delete, select

from gateway.commands.organisations import put_row
from gateway.schemas.mandates import NamedRecord, NewExclusion, NewMandate
from gateway.tables import exclusions, mandates
from shared.categories import Role
from shared.db import Transaction
from shared.preconditions import Stored, accept_match
from shared.problems import FieldError, InvalidRequest, NotFound

Worker = tuple[str, str]
"""The employer and the subject of a worker."""


async def put_mandate(
    tx: Transaction, org: str, new: NewMandate, *, mandate_id: str, organisations: Container[str], if_match: str | None
) -> Stored:
    """Give a mandate, or change it; raise `InvalidRequest` for one that nobody could act under."""
    if new.to_org == org or new.to_org not in organisations:
        raise _wrong("/to_org", "must be another organisation that is registered")
    for index, role in enumerate(new.roles):
        if role is Role.OPERATOR:
            raise _wrong(f"/roles/{index}", "is not a role in which anybody acts for another")
    values = new.model_dump(mode="python", by_alias=False)
    values |= {"roles": sorted(set(new.roles)), "purposes": sorted(set(new.purposes))}
    return await put_row(tx, mandates, key={"org": org, "mandate_id": mandate_id}, values=values, if_match=if_match)


async def put_exclusion(
    tx: Transaction,
    org: str,
    new: NewExclusion,
    *,
    exclusion_id: str,
    person_id: UUID | None,
    by: Worker,
    if_match: str | None,
) -> Stored:
    """Enter an exclusion, or change it; `person_id` is whom the record stands for now, None if there is no such record.

    An exclusion outlives its record and can still be changed. Raises `InvalidRequest` for a record that there never
    was, `NotFound` for an exclusion that holds for the worker who changes it.
    """
    await _require_not_own(tx, org, exclusion_id, by=by)
    stood_for = person_id or await _stood_for(tx, org, exclusion_id, record=new.record)
    if stood_for is None:
        raise _wrong("/record", "is no record of this organisation")
    values = {
        "employer": new.employer or org,
        "subject": new.subject,
        "source": new.record.source,
        "local_id": new.record.local_id,
        "person_id": stood_for,
        "reason": new.reason,
        "review_on": new.review_on,
    }
    key = {"org": org, "exclusion_id": exclusion_id}
    return await put_row(tx, exclusions, key=key, values=values, if_match=if_match)


async def delete_exclusion(tx: Transaction, org: str, exclusion_id: str, *, by: Worker, if_match: str | None) -> None:
    """Lift an exclusion; raise `NotFound` if there is none, or none but one that holds for the worker who lifts it."""
    await _require_not_own(tx, org, exclusion_id, by=by)
    this = (exclusions.c.org == org) & (exclusions.c.exclusion_id == exclusion_id)
    version = (await tx.execute(select(exclusions.c.version).where(this))).scalar_one_or_none()
    if version is None:
        raise NotFound
    accept_match(if_match, version=version)
    await tx.execute(delete(exclusions).where(this))


async def _stood_for(tx: Transaction, org: str, exclusion_id: str, *, record: NamedRecord) -> UUID | None:
    """Give whom a record stood for when this exclusion was entered for it."""
    this = (exclusions.c.org == org) & (exclusions.c.exclusion_id == exclusion_id)
    same = (exclusions.c.source == record.source) & (exclusions.c.local_id == record.local_id)
    person_id: UUID | None = (await tx.execute(select(exclusions.c.person_id).where(this, same))).scalar_one_or_none()
    return person_id


async def _require_not_own(tx: Transaction, org: str, exclusion_id: str, *, by: Worker) -> None:
    """Tell no worker of an exclusion of its own, not even one whose task it is to enter others'."""
    this = (exclusions.c.org == org) & (exclusions.c.exclusion_id == exclusion_id)
    of = (await tx.execute(select(exclusions.c.employer, exclusions.c.subject).where(this))).one_or_none()
    if of is not None and tuple(of) == by:
        raise NotFound


def _wrong(pointer: str, detail: str) -> InvalidRequest:
    return InvalidRequest("Some fields are not valid.", errors=[FieldError(pointer, detail)])
