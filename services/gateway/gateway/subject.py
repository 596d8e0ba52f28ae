"""Whom a call is about, where a service answers it that does not know persons itself.

In this room: asking customer-index, with the call's own permit, who a named subject is, which persons are linked with
one, and whether the caller may know of somebody. What it answers goes into the permit for the other service; no id from
a body or a path is trusted further than that. Not in this room: passing the call on (`api.forwarding`).
"""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any, Self
from uuid import UUID

import httpx
from fastapi import Request
from pydantic import BaseModel, StringConstraints, ValidationError, model_validator
from pydantic_core import from_json, to_json

from gateway.access import Access, access_to_own_records
from gateway.audit import Shown
from gateway.call import Call
from gateway.problems import ServiceUnreachable, UnknownPerson
from gateway.upstream import CUSTOMER_INDEX, Upstream
from shared.categories import Action, Scope, split_scope
from shared.permit import Anchor
from shared.problems import FieldError, InvalidRequest, MalformedRequest, NotFound
from shared.web import pointer_to, words_for
from shared.wire import Slug, Text

_JSON = {"Content-Type": "application/json"}
_NOBODY = "There is no such person, or none that you may know of."


class Subject(BaseModel):
    """What a body says of whom it is about; the rest of it is the service's to read."""

    source: Slug | None = None
    local_id: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = None
    person_id: UUID | None = None
    household: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        named = (self.source is not None, self.local_id is not None, self.person_id is not None)
        if named not in ((True, True, False), (False, False, True)):
            raise ValueError("name either source and local_id, or person_id")
        return self


async def about_subject(request: Request, call: Call, access: Access, *, body: bytes) -> Access:
    """Put the subject that a body names into the permit, and who lives with it if the body is about them all.

    Raises `UnknownPerson` if it is nobody of the caller's own organisation that the caller may know.
    """
    named = _subject_in(body)
    reply = await _index(request).call(
        "POST",
        "/v1/anchors",
        permit=access.permit,
        at=call.at,
        headers=_JSON,
        content=to_json(named.model_dump(mode="json", exclude_none=True)),
    )
    if reply.status_code == 404:
        raise UnknownPerson(_NOBODY)
    told = _told(reply)
    subject = Anchor(told["owner"], UUID(told["person_id"]), UUID(told["record_id"]), Scope(told["scope"]))
    others = (Anchor(told["owner"], UUID(person_id)) for person_id in told["household"])
    return replace(access, permit=replace(access.permit, about=(subject, *others)))


async def person_behind(request: Request, call: Call, *, source: str, local_id: str) -> UUID | None:
    """Give the person behind a record of the caller's own organisation, for a call that governs it; None if there is
    no such record."""
    access = await access_to_own_records(request, call)
    named = to_json({"source": source, "local_id": local_id})
    reply = await _index(request).call(
        "POST", "/v1/anchors", permit=access.permit, at=call.at, headers=_JSON, content=named
    )
    return None if reply.status_code == 404 else UUID(_told(reply)["person_id"])


async def about_person(request: Request, call: Call, access: Access, *, person_id: UUID) -> Access:
    """Put a person and those linked with it into the permit; raise `UnknownPerson` if the caller may not know it."""
    asked = person_id
    reply = await _view(request, call, access, person_id=asked)
    if reply.status_code == 308:
        asked = UUID(reply.headers["location"].rpartition("/")[2])
        reply = await _view(request, call, access, person_id=asked)
    if reply.status_code == 404:
        raise UnknownPerson(_NOBODY)
    return about_people(access, _told(reply), also_known_as=person_id)


def about_people(access: Access, person: dict[str, Any], *, also_known_as: UUID | None = None) -> Access:
    """Put a person and those linked with it, as customer-index showed them, into the permit."""
    owner = person["owner"]
    ids = {also_known_as or UUID(person["person_id"]): owner, UUID(person["person_id"]): owner}
    ids |= {UUID(linked["person_id"]): linked["owner"] for linked in person["linked"]}
    return replace(access, permit=replace(access.permit, about=tuple(Anchor(ids[one], one) for one in ids)))


async def require_person_known(request: Request, call: Call, access: Access, *, person_id: UUID) -> None:
    """Raise `UnknownPerson` unless an access lets somebody know of a person."""
    permit = access.permit
    reply = await _index(request).call("GET", f"/v1/people/{person_id}/known", permit=permit, at=call.at)
    if reply.status_code == 404:
        raise UnknownPerson(_NOBODY)
    _told(reply)


async def require_known(request: Request, call: Call, access: Access, persons: Collection[UUID]) -> None:
    """Raise `NotFound` unless the caller may know of every one of some persons."""
    permit = replace(access.permit, action=Action.READ, about=())
    replies = await asyncio.gather(
        *(
            _index(request).call("GET", f"/v1/people/{person_id}/known", permit=permit, at=call.at)
            for person_id in persons
        )
    )
    if any(reply.status_code != 200 for reply in replies):
        raise NotFound


async def require_item_known(
    request: Request, call: Call, access: Access, *, service: str, kind: str, item_id: UUID
) -> None:
    """Raise `NotFound` unless the caller may know whom an item is about, before it is changed."""
    upstream: Upstream = request.app.state.upstreams[service]
    target = f"/v1/{kind}/{item_id}/concerned"
    permit = replace(access.permit, action=Action.READ)
    reply = await upstream.call("GET", target, permit=permit, at=call.at)
    if reply.status_code != 200:
        raise NotFound
    told = _told(reply)
    if not told["persons"] and told["owner"] != call.caller.org:
        raise NotFound
    await require_known(request, call, access, [UUID(person_id) for person_id in told["persons"]])


async def require_shown_known(request: Request, call: Call, access: Access, *, shown: Shown) -> None:
    """Raise `NotFound` unless the caller may know of those of whom an item was shown; of an item with nobody behind it
    any more, unless it is the own organisation's."""
    if not shown.persons and any(split_scope(scope)[0] != call.caller.org for scope in shown.scopes):
        raise NotFound
    await require_known(request, call, access, shown.persons.keys())


def _subject_in(body: bytes) -> Subject:
    try:
        told = from_json(body)
    except ValueError:
        raise MalformedRequest("The body is not valid JSON.") from None
    try:
        return Subject.model_validate(told)
    except ValidationError as error:
        errors = [FieldError(pointer_to(("body", *one["loc"])), words_for(dict(one))) for one in error.errors()]
        raise InvalidRequest("Some fields are not valid.", errors=errors) from None


async def _view(request: Request, call: Call, access: Access, *, person_id: UUID) -> httpx.Response:
    target = f"/v1/people/{person_id}?include="
    return await _index(request).call("GET", target, permit=access.permit, at=call.at)


def _told(reply: httpx.Response) -> dict[str, Any]:
    if reply.status_code != 200:
        raise ServiceUnreachable
    told: dict[str, Any] = from_json(reply.content)
    return told


def _index(request: Request) -> Upstream:
    upstream: Upstream = request.app.state.upstreams[CUSTOMER_INDEX]
    return upstream
