"""Traces: ids for all work, spans only where they are asked for, and nobody who waits for them to be sent."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr
from io import StringIO
from uuid import UUID

import httpx
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import get_current_span
from prometheus_client import CollectorRegistry
from pydantic_core import to_json

from shared import logs, telemetry
from shared.cloudevents import Record, envelope_of, record_of
from shared.events import Envelope
from shared.problems import NotFound, Unavailable
from shared.telemetry import OriginOf, child_of, linked_to
from shared.told import Misconfigured
from shared.web import create_app
from single_node.postgres import Server
from tests.builders import PERMIT_KEYS
from tests.processes import an_api, environment
from tests.traces import HOSTILE, STRANGER, collecting, recording

CANARY = "Zyxanthe"
THEIR_TRACE, THEIR_SPAN = STRANGER.split("-")[1:3]
_ONE_BATCH_SECONDS = 6.0
"""Less than the time for which a batch of spans is tried where nobody takes it."""
FAILURES = {"value": ValueError(CANARY), "away": Unavailable(CANARY), "missing": NotFound(CANARY)}


def an_app(origin_of: OriginOf) -> FastAPI:
    """Make an application that logs, fails, or tells what it would send on."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    async def ready() -> None:
        return

    app = create_app(
        "tea",
        registry=CollectorRegistry(),
        lifespan=lifespan,
        ready=ready,
        max_body_bytes=1000,
        origin_of=origin_of,
    )

    @app.get("/v1/cups/{cup}")
    async def cup(cup: str) -> dict[str, str]:
        structlog.get_logger().info("poured")
        with telemetry.span("stir"):
            return telemetry.headers()

    @app.get("/v1/failures/{kind}")
    async def fail(kind: str) -> None:
        raise FAILURES[kind]

    return app


def calling(origin_of: OriginOf) -> httpx.AsyncClient:
    """Call the application without a network."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(an_app(origin_of)), base_url="http://tea")


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What goes to standard error, with logs as in production."""
    lines = StringIO()
    before = structlog.get_config()
    with redirect_stderr(lines):
        logs.configure("tea", level="INFO")
        yield lines
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


async def test_logs_and_whoever_is_called_next_have_ids_though_nothing_is_recorded(written: StringIO) -> None:
    async with calling(child_of) as client:
        answer = await client.get(f"/v1/cups/{CANARY}", headers={"traceparent": STRANGER})

    (line,) = map(json.loads, written.getvalue().splitlines())
    _, trace_id, span_id, flags = answer.json()["traceparent"].split("-")
    assert line["trace_id"] == trace_id == THEIR_TRACE
    assert line["request_id"] == answer.headers["X-Request-Id"] == str(UUID(trace_id))
    assert len({line["span_id"], span_id, THEIR_SPAN}) == 3, "every hop has an id of its own"
    assert flags == "01", "whether it is kept was decided where it began"


async def test_a_request_begins_a_trace_of_its_own_where_strangers_call() -> None:
    async with calling(linked_to) as client:
        answers = [await client.get("/v1/cups/1", headers={"traceparent": STRANGER}) for _ in range(2)]

    traces = [answer.json()["traceparent"].split("-")[1] for answer in answers]
    assert len({*traces, THEIR_TRACE}) == 3
    assert [str(UUID(trace)) for trace in traces] == [answer.headers["X-Request-Id"] for answer in answers]


@pytest.mark.parametrize("flag", ["00", "01"])
async def test_a_stranger_neither_forces_nor_prevents_recording(flag: str) -> None:
    sent = {"traceparent": f"{STRANGER[:-2]}{flag}"}
    for sampler, expected in ((None, 2), (ParentBased(ALWAYS_OFF), 0)):
        with recording(sampler) as traces:
            async with calling(linked_to) as client:
                await client.get("/v1/cups/1", headers=sent)
        assert len(traces.spans()) == expected


