"""Silence: what a source says of somebody is in no log line, event, error, address or header of this service."""

import logging
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from io import StringIO
from typing import Any

import httpx
import pytest
import structlog
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index.jobs import take_in_next
from shared.categories import Action
from shared.logs import configure
from tests.builders import AT, a_permit, a_record, facts, write_permit
from tests.customer_index import behind, canaries
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.loading import hand_over, ndjson, rejects
from tests.customer_index.test_links import BOTH

RECORD = "/v1/sources/crm/records/c-1"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[StringIO]:
    """All that the process writes, through structlog as configured in production, logging or print."""
    written = StringIO()
    before = structlog.get_config()
    caplog.set_level(logging.DEBUG)
    with redirect_stdout(written), redirect_stderr(written):
        configure("customer-index", level="DEBUG")
        yield written
    structlog.configure(**before)
    structlog.contextvars.unbind_contextvars("service")
    for record in caplog.records:
        written.write(record.getMessage())


def telling_calls(person_id: str) -> list[tuple[str, str, Any, dict[str, Any]]]:
    """List calls that carry canaries in, good ones and bad ones."""
    record = dict(canaries.RECORD)
    searching = a_permit("lbhf", action=Action.SEARCH)
    reading = a_permit("lbhf", source=facts("crm"))
    writing = write_permit("lbhf")
    return [
        ("PUT", RECORD, writing, {"json": record}),
        ("PUT", RECORD, writing, {"json": record | {"title": "Ms"}}),
        ("PUT", RECORD, writing, {"json": record | {"date_of_birth": "Vandersprocket"}}),
        ("PUT", RECORD, writing, {"json": record | {"phones": "07700 900777"}}),
        ("PUT", RECORD, writing, {"json": record | {"family_name": "Vandersprocket\x00"}}),
        ("PUT", RECORD, writing, {"content": to_json(record)[:-1], "headers": {"Content-Type": "application/json"}}),
        ("PUT", RECORD, writing, {"content": to_json(record), "headers": {"Content-Type": "text/plain"}}),
        ("PUT", RECORD, writing, {"json": record | {"known_as": "Xannikins" * 200_000}}),
        ("PUT", RECORD, None, {"json": record}),
        ("PUT", RECORD, replace(writing, org="wcc"), {"json": record}),
        ("POST", "/v1/people/search", searching, {"json": {"family_name": "Vandersprocket"}}),
        ("POST", "/v1/people/search", searching, {"json": {"date_of_birth": "1951-11-23Z", "phone": "07700 900777"}}),
        ("POST", "/v1/people/search", None, {"json": {"phone": "07700 900777"}}),
        ("GET", f"/v1/people/{person_id}", a_permit("rbkc"), {}),
        ("GET", RECORD, replace(reading, org="rbkc"), {}),
        ("DELETE", RECORD, writing, {}),
    ]


async def test_nothing_a_source_says_is_logged_told_in_events_or_repeated_in_errors(
    index: Index, admins: dict[str, AsyncEngine], logged: StringIO
) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1", dict(canaries.RECORD)))["person_id"]
    await put(index, "wcc", "crm/w-1", dict(canaries.RECORD))
    await index.consume(agreement_changed(*BOTH))
    await index.link()
    answers: list[httpx.Response] = []
    for method, path, permit, sent in telling_calls(person_id):
        answers.append(await index.call(method, path, permit, **sent))
    bad = {"local_id": "l-1", **canaries.RECORD, "date_of_birth": "Vandersprocket"}
    load = await hand_over(index, "lbhf", "crm", ndjson([{"local_id": "l-2", **canaries.RECORD}, bad]))
    await index.finish_loads()
    rejected = await rejects(index, "lbhf", load.json()["load_id"])

    everything = canaries.all_values()
    assert {answer.status_code for answer in answers} >= {200, 204, 400, 401, 404, 413, 415, 422}
    for answer in answers:
        assert canaries.found_in(answer.text + str(answer.headers), everything) == []
        assert canaries.found_in(str(answer.request.url), everything) == []
    assert [one["line"] for one in rejected] == [2]
    assert canaries.found_in(str(rejected), everything) == []
    told = await behind.ask(admins["customer_index"], "SELECT t::text FROM outbox AS t")
    assert len(told) > 2
    assert canaries.found_in(str(told), everything) == []
    metrics = (await index.client.get("/metrics")).text
    assert canaries.found_in(metrics, everything) == []
    assert person_id not in metrics
    assert canaries.found_in(logged.getvalue(), everything) == []


async def test_a_failure_of_the_database_is_logged_without_what_it_was_about(
    index: Index, admins: dict[str, AsyncEngine], logged: StringIO
) -> None:
    """PostgreSQL repeats the failing row in its message, so messages of exceptions must stay inside."""
    broken = "ALTER TABLE records ADD CONSTRAINT broken CHECK (data ->> 'family_name' <> 'Vandersprocket')"
    async with admins["customer_index"].begin() as connection:
        await connection.execute(text(broken))
    try:
        answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=dict(canaries.RECORD))
        await hand_over(index, "lbhf", "crm", ndjson([{"local_id": "l-1", **canaries.RECORD}]))
        with suppress(Exception):
            await take_in_next(index.database, index.worker, clock=lambda: AT)
    finally:
        async with admins["customer_index"].begin() as connection:
            await connection.execute(text("ALTER TABLE records DROP CONSTRAINT broken"))

    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert canaries.found_in(answer.text, canaries.all_values()) == []
    lines = logged.getvalue()
    assert '"unexpected"' in lines
    assert '"sqlstate": "23514"' in lines
    assert lines.count('"chunk failed"') == 3
    assert answer.headers["X-Request-Id"] in lines
    assert canaries.found_in(lines, canaries.all_values()) == []


async def test_a_load_that_cannot_be_taken_in_fails_and_the_next_one_is_done(
    index: Index, admins: dict[str, AsyncEngine], logged: StringIO
) -> None:
    async with admins["customer_index"].begin() as connection:
        await connection.execute(
            text("ALTER TABLE records ADD CONSTRAINT broken CHECK (data ->> 'family_name' <> 'Vandersprocket')")
        )
    try:
        failing = await hand_over(index, "lbhf", "crm", ndjson([{"local_id": "l-1", **canaries.RECORD}]))
        going_on = await hand_over(index, "lbhf", "crm", ndjson([{"local_id": "l-2", **a_record()}]))
        await index.finish_loads()
    finally:
        async with admins["customer_index"].begin() as connection:
            await connection.execute(text("ALTER TABLE records DROP CONSTRAINT broken"))

    statuses = [
        (await index.call("GET", f"/v1/loads/{one.json()['load_id']}", a_permit("lbhf"))).json()["status"]
        for one in (failing, going_on)
    ]
    assert statuses == ["failed", "done"]
