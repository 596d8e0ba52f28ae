"""The wire of questions about persons."""

from typing import Any
from uuid import UUID

from shared.wire import Wire


class CaseFile(Wire):
    """What is being done for some persons, as this call may see it; a mere `exists` where no more is granted."""

    contacts: list[dict[str, Any]]
    episodes: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    assessments: list[dict[str, Any]]


class Concerned(Wire):
    """Whom an item is about; nobody where the record behind it was withdrawn."""

    owner: str
    persons: list[UUID]
