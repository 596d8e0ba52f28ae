"""The wire of explained decisions."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from gateway.schemas.organisations import ServiceArea, Subject
from shared.categories import Action, Category, Purpose, Role
from shared.wire import Slug, Wire


class NewDecision(Wire):
    """A call that might be made; nothing is read or changed."""

    subject: Subject
    roles: Annotated[list[Role], Field(max_length=len(Role))]
    purpose: Purpose
    action: Action
    provider: Slug | None = None
    service_area: ServiceArea | None = None
    person_id: UUID | None = None
    """Somebody whom the subject would have to be able to know for that call; rules about a person are never explained,
    so for all others the answer is that of an id that does not exist."""


class DenialView(Wire):
    """One cell that the call would not see, why not, and what would be needed."""

    provider: str
    service_area: str
    category: Category
    reason: str
    clause: str | None
    needed: str


class DecisionView(Wire):
    """What a call would be granted, as `category` or `category:form` for each scope, and what not."""

    decision_id: UUID
    grants: dict[str, list[str]]
    denials: list[DenialView]