async def test_a_service_of_ours_follows_the_decision_of_whoever_called_it() -> None:
    for flag, expected in (("00", 0), ("01", 2)):
        with recording() as traces:
            async with calling(child_of) as client:
                await client.get("/v1/cups/1", headers={"traceparent": f"{STRANGER[:-2]}{flag}"})
        assert [span.trace_id for span in traces.spans()] == [THEIR_TRACE] * expected


async def test_what_is_no_traceparent_is_passed_over() -> None:
    async with calling(child_of) as client:
        plain = await client.get("/v1/cups/1")
        for sent in ([STRANGER, STRANGER], *([one] for one in HOSTILE)):
            headers = [(b"traceparent", one.encode("latin-1")) for one in sent]
            with recording() as traces:
                answer = await client.get("/v1/cups/1", headers=headers)
            assert (answer.status_code, answer.headers.keys()) == (200, plain.headers.keys())
            first = traces.spans()[-1]
            assert (first.parent_id, first.links) == ("", ())
            assert first.trace_id != THEIR_TRACE


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_a_traceparent_is_read_and_written_alike_or_passed_over(sent: str) -> None:
    with telemetry.following(sent):
        written = telemetry.traceparent()

    if written is None:
        assert telemetry.well_formed(sent) is None
        assert linked_to(sent).links == ()
    else:
        assert written[:-2] == sent[:-2]
        assert int(written[-2:], 16) == int(sent[-2:], 16) & 1
        assert len(linked_to(sent).links) == 1


async def test_a_span_names_the_route_and_the_class_of_an_error_and_nothing_else() -> None:
    with recording() as traces:
        async with calling(linked_to) as client:
            for path in (f"/v1/cups/{CANARY}?{CANARY}", "/v1/failures/value", "/v1/failures/away"):
                await client.get(path)
            await client.get("/v1/failures/missing")
            await client.request(CANARY, f"/v1/{CANARY}")

    told = {span.name: (span.failed, span.attributes) for span in traces.spans() if span.kind == "SERVER"}
    common = {"http.request.method": "GET", "http.route": "/v1/failures/{kind}"}
    assert traces.spans()[1].attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/cups/{cup}",
        "http.response.status_code": 200,
    }
    failures = [span for span in traces.spans() if span.name == "GET /v1/failures/{kind}"]
    assert [(span.failed, span.attributes) for span in failures] == [
        (True, {**common, "http.response.status_code": 500, "error.type": "ValueError"}),
        (True, {**common, "http.response.status_code": 503}),
        (False, {**common, "http.response.status_code": 404}),
    ]
    assert told["other unmatched"][1]["http.request.method"] == "other"
    assert CANARY not in "".join(span.told for span in traces.spans())


async def test_nobody_follows_probes_and_scrapes() -> None:
    with recording() as traces:
        async with calling(linked_to) as client:
            answers = [await client.get(path) for path in ("/livez", "/readyz", "/metrics")]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 3
    assert traces.spans() == []


async def test_work_in_a_span_that_fails_is_told_by_the_class_of_the_error() -> None:
    with recording() as traces, pytest.raises(ValueError, match=CANARY), telemetry.span("stir"):
        raise ValueError(CANARY)

    (span,) = traces.spans()
    assert (span.failed, span.attributes) == (True, {"error.type": "ValueError"})
    assert CANARY not in span.told
    assert not get_current_span().get_span_context().is_valid, "it is over"


def test_an_event_keeps_its_place_in_a_trace_over_a_record_and_need_not_have_one() -> None:
    attributes = {
        "id": UUID(int=1),
        "source": "s",
        "type": "t",
        "topic": "t",
        "subject": "s",
        "aggregate_version": 1,
        "owner": "lbhf",
        "txn": UUID(int=2),
        "time": "2026-07-01T09:00:00Z",
        "data": {},
    }
    traced, older = Envelope(**attributes, traceparent=STRANGER), Envelope(**attributes)

    assert envelope_of(record_of(traced)) == traced
    assert record_of(traced).header("ce_traceparent") == STRANGER.encode()
    assert envelope_of(record_of(older)) == older
    assert record_of(older).header("ce_traceparent") is None
    for sent in HOSTILE:
        record = record_of(older)
        sent_along = Record(record.topic, record.key, record.value, (*record.headers, ("ce_traceparent", _bytes(sent))))
        assert envelope_of(sent_along) == older
    newer = traced.model_dump(mode="json") | {"of_a_later_version": True}
    assert Envelope.model_validate(newer) == traced


