"""The CloudEvents 1.0 Kafka protocol binding, binary mode: an envelope as a record of bytes, and back.

In this room: keys, headers and values, and what a trace says of an event on its way. Not in this room: Kafka itself
(kafka.py), and what the events mean (events.py).
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from opentelemetry.trace import Span, SpanKind
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from shared import telemetry
from shared.events import Envelope

CONTENT_TYPE: Final = b"application/json"
HEADERS: Final = {
    "ce_id": "id",
    "ce_source": "source",
    "ce_type": "type",
    "ce_time": "time",
    "ce_subject": "subject",
    "ce_aggregateversion": "aggregate_version",
    "ce_owner": "owner",
    "ce_txn": "txn",
}
"""Headers beside `ce_specversion` and `content-type`, with the attribute of the envelope each carries."""
TRACEPARENT: Final = "ce_traceparent"
"""The extension for distributed tracing; a record need not have it, and one that makes no sense is passed over."""


_KINDS: Final = {"send": SpanKind.PRODUCER, "process": SpanKind.CONSUMER}


class Unreadable(Exception):
    """A record is not a CloudEvent of ours; says nothing of its content."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a broker keeps: bytes, and nothing that has to be understood to be carried."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> bytes | None:
        """Give the last header of a name."""
        return dict(self.headers).get(name)


def record_of(envelope: Envelope) -> Record:
    """Write an event as a record; the key is the aggregate's id, so that its events keep their order."""
    return Record(
        topic=envelope.topic,
        key=envelope.subject.encode(),
        value=to_json(envelope.data),
        headers=(
            ("ce_specversion", b"1.0"),
            *((header, _text(getattr(envelope, name)).encode()) for header, name in HEADERS.items()),
            ("content-type", CONTENT_TYPE),
            *(() if envelope.traceparent is None else ((TRACEPARENT, envelope.traceparent.encode()),)),
        ),
    )


def envelope_of(record: Record) -> Envelope:
    """Read the event a record carries; headers we do not know are passed over. Raises `Unreadable`."""
    headers = dict(record.headers)
    try:
        if headers["ce_specversion"] != b"1.0" or headers["content-type"] != CONTENT_TYPE:
            raise Unreadable
        attributes = {name: headers[header].decode() for header, name in HEADERS.items()}
        beside = {"topic": record.topic, "data": from_json(record.value or b""), "traceparent": traceparent_of(record)}
        return Envelope.model_validate(attributes | beside)
    except (KeyError, ValueError, ValidationError):
        raise Unreadable from None


def traceparent_of(record: Record) -> str | None:
    """Give where in which trace the event of a record happened, if it says so."""
    sent = record.header(TRACEPARENT)
    return None if sent is None else telemetry.well_formed(sent.decode("latin-1"))


def traced(envelope: Envelope, operation: Literal["send", "process"]) -> AbstractContextManager[Span]:
    """Open the span of what is done with an event, in the trace in which it happened."""
    return telemetry.span(
        f"{operation} {envelope.topic}",
        origin=telemetry.child_of(envelope.traceparent),
        kind=_KINDS[operation],
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": envelope.topic,
            "cloudevents.event_type": envelope.type,
            "cloudevents.event_source": envelope.source,
        },
    )


def _text(attribute: object) -> str:
    if isinstance(attribute, datetime):
        return attribute.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(attribute)
