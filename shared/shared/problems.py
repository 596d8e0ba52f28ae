"""What can go wrong, as RFC 9457 problem details; every service's own problems subclass `Problem`.

    Problem
    ├── MalformedRequest      400
    ├── PermitRefused         401
    ├── NotFound              404
    ├── MethodNotAllowed      405
    ├── RequestStillRunning   409
    ├── VersionChanged        412
    ├── BodyTooLarge          413
    ├── UnsupportedMediaType  415
    ├── IdempotencyKeyReused  422
    ├── InvalidRequest        422
    ├── VersionRequired       428
    ├── InternalError         500
    └── Unavailable           503

The class name is the type, the first line of the docstring the title, the rest of it the detail where a problem says
nothing more exact. A problem names the field that is wrong and never its value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """Where a request is wrong, as a JSON pointer into it, and how."""

    pointer: str
    detail: str


class Problem(Exception):
    """Something a caller is told about; raised in rules and commands, rendered in one place."""

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extensions = extensions

    @classmethod
    def type(cls) -> str:
        """Give the problem type: `/problems/` and the class name in kebab case."""
        return "/problems/" + re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Give the first line of the docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")

    @classmethod
    def advice(cls) -> str:
        """Give the rest of the docstring, which says what to do; nothing if there is none."""
        return " ".join((cls.__doc__ or "").strip().partition("\n")[2].split())

    def body(self, request_id: str) -> dict[str, Any]:
        """Render the problem document."""
        return {
            "type": self.type(),
            "title": self.title(),
            "status": self.status,
            "detail": self.detail or self.advice(),
            "request_id": request_id,
            "errors": [asdict(error) for error in self.errors],
            **self.extensions,
        }


class MalformedRequest(Problem):
    """The request is not well formed."""

    status = 400


class PermitFailure(StrEnum):
    """Why a permit was refused; the operators are told, and whoever sent it is not."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNKNOWN_KEY = "unknown-key"
    OTHER_VERSION = "other-version"
    OTHER_SERVICE = "other-service"
    OTHER_REQUEST = "other-request"
    NOT_NOW = "not-now"
    OTHER_ACTION = "other-action"
    NOT_GRANTED = "not-granted"


class PermitRefused(Problem):
    """This service answers only to a valid permit for this very call."""

    status = 401

    def __init__(self, failure: PermitFailure = PermitFailure.NOT_GRANTED) -> None:
        super().__init__()
        self.failure = failure


class NotFound(Problem):
    """There is nothing here that you may see."""

    status = 404


class MethodNotAllowed(Problem):
    """This resource does not take that method."""

    status = 405


class RequestStillRunning(Problem):
    """The first request with this Idempotency-Key is still being worked on.

    Repeat it a moment later: the answer will be that of the first.
    """

    status = 409


class VersionChanged(Problem):
    """This was changed since the version that If-Match names.

    Read it again, and send the ETag of that answer.
    """

    status = 412


class BodyTooLarge(Problem):
    """The request body is larger than this route takes."""

    status = 413


class UnsupportedMediaType(Problem):
    """This route does not take that content type or encoding."""

    status = 415


class IdempotencyKeyReused(Problem):
    """This Idempotency-Key was used with another request.

    Use a new key for every new request, and the same one only to repeat a request unchanged.
    """

    status = 422


class InvalidRequest(Problem):
    """The request is well formed but its content is not valid."""

    status = 422


class VersionRequired(Problem):
    """This exists, so that a change must name the version it replaces.

    Read it, and send the ETag of that answer as If-Match.
    """

    status = 428


class InternalError(Problem):
    """Something went wrong on our side."""

    status = 500


class Unavailable(Problem):
    """This cannot be served just now; try again shortly."""

    status = 503