@pytest.mark.parametrize(
    ("told", "loaded"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, False),
        ({"OTEL_SERVICE_NAME": "tea"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
    ],
)
def test_what_sends_spans_is_loaded_only_if_it_is_asked_for(told: dict[str, str], *, loaded: bool) -> None:
    script = (
        "import sys, shared.service, shared.web\n"
        "from shared import telemetry\n"
        "with telemetry.exported('tea', process='api'):\n"
        "    print('opentelemetry.sdk' in sys.modules, 'opentelemetry.exporter.otlp' in sys.modules)\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}

    ran = subprocess.run([sys.executable, "-c", script], env=clean | told, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == [str(loaded), "False"]


def test_an_exporter_that_there_is_not_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")

    with pytest.raises(Misconfigured, match="OTEL_TRACES_EXPORTER"), telemetry.exported("tea", process="api"):
        pytest.fail("it should not have begun")


@pytest.mark.parametrize("kind", ["refuses", "hangs"])
async def test_a_collector_that_is_away_holds_up_neither_requests_nor_the_end(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _nobody(kind) as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with telemetry.exported("tea", process="api"):
            # All of them together wait less than one batch is tried.
            async with asyncio.timeout(_ONE_BATCH_SECONDS), calling(linked_to) as client:
                for _ in range(50):
                    assert (await client.get("/v1/cups/1")).status_code == 200
                    await asyncio.sleep(0.01)
            ending = time.perf_counter()
        ended = time.perf_counter()

    assert ended - ending < _ONE_BATCH_SECONDS


async def test_a_process_sends_its_spans_to_the_collector_and_the_last_of_them_when_it_ends(emptied: Server) -> None:
    told = environment(emptied, "case_episodes", permit_keys=to_json(PERMIT_KEYS).decode())
    with collecting() as collector:
        sent = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_RESOURCE_ATTRIBUTES": "scv.borough=lbhf"}
        async with (
            an_api("case_episodes", told | sent) as api,
            httpx.AsyncClient(base_url=api.address, trust_env=False) as client,
        ):
            answer = await client.get(
                "/v1/work-queue", headers={"traceparent": STRANGER, "X-Canary": CANARY}, params={"q": CANARY}
            )

    (span,) = [span for span in collector.spans if span.kind == "SERVER"]
    assert (span.service, span.process) == ("case-episodes", "api")
    assert (span.trace_id, span.parent_id, span.name) == (THEIR_TRACE, THEIR_SPAN, "GET /v1/work-queue")
    assert span.attributes["http.response.status_code"] == answer.status_code == 401
    assert b"scv.borough" in collector.bodies
    assert CANARY.encode() not in collector.bodies


async def test_a_process_that_is_told_to_sends_nothing_and_one_without_a_collector_works(emptied: Server) -> None:
    told = environment(emptied, "case_episodes", permit_keys=to_json(PERMIT_KEYS).decode())
    with collecting() as collector:
        sent = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_TRACES_EXPORTER": "none"}
        async with an_api("case_episodes", told | sent) as api, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{api.address}/v1/work-queue")).status_code == 401

    assert collector.requests == 0


@contextmanager
def _nobody(kind: str) -> Iterator[str]:
    """Give the address of a collector that refuses connections, or takes them and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == "hangs":
            listener.listen(100)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _bytes(sent: str) -> bytes:
    return sent.encode("latin-1")
