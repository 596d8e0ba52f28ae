"""What the bridge notices: a service that breaks a promise about bad input does not get past it."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.fuzz.bridge import CANARY, Bridge, Description, Identity, Rows

PROBLEM: dict[str, Any] = {
    "type": "/problems/invalid-request", "title": "x", "status": 422, "detail": "", "request_id": "1", "errors": [],
}  # fmt: skip
DESCRIPTION: dict[str, Any] = {"paths": {"/v1/things": {"post": {"responses": {"201": {}, "422": {}, "500": {}}}}}}


class Counted(Rows):
    """Rows that a test counts by hand."""

    def __init__(self) -> None:
        super().__init__([])
        self.rows = 0

    async def add_up(self) -> list[dict[str, Any]]:
        return [{"things": self.rows}]


def problem(status: int = 422, **changes: Any) -> Response:
    """Answer with a problem."""
    return JSONResponse(PROBLEM | {"status": status} | changes, status, media_type="application/problem+json")


def store(rows: Counted) -> Response:
    """Store something, and refuse it afterwards."""
    rows.rows += 1
    return problem()


BREACHES: dict[str, tuple[Callable[[Counted], Response], bool]] = {
    "is an error of ours": (lambda _: problem(500), True),
    "is text/plain; charset=utf-8, not a problem": (lambda _: PlainTextResponse("no", 422), True),
    "lacks the fields of a problem": (lambda _: JSONResponse({}, 422, media_type="application/problem+json"), True),
    "repeats what was sent": (lambda _: problem(detail=f"{CANARY} is no date"), True),
    "left things behind": (store, True),
    "is not in the description": (lambda _: problem(418), True),
    "lets somebody in": (lambda _: JSONResponse({}, 201), False),
}
"""How a service can break a promise, by what the bridge says of it, and whether the caller is to be let in."""


async def told(answer: Callable[[Counted], Response], *, is_let_in: bool) -> str:
    """Give what a bridge says of a service that answers so."""
    rows = Counted()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(rows)(scope, receive, send)

    somebody = Identity(name="somebody", credentials=lambda _method, _target: [], is_let_in=is_let_in)
    bridge = Bridge(
        app=cast(FastAPI, app),
        loop=asyncio.get_running_loop(),
        identities=[somebody],
        rows=rows,
        described=Description(DESCRIPTION),
    )
    asked = {"type": "http", "method": "POST", "path": "/v1/things", "raw_path": b"/v1/things", "query_string": b""}
    await bridge.ask(asked | {"headers": []}, b"{}")
    return " ".join(bridge.broken)


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_broken_promise_is_noticed(breach: str) -> None:
    answer, is_let_in = BREACHES[breach]

    assert breach in await told(answer, is_let_in=is_let_in)


@pytest.mark.parametrize("answer", [lambda _: problem(), lambda _: JSONResponse({}, 201)], ids=["refused", "made"])
async def test_a_promise_that_is_kept_is_no_finding(answer: Callable[[Counted], Response]) -> None:
    assert await told(answer, is_let_in=True) == ""
