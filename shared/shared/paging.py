"""Keyset pages and their cursors.

A cursor is opaque to its holder and bound to the caller and the filter it was made for: another caller, or the same
caller with another filter, gets 400.
"""

import base64
import hmac
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import SecretStr
from pydantic_core import from_json, to_json

from shared.problems import FieldError, MalformedRequest
from shared.wire import Wire

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="most items on the page")]
Cursor = Annotated[str | None, Query(max_length=600, description="`next` of the page before")]


class Page(Wire, Generic[T]):
    """Some items, and the cursor of the page after them or null."""

    items: list[T]
    next: str | None


class Cursors:
    """Makes and reads the cursors of one service."""

    def __init__(self, secrets: SecretStr) -> None:
        """Of several `secrets`, between commas, the first makes cursors and all read them, while they are rotated."""
        self._keys = [one.encode() for one in secrets.get_secret_value().split(",")]

    def write(self, position: Any, *, bound_to: Sequence[str]) -> str:
        """Make a cursor for a position (JSON) that only the same caller and filter can use again."""
        payload = to_json(position)
        return base64.urlsafe_b64encode(_mark(payload, bound_to, key=self._keys[0]) + payload).decode().rstrip("=")

    def read(self, cursor: str, *, bound_to: Sequence[str]) -> Any:
        """Give the position of a cursor; raise `MalformedRequest` unless it was made for this caller and filter."""
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            mark, payload = raw[:16], raw[16:]
            if any(hmac.compare_digest(mark, _mark(payload, bound_to, key=key)) for key in self._keys):
                return from_json(payload)
        except ValueError:
            pass
        raise MalformedRequest(
            "The cursor was not made for this caller and these filters.",
            errors=[FieldError("?cursor", "start again without a cursor")],
        )


def _mark(payload: bytes, bound_to: Sequence[str], *, key: bytes) -> bytes:
    return hmac.digest(key, to_json(list(bound_to)) + b"\0" + payload, "sha256")[:16]
