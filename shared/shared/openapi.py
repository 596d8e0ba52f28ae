"""A service's description: what FastAPI says of its routes, with the problems they answer in place of FastAPI's errors.

In this room: which problems follow from the shape of a request, and how a route names others (`answers`). Not in this
room: the problems themselves (`problems`), and how the gateway puts the descriptions of all services together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from shared.problems import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    Problem,
    RequestStillRunning,
    Unavailable,
    UnsupportedMediaType,
    VersionChanged,
    VersionRequired,
)

Operation = dict[str, Any]
Describe = Callable[[dict[str, Any]], dict[str, Any]]

_SCHEMA: Final = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it; some problems say more than these fields.",
    "required": ["type", "title", "status", "detail", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "pattern": "^/problems/[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "additionalProperties": False,
            },
        },
    },
}
OPEN: Final[dict[str, Any]] = {"security": []}
"""What a route that anyone may call says of itself, as its `openapi_extra`."""

_CONTENT: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_OF_FASTAPI: Final = ("HTTPValidationError", "ValidationError")


class DescribedService(FastAPI):
    """An application that describes its problems as well as its answers."""

    def __init__(self, describe: Describe, **settings: Any) -> None:
        super().__init__(**settings)
        self._describe = describe

    def openapi(self) -> dict[str, Any]:
        """Give the description of the service, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = self._describe(super().openapi())
        return self.openapi_schema


def answers(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Describe the problems a route answers with beside those that follow from its shape, as its `responses`."""
    titles: dict[int | str, list[str]] = {}
    for problem in problems:
        titles.setdefault(problem.status, []).append(problem.title())
    return {status: {"description": "; ".join(said)} for status, said in titles.items()}


def stored_as(view: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Describe what a route answers with beside 200 that stores what its caller names, a first version or the next."""
    return {201: {"model": view}, **answers(VersionRequired)}


def with_problems(
    document: Mapping[str, Any], *, always: Sequence[type[Problem]], proof: Mapping[str, Any]
) -> dict[str, Any]:
    """Give FastAPI's description with the problems of each operation: those that follow from its shape, and `always`.

    `proof` describes how a caller proves who it is, as OpenAPI's security schemes by name.
    """
    components = dict(document.get("components", {}))
    schemas = {name: schema for name, schema in components.get("schemas", {}).items() if name not in _OF_FASTAPI}
    paths = {
        path: {
            method: telling(operation, () if _is_open(operation) else always)
            for method, operation in operations.items()
        }
        for path, operations in document.get("paths", {}).items()
    }
    return {
        **document,
        "paths": paths,
        "components": {
            **components,
            "schemas": dict(sorted({**schemas, "Problem": _SCHEMA}.items())),
            "securitySchemes": dict(proof),
        },
        "security": [{name: []} for name in proof],
    }


def telling(operation: Operation, always: Sequence[type[Problem]]) -> Operation:
    """Give an operation with its problems: those it names, those that follow from its shape, and `always`."""
    own = {status: told for status, told in operation["responses"].items() if not _is_fastapis(told)}
    implied = {str(status): told for status, told in answers(*always, *_follow_from(operation)).items()}
    return {
        **operation,
        "responses": {
            status: {**told, "content": _CONTENT} if status >= "400" else told
            for status, told in sorted((implied | own).items())
        },
    }


def _is_open(operation: Operation) -> bool:
    return "security" in operation and not operation["security"]


def _is_fastapis(told: Mapping[str, Any]) -> bool:
    return str(told.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")).endswith(
        _OF_FASTAPI
    )


def _follow_from(operation: Operation) -> list[type[Problem]]:
    """List the problems that a request of this shape can meet."""
    parameters = {(each["in"], each["name"]) for each in operation.get("parameters", ())}
    follows: list[type[Problem]] = [InternalError, Unavailable]
    if parameters or "requestBody" in operation:
        follows.append(InvalidRequest)
    if any(place == "path" for place, _ in parameters):
        follows.append(NotFound)
    if ("query", "cursor") in parameters:
        follows.append(MalformedRequest)
    if ("header", "Idempotency-Key") in parameters:
        follows.append(RequestStillRunning)
    if ("header", "If-Match") in parameters:
        follows.append(VersionChanged)
    if "requestBody" in operation:
        follows += [BodyTooLarge, MalformedRequest, UnsupportedMediaType]
    return list(dict.fromkeys(follows))
