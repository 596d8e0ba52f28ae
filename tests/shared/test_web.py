"""The HTTP side all services share: ids, limits, metrics, and errors that tell what to do and never what was sent."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from shared.problems import FieldError, NotFound, Problem
from shared.web import create_app
from shared.wire import Day, Name, Slug, Wire

CANARY = "Zyxanthe"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TeapotIsEmpty(Problem):
    """The teapot is empty.

    Fill it first.
    """

    status = 418


class Nested(Wire):
    day: Day


class NotATeapot(Problem):
    """This is no teapot.

    Look for one with
    a `spout`.
    """

    status = 404


class Body(Wire):
    name: Name
    slug: Slug = "x"
    nested: list[Nested] = []
    odd: dict[Literal["left", "right"], int] = {}


class _Refused(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(CANARY)
        self.sqlstate = sqlstate


def database_error(sqlstate: str) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, _Refused(sqlstate))


FAILURES: dict[str, tuple[Exception, int]] = {
    "problem": (TeapotIsEmpty("None left.", errors=[FieldError("/tea", "is out")], legal=["fill"]), 418),
    "missing": (NotFound("Not here."), 404),
    "unexplained": (NotATeapot(), 404),
    "value": (ValueError(CANARY), 500),
    "key": (KeyError(CANARY), 500),
    "deadlock": (database_error("40P01"), 503),
    "shutdown": (database_error("57P01"), 503),
    "unique": (database_error("23505"), 500),
    "pool": (PoolExhausted(CANARY), 503),
    "connection": (ConnectionRefusedError(CANARY), 503),
}


def an_app(*, ready: bool = True) -> FastAPI:
    """Make an application with a route for each thing that can happen."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    async def is_ready() -> None:
        if not ready:
            raise RuntimeError(CANARY)

    app = create_app(
        "tea",
        registry=CollectorRegistry(),
        lifespan=lifespan,
        ready=is_ready,
        max_body_bytes=1000,
        streamed=re.compile("^/v1/streams$"),
    )
    router = APIRouter(prefix="/v1")

    @router.post("/bodies")
    async def post_body(body: Body, limit: Annotated[int, Query(ge=1)] = 1) -> dict[str, Any]:
        return {"name": body.name, "limit": limit}

    @router.post("/streams")
    async def post_stream(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.get("/failures/{kind}")
    async def fail(kind: str) -> None:
        raise FAILURES[kind][0]

    @router.get("/torn")
    async def tear() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"one"
            raise ValueError(CANARY)

        return StreamingResponse(lines())

    app.include_router(router)
    return app


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tea") as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calling(an_app()) as called:
        yield called


async def test_every_answer_has_an_id_of_its_own_and_is_not_stored(client: httpx.AsyncClient) -> None:
    answers = [await client.get(path) for path in ("/livez", "/livez", "/nowhere", "/v1/failures/value")]

    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 4
    assert all(UUID.fullmatch(one) for one in ids)
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert {answer.headers["X-Content-Type-Options"] for answer in answers} == {"nosniff"}


async def test_a_problem_is_rendered_as_its_class_says(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/failures/problem")

    assert answer.status_code == 418
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/problems/teapot-is-empty",
        "title": "The teapot is empty",
        "status": 418,
        "detail": "None left.",
        "request_id": answer.headers["X-Request-Id"],
        "errors": [{"pointer": "/tea", "detail": "is out"}],
        "legal": ["fill"],
    }


async def test_a_problem_that_says_no_more_gives_the_advice_of_its_class(client: httpx.AsyncClient) -> None:
    problem = (await client.get("/v1/failures/unexplained")).json()

    assert problem["type"] == "/problems/not-a-teapot"
    assert problem["title"] == "This is no teapot"
    assert problem["detail"] == "Look for one with a `spout`."


@pytest.mark.parametrize("kind", FAILURES)
async def test_what_nobody_handled_tells_only_whether_to_try_again(kind: str, client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = await client.get(f"/v1/failures/{kind}")

    assert answer.status_code == FAILURES[kind][1]
    assert CANARY not in answer.text
    assert CANARY not in str(logged)
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)
    assert ("instance" in answer.json()) is False


async def test_an_answer_that_breaks_off_is_logged_without_its_message(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as logged, pytest.raises(ConnectionAbortedError):
        await client.get("/v1/torn")

    assert [(one["event"], one["error"]) for one in logged] == [("failed while answering", "ValueError")]
    assert CANARY not in str(logged)


@pytest.mark.parametrize(
    ("sent", "status", "pointers"),
    [
        ({"content": b"{"}, 400, []),
        ({"content": b"[" * 900}, 400, []),
        ({"json": {"name": ""}}, 422, ["/name"]),
        ({"json": {"name": CANARY, CANARY + "/~": 1}}, 422, [f"/{CANARY}~1~0"]),
        ({"json": {"name": "a\x00b"}}, 422, ["/name"]),
        ({"json": {"name": "Ash", "slug": CANARY}}, 422, ["/slug"]),
        ({"json": {"name": "Ash", "nested": [{"day": "2026-01-01"}, {"day": CANARY}]}}, 422, ["/nested/1/day"]),
        ({"json": {"name": "Ash", "nested": [{"day": 86400}]}}, 422, ["/nested/0/day"]),
        ({"json": {"name": "Ash", "nested": [{"day": "2026-01-01T00:00:00Z"}]}}, 422, ["/nested/0/day"]),
        ({"json": {"name": "Ash", "nested": [{"day": "0000-00-00"}]}}, 422, ["/nested/0/day"]),
        ({"json": {"name": "Ash", "odd": {"up": 1}}}, 422, ["/odd/up"]),
        ({"json": {"name": "Ash"}, "params": {"limit": "0"}}, 422, ["?limit"]),
        ({"json": {"name": "Ash"}, "params": {"limit": CANARY}}, 422, ["?limit"]),
        ({"json": [CANARY]}, 422, [""]),
        ({}, 422, [""]),
        ({"content": CANARY.encode(), "headers": {"Content-Type": "text/plain"}}, 415, []),
        ({"data": {"name": CANARY}}, 415, []),
        ({"json": {"name": "x" * 1000}}, 413, []),
    ],
    ids=str,
)
async def test_a_bad_request_is_told_where_it_is_wrong(
    sent: dict[str, Any], status: int, pointers: list[str], client: httpx.AsyncClient
) -> None:
    if "content" in sent:
        sent = {"headers": {"Content-Type": "application/json"}} | sent

    answer = await client.post("/v1/bodies", **sent)

    assert answer.status_code == status, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == pointers
    assert CANARY not in answer.text.replace(f"/{CANARY}~1~0", "")


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "identity, deflate", CANARY])
async def test_a_body_that_would_have_to_be_decoded_is_refused(coding: str, client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    for path in ("/v1/bodies", "/v1/streams"):
        refused = await client.post(path, content=b'{"name": "Ash"}', headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (415, "/problems/unsupported-media-type"), path
        assert refused.headers["Accept-Encoding"] == "identity"
        assert CANARY not in refused.text


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_a_body_as_it_is_may_say_so(coding: str, client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = await client.post("/v1/bodies", content=b'{"name": "Ash"}', headers=headers)
    assert answer.json() == {"name": "Ash", "limit": 1}


async def test_where_there_is_no_body_its_encoding_is_nobodys_concern(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez", headers={"Content-Encoding": "gzip"})).status_code == 200
    assert (await client.post("/v1/streams", headers={"Content-Encoding": "gzip"})).json() == {"bytes": 0}


async def test_a_good_request_is_answered_whatever_json_calls_itself(client: httpx.AsyncClient) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "application/merge-patch+json"):
        answer = await client.post("/v1/bodies", content=b'{"name": "Ash"}', headers={"Content-Type": kind})
        assert answer.json() == {"name": "Ash", "limit": 1}


async def test_a_body_is_counted_as_it_comes_except_where_the_route_counts(client: httpx.AsyncClient) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    headers = {"Content-Type": "application/json"}
    assert (await client.post("/v1/bodies", content=dripping(), headers=headers)).status_code == 413
    assert (await client.post("/v1/streams", content=dripping())).json() == {"bytes": 1100}


async def test_unknown_routes_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    missing = await client.get(f"/v1/{CANARY}")
    wrong = await client.put("/v1/bodies")
    slashed = await client.post("/v1/bodies/", json={"name": CANARY})

    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert wrong.headers["Allow"] == "POST"
    assert CANARY not in missing.text
    assert (slashed.status_code, slashed.json()["type"]) == (404, "/problems/not-found"), "sent on in plain text, maybe"


async def test_metrics_count_by_route_and_never_by_what_was_in_its_place(client: httpx.AsyncClient) -> None:
    await client.get("/v1/failures/missing")
    await client.get(f"/v1/nowhere/{CANARY}")
    await client.request(CANARY.upper(), "/livez")

    metrics = (await client.get("/metrics")).text

    assert 'http_requests_total{method="GET",route="/v1/failures/{kind}",status="404"} 1.0' in metrics
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in metrics
    assert CANARY.casefold() not in metrics.casefold()


async def test_a_service_that_cannot_serve_is_alive_and_not_ready() -> None:
    async with calling(an_app(ready=False)) as client:
        with structlog.testing.capture_logs():
            answer = await client.get("/readyz")
        assert (await client.get("/livez")).status_code == 200

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert CANARY not in answer.text
