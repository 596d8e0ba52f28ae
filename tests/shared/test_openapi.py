"""A service's description: its problems as it answers them, and the methods that a path takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from shared.idempotency import IdempotencyKey
from shared.openapi import answers, stored_as, with_problems
from shared.preconditions import IfMatch
from shared.problems import PermitRefused, Problem
from shared.web import create_app
from shared.wire import Name, Wire


class Thing(Wire):
    name: Name


class AlreadyThere(Problem):
    """This is there already.

    Leave it.
    """

    status = 409


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


async def ready() -> None: ...


@pytest.fixture
def app() -> FastAPI:
    describe = partial(with_problems, always=(PermitRefused,), proof={"permit": {"type": "http", "scheme": "x"}})
    made = create_app(
        "things",
        registry=CollectorRegistry(),
        lifespan=lifespan,
        ready=ready,
        max_body_bytes=1000,
        describe=describe,
    )

    @made.get("/v1/things/{thing_id}")
    async def get_thing(thing_id: UUID) -> Thing:
        return Thing(name=str(thing_id))

    @made.put("/v1/things/{thing_id}", responses=stored_as(Thing))
    async def put_thing(thing_id: UUID, new: Thing, if_match: IfMatch = None) -> Thing:
        return new

    @made.post("/v1/things", responses=answers(AlreadyThere))
    async def post_thing(new: Thing, key: IdempotencyKey = None) -> Thing:
        return new

    return made


def answered(app: FastAPI, method: str, path: str) -> dict[str, Any]:
    told: dict[str, Any] = app.openapi()["paths"][path][method]["responses"]
    return told


def test_an_operation_answers_the_problems_that_follow_from_its_shape_and_those_it_names(app: FastAPI) -> None:
    assert set(answered(app, "get", "/v1/things/{thing_id}")) == {"200", "401", "404", "422", "500", "503"}
    assert set(answered(app, "put", "/v1/things/{thing_id}")) == {
        "200", "201", "400", "401", "404", "412", "413", "415", "422", "428", "500", "503",
    }  # fmt: skip
    assert answered(app, "post", "/v1/things")["409"]["description"] == "This is there already"


def test_every_problem_is_described_as_it_is_rendered(app: FastAPI) -> None:
    document = app.openapi()

    for told in (each for path in document["paths"].values() for operation in path.values() for each in [operation]):
        for status, response in told["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"]
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(document["components"]["schemas"])
    assert set(document["components"]["schemas"]["Problem"]["required"]) == {
        "type", "title", "status", "detail", "request_id", "errors",
    }  # fmt: skip


async def test_a_method_that_a_path_does_not_take_is_answered_with_all_those_it_does(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as client:
        refused = await client.patch("/v1/things/00000000-0000-4000-8000-000000000000")

    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PUT")
