"""What routes make of what was asked: the service meant, the subject resolved, and a request that came before."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from fastapi import Request

from case_episodes.catalogue import INTERACTIONS, Catalogue, Service
from case_episodes.schemas.common import Warned
from case_episodes.tables import idempotency
from shared.db import Transaction
from shared.idempotency import earlier_result, keep_result, request_fingerprint
from shared.permit import Anchor, Permit
from shared.problems import FieldError, InvalidRequest, PermitRefused


def service_of(catalogue: Catalogue, lgsl: int, *, pointer: str = "/lgsl") -> tuple[Service, list[Warned]]:
    """Give a service of the catalogue, with a warning if it took the place of the one named; raise `InvalidRequest`."""
    service = catalogue.find(lgsl)
    if service is None:
        raise InvalidRequest(
            "Some fields are not valid.", errors=[FieldError(pointer, "is not a service of the catalogue")]
        )
    if service.lgsl == lgsl:
        return service, []
    return service, [Warned(pointer=pointer, detail="is discontinued; the service that took its place was taken")]


def require_interaction(lgil: int) -> None:
    """Raise `InvalidRequest` unless this is a kind of interaction."""
    if lgil not in INTERACTIONS:
        raise InvalidRequest("Some fields are not valid.", errors=[FieldError("/lgil", "is not a kind of interaction")])


def subject_of(permit: Permit) -> tuple[Anchor, frozenset[UUID]]:
    """Give the subject the gateway resolved for a change, and the other persons of its household it resolved with it.

    The body's own word on who it is about was for the gateway and is not trusted here. Raises `PermitRefused` for a
    permit without a subject of the caller's organisation.
    """
    subject, *others = permit.about or (None,)
    if subject is None or subject.record_id is None or subject.owner != permit.org:
        raise PermitRefused
    return subject, frozenset(other.person_id for other in others if other is not None and other.owner == permit.org)


async def once(
    tx: Transaction,
    request: Request,
    make: Callable[[], Awaitable[UUID]],
    *,
    permit: Permit,
    key: str | None,
    at: datetime,
) -> UUID:
    """Make something and give its id; for a request that came before with the same key, give the id of what it made."""
    if key is None:
        return await make()
    held = {
        "org": permit.org,
        "subject": permit.subject,
        "key": key,
        "fingerprint": request_fingerprint(request.method, request.url.path, await request.body()),
    }
    earlier = await earlier_result(tx, idempotency, **held, at=at)
    if earlier is not None:
        return UUID(earlier["id"])
    made = await make()
    await keep_result(tx, idempotency, **held, result={"id": str(made)}, at=at)
    return made
