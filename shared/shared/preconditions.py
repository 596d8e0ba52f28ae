"""Versions of things that change: the ETag of an answer and the If-Match of a change."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Header, Response

from shared.problems import VersionChanged, VersionRequired

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=200)]

_STRONG: Final = re.compile(r'\s*(?:W/)?("[^"]*")\s*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A version that was stored, and whether it is the first."""

    version: int
    created: bool


def etag_of(version: int) -> str:
    """Give the ETag of a version."""
    return f'"{version}"'


def require_match(if_match: str | None, *, version: int | None) -> None:
    """Raise `VersionRequired` unless a change to what exists names a version, `VersionChanged` if it is another.

    `version` is the present one; None where nothing exists yet.
    """
    if version is not None and if_match is None:
        raise VersionRequired
    accept_match(if_match, version=version)


def accept_match(if_match: str | None, *, version: int | None) -> None:
    """Raise `VersionChanged` if a change names another version than the present one; it need not name any."""
    if if_match is None:
        return
    named = {match.group(1) for part in if_match.split(",") if (match := _STRONG.fullmatch(part)) and "W/" not in part}
    if version is None or (if_match.strip() != "*" and etag_of(version) not in named):
        raise VersionChanged


def answer_stored(response: Response, stored: Stored) -> int:
    """Put the ETag and the status on an answer to a change, and give the status."""
    response.headers["ETag"] = etag_of(stored.version)
    response.status_code = 201 if stored.created else 200
    return response.status_code
