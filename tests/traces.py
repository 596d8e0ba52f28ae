"""Where tests find the spans that were made: kept in memory, or taken in as a collector would.

In this room: the two, and how spans are read. Not in this room: what spans there should be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from shared import telemetry

STRANGER: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""The `traceparent` of somebody who is not ours."""
HOSTILE: Final = (
    "",
    "00",
    "Zyxanthe Vandersprocket",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-Zyxanthe",
    f"{STRANGER}-Zyxanthe",
    f"{STRANGER}, {STRANGER}",
    "00-" + "a" * 100_000,
    "\x7f\xe9\xff",
)
"""What a caller may send as one, none of which is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A span as a collector has it."""

    name: str
    kind: str
    service: str
    process: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the first of a trace."""
    failed: bool
    links: tuple[str, ...]
    """The ids of the traces it points to."""
    attributes: dict[str, Any]
    told: str
    """All that it says, as text."""


class Traces:
    """The spans made so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def spans(self) -> list[Made]:
        """Give the spans that have ended, in the order of their ends."""
        return [_made(span) for span in self._exporter.get_finished_spans()]

    def only(self, name: str) -> Made:
        """Give the one span of a name."""
        (span,) = [span for span in self.spans() if span.name == name]
        return span

    def forget(self) -> None:
        """Begin anew."""
        self._exporter.clear()


@contextmanager
def recording(sampler: Sampler | None = None) -> Iterator[Traces]:
    """Keep the spans of a block in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with telemetry.recorded_by(provider.get_tracer("tests")):
        yield Traces(exporter)


@dataclass
class Collector:
    """Takes in spans over OTLP on the loopback."""

    address: str
    requests: int = 0
    spans: list[Made] = field(default_factory=list)
    bodies: bytearray = field(default_factory=bytearray)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Take in what is sent during a block."""
    found: list[Collector] = []

    class Intake(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector = found[0]
            collector.requests += 1
            if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf":
                collector.bodies += body
                collector.spans += _decoded(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name in the base class
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Intake) as server:
        found.append(Collector(f"http://127.0.0.1:{server.server_port}"))
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield found[0]
        finally:
            server.shutdown()
            serving.join()


def _made(span: ReadableSpan) -> Made:
    context = span.get_span_context()
    assert context is not None
    return Made(
        name=span.name,
        kind=span.kind.name,
        service="",
        process="",
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id="" if span.parent is None else f"{span.parent.span_id:016x}",
        failed=span.status.status_code.name == "ERROR",
        links=tuple(f"{link.context.trace_id:032x}" for link in span.links),
        attributes=dict(span.attributes or {}),
        told=span.to_json(),
    )


def _decoded(request: ExportTraceServiceRequest) -> Iterator[Made]:
    for of_process in request.resource_spans:
        resource = {one.key: one.value.string_value for one in of_process.resource.attributes}
        for scope in of_process.scope_spans:
            for span in scope.spans:
                yield Made(
                    name=span.name,
                    kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    service=resource["service.name"],
                    process=resource["scv.process"],
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    links=tuple(link.trace_id.hex() for link in span.links),
                    attributes={one.key: one.value.string_value or one.value.int_value for one in span.attributes},
                    told=str(span),
                )
