"""Extracts on their way into the platform, as a source system sends them: upload, progress, rejects.

Only the public API is used, so this works against any gateway. How progress is shown is the caller's business.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import httpx

from single_node.staff import NotPossible, explained

SUFFIXES: Final = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".csv": "text/csv"}
"""The content type of an extract by the suffix of its file."""

_PAUSE: Final = 0.2
"""Seconds between looks at a running load."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is; the counts are of records."""

    status: str
    received: int
    created: int
    linked: int
    review: int
    updated: int
    unchanged: int
    rejected: int

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will happen."""
        return self.status in ("done", "failed")

    @property
    def handled(self) -> int:
        """The records that have been taken in or rejected."""
        return self.created + self.linked + self.review + self.updated + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that was refused, by its number in the file (from 1), and why."""

    line: int
    reasons: tuple[str, ...]


def send(http: httpx.Client, *, source: str, content: Iterable[bytes], content_type: str, purpose: str) -> str:
    """Stream an extract to the gateway; give the id of the load. Raises `NotPossible`."""
    answer = http.post(
        f"/v1/sources/{source}/loads",
        content=content,
        headers={"Content-Type": content_type, "SCV-Purpose": purpose},
    )
    return str(_good(answer, "The extract was refused")["load_id"])


def follow(http: httpx.Client, load_id: str, *, purpose: str) -> Iterator[Progress]:
    """Tell how far a load is, again and again until it is over. Raises `NotPossible`."""
    while True:
        answer = http.get(f"/v1/loads/{load_id}", headers={"SCV-Purpose": purpose})
        told = _good(answer, "The load cannot be followed")
        progress = Progress(**{field.name: told[field.name] for field in fields(Progress)})
        yield progress
        if progress.is_over:
            return
        time.sleep(_PAUSE)


def rejects(http: httpx.Client, load_id: str, *, purpose: str, limit: int) -> list[Reject]:
    """List the first rejected lines of a load. Raises `NotPossible`."""
    answer = http.get(f"/v1/loads/{load_id}/rejects", params={"limit": limit}, headers={"SCV-Purpose": purpose})
    return [
        Reject(item["line"], tuple(f"{error['pointer']} {error['detail']}".strip() for error in item["errors"]))
        for item in _good(answer, "The rejects cannot be read")["items"]
    ]


def ndjson(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Write records one a line."""
    for record in records:
        yield json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _good(answer: httpx.Response, what: str) -> dict[str, Any]:
    if not answer.is_success:
        raise NotPossible(f"{what} ({answer.status_code}): {explained(answer)}")
    told: dict[str, Any] = answer.json()
    return told
