"""Traces: which work was done for which request, through every service and every event.

In this room: spans, the W3C `traceparent` by which a trace goes from one process to the next, and where spans are
sent, which the standard `OTEL_…` variables say. Work has ids whether or not its spans are sent: logs name them, and
whoever is called next carries them on. Not in this room: what a service says of its own work in a span.

A span says what kind of work was done and how it ended, in words of ours: routes as templates, types, states, classes
of errors. It never holds an id of anybody, a URL, a header, a body or a message of an exception.
"""

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer

from shared.problems import Problem
from shared.told import Misconfigured

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_FLUSH_SECONDS: Final = 3.0
"""How long a process that ends waits for spans to be taken; what nobody takes until then is lost."""

_recorder: ContextVar[Tracer | None] = ContextVar("recorder", default=None)

Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a span begins from: the span in its context, or a new trace if there is none, and what it is linked to."""

    context: Context
    links: tuple[Link, ...] = ()


OriginOf = Callable[[str | None], Origin]
"""What to make of the `traceparent` that somebody sent."""


def child_of(traceparent: str | None) -> Origin:
    """Carry on the trace of somebody of ours; what is no `traceparent` begins a new one."""
    parent = _read(traceparent)
    return Origin(Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context()))


def linked_to(traceparent: str | None) -> Origin:
    """Begin a trace of our own that points to a stranger's, so that whether and as what it is kept is up to us."""
    stranger = _read(traceparent)
    return Origin(Context(), () if stranger is None else (Link(stranger),))


@contextmanager
def span(
    name: str,
    *,
    origin: Origin | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """Do the work of a block in a span, within the current one unless it has another origin."""
    begun = _begin(name, origin or Origin(context.get_current()), kind, attributes)
    token = context.attach(trace.set_span_in_context(begun))
    try:
        yield begun
    except Exception as error:
        fail(begun, error)
        raise
    finally:
        context.detach(token)
        begun.end()


@contextmanager
def detail(name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None) -> Iterator[None]:
    """Do the work of a block in a span if the work it is part of is being recorded."""
    if trace.get_current_span().is_recording():
        with span(name, kind=kind, attributes=attributes):
            yield
    else:
        yield


@contextmanager
def unrecorded() -> Iterator[Span]:
    """Do work that nobody follows: it has ids and is not sent."""
    begun = _only_ids(Context())
    token = context.attach(trace.set_span_in_context(begun))
    try:
        yield begun
    finally:
        context.detach(token)


@contextmanager
def following(traceparent: str | None) -> Iterator[None]:
    """Do the work of a block in somebody's trace without a span of its own, so that the log names it."""
    token = context.attach(child_of(traceparent).context)
    try:
        yield
    finally:
        context.detach(token)


def fail(failed: Span, error: Exception) -> None:
    """Note that work failed, by the class of the error alone; refusing a request is no failure."""
    failed.set_attribute("error.type", type(error).__name__)
    if not isinstance(error, Problem) or error.status >= 500:
        failed.set_status(StatusCode.ERROR)


def note(attributes: Attributes) -> None:
    """Say more of the work that is being done."""
    trace.get_current_span().set_attributes(attributes)


def is_recording() -> bool:
    """Tell whether spans of this process go anywhere."""
    return _recorder.get() is not None


def traceparent() -> str | None:
    """Give what the next one to work on this is told; None outside any trace."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return None
    return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags & TraceFlags.SAMPLED:02x}"


def headers() -> dict[str, str]:
    """Give what a request to another service carries."""
    current = traceparent()
    return {} if current is None else {"traceparent": current}


def well_formed(traceparent: str) -> str | None:
    """Give a `traceparent` that somebody sent if it is one."""
    return None if _read(traceparent) is None else traceparent


def request_id_of(current: Span) -> str:
    """Give the id of the request for which work is done: the id of its trace, written as a UUID."""
    return str(UUID(int=current.get_span_context().trace_id))


def ids() -> dict[str, str]:
    """Give what a line of the log names of the current work; nothing outside any trace."""
    current = trace.get_current_span()
    found = current.get_span_context()
    if not found.is_valid:
        return {}
    return {
        "request_id": request_id_of(current),
        "trace_id": trace.format_trace_id(found.trace_id),
        "span_id": trace.format_span_id(found.span_id),
    }


@contextmanager
def recorded_by(tracer: Tracer) -> Iterator[None]:
    """Have the spans of a block, and of the tasks it starts, made by a tracer."""
    token = _recorder.set(tracer)
    try:
        yield
    finally:
        _recorder.reset(token)


@contextmanager
def exported(service: str, *, process: str) -> Iterator[None]:
    """Send the spans of a block to where the `OTEL_…` variables say, the last ones at its end.

    Sending happens in a thread of its own, and what is not taken is dropped: no work waits for it. Raises
    `Misconfigured` if `OTEL_TRACES_EXPORTER` names what we do not have.
    """
    exporters = _exporters()
    if not exporters:
        yield
        return
    provider = _provider(exporters, service=service, process=process)
    try:
        with recorded_by(provider.get_tracer("shared.telemetry")):
            yield
    finally:
        # It would go on for half a minute if nobody answers, and a process that is told to end has not got that long.
        flushing = threading.Thread(target=provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(_FLUSH_SECONDS)


def _read(traceparent: str | None) -> SpanContext | None:
    """Read a `traceparent` of the one version there is; None if it is none."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if match is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    read = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
    return read if read.is_valid else None


def _begin(name: str, origin: Origin, kind: SpanKind, attributes: Attributes | None) -> Span:
    recorder = _recorder.get()
    if recorder is None:
        return _only_ids(origin.context)
    return recorder.start_span(name, origin.context, kind=kind, attributes=attributes, links=origin.links)


def _only_ids(within: Context) -> Span:
    """Make a span that is nothing but ids, in the trace of the one in the context or in a new one."""
    parent = trace.get_current_span(within).get_span_context()
    return NonRecordingSpan(
        SpanContext(
            parent.trace_id or secrets.randbits(128),
            secrets.randbits(64),
            is_remote=False,
            trace_flags=parent.trace_flags,
        )
    )


def _exporters() -> list[str]:
    """Name the exporters that are asked for; the libraries of none of them are loaded before."""
    asked = os.environ.get("OTEL_TRACES_EXPORTER") or ("otlp" if any(map(os.environ.get, _ENDPOINTS)) else "none")
    names = [name.strip() for name in asked.split(",")]
    if not set(names) <= {"otlp", "console", "none"}:
        raise Misconfigured(["OTEL_TRACES_EXPORTER must be otlp, console or none"])
    return [name for name in names if name != "none"]


def _provider(exporters: list[str], *, service: str, process: str) -> "TracerProvider":
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = {"service.name": service, "service.namespace": "single-customer-view", "scv.process": process}
    provider = TracerProvider(
        resource=Resource.create({**ours, **OTELResourceDetector().detect().attributes}), shutdown_on_exit=False
    )
    for name in exporters:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    return provider


def _exporter(name: str) -> "SpanExporter":
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
