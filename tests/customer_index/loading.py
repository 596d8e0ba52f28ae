"""Hands over extracts and reads how they went."""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from pydantic_core import to_json

from shared.permit import Permit
from tests.builders import a_permit, write_permit
from tests.customer_index.conftest import Index


def ndjson(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Write records, each with its `local_id`, one a line."""
    return b"".join(to_json(record) + b"\n" for record in records)


async def hand_over(
    index: Index,
    owner: str,
    source: str,
    body: Any,
    *,
    permit: Permit | None = None,
    key: str | None = None,
    content_type: str = "application/x-ndjson",
) -> httpx.Response:
    """Hand over an extract, with an Idempotency-Key or without, and give the answer."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return await index.call(
        "POST",
        f"/v1/sources/{source}/loads",
        permit or write_permit(owner, source),
        content=body,
        headers={"Content-Type": content_type} | headers,
    )


async def load(index: Index, owner: str, source: str, body: Any, *, content_type: str = "application/x-ndjson") -> str:
    """Hand over an extract, have it taken in, and give its id."""
    answer = await hand_over(index, owner, source, body, content_type=content_type)
    assert answer.status_code == 202, answer.text
    await index.finish_loads()
    return str(answer.json()["load_id"])


async def progress(index: Index, owner: str, load_id: str) -> dict[str, Any]:
    """Tell how far a load has come."""
    return dict((await index.call("GET", f"/v1/loads/{load_id}", a_permit(owner))).json())


async def rejects(index: Index, owner: str, load_id: str) -> list[dict[str, Any]]:
    """List the rejected lines of a load."""
    return list((await index.call("GET", f"/v1/loads/{load_id}/rejects", a_permit(owner))).json()["items"])


def people(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    """Make records of people who have nothing in common."""
    return [
        {
            "local_id": f"p-{number}",
            "given_names": [_word(number)],
            "family_name": _word(number * 7919 + 13) + "ow",
            "date_of_birth": f"{1930 + number % 70}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        }
        for number in range(start, start + count)
    ]


def _word(number: int) -> str:
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    letters = []
    for _ in range(4):
        number, place = divmod(number * 31 + 17, 70)
        letters.append(consonants[place // 5] + vowels[place % 5])
    return "".join(letters).capitalize()
