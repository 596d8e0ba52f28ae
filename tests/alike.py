"""What two answers have to agree in where a caller must not be able to tell them apart.

They may differ in `Date`, `X-Request-Id`, `traceparent`, rate-limit headers and `request_id`, in nothing else. Where
the answers are about two people, their ids and moments differ; those are renamed by the order in which they appear.
"""

import re
from typing import Any, Final

import httpx
from pydantic_core import to_json

MAY_DIFFER: Final = {
    "date",
    "x-request-id",
    "traceparent",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
}
_OWN_TO_EACH: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
)
"""Random ids, and moments."""


def told(answer: httpx.Response) -> str:
    """Give all an answer tells: status, headers in their order, body to the byte, but for what may differ."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in MAY_DIFFER]
    request_id = answer.headers.get("x-request-id", "")
    body = answer.text.replace(f'"request_id":"{request_id}"', '"request_id":""') if request_id else answer.text
    return f"{answer.status_code}\n{headers}\n{body}"


def told_of_somebody(answer: httpx.Response) -> str:
    """Give all an answer tells of a person, with ids and moments renamed; so its `ETag`, which is made of them, is left
    out."""
    return _renamed(re.sub(r"\('etag', '[^']*'\)", "('etag', '')", told(answer)))


def stream(events: list[dict[str, Any]]) -> str:
    """Give what a run of events tells, with ids, moments and sequence numbers renamed."""
    first = min((event["sequence"] for event in events), default=0)
    return _renamed(to_json([event | {"sequence": event["sequence"] - first} for event in events]).decode())


def _renamed(said: str) -> str:
    names: dict[str, str] = {}
    return _OWN_TO_EACH.sub(lambda found: names.setdefault(found[0], f"new-{len(names)}"), said)
