"""The ETag of what a call was shown, and the If-Match of a change.

A tag is made of what was shown, never of a stored version: so nobody learns from it that something changed which they
may not see.
"""

import hashlib
from typing import Any

from pydantic_core import to_json

from shared.problems import VersionChanged, VersionRequired


def etag_of(shown: Any) -> str:
    """Give the ETag of something shown."""
    return f'"{hashlib.sha256(to_json(shown)).hexdigest()[:32]}"'


def require_match(if_match: str | None, *, shown: Any) -> None:
    """Raise `VersionRequired` unless a change names a version, `VersionChanged` if it is not that of what is shown."""
    if if_match is None:
        raise VersionRequired
    accept_match(if_match, shown=shown)


def accept_match(if_match: str | None, *, shown: Any) -> None:
    """Raise `VersionChanged` if a change names another version than that of what is shown; it need not name any."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag_of(shown) not in {part.strip() for part in if_match.split(",")}:
        raise VersionChanged
