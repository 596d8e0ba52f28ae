"""The published events as an AsyncAPI 3.0 document: topics, keys, headers and payloads.

It follows from the events themselves (events.py) and their binding to Kafka (cloudevents.py); nothing is said twice.
"""

from collections import defaultdict
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared.cloudevents import CONTENT_TYPE, TRACEPARENT
from shared.events import EVENTS, PARTNERS, Event, partner_topic

_STRING: Final = {"type": "string"}
_UUID: Final = {"type": "string", "format": "uuid"}
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": _UUID | {"description": "The event; the same when it is delivered again."},
    "ce_source": _STRING | {"description": "The service it happened in."},
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_subject": _STRING | {"description": "The aggregate it happened to; also the record's key."},
    "ce_aggregateversion": {
        "type": "string",
        "pattern": "^[1-9][0-9]*$",
        "description": "Grows by one with each event of a source and subject; a gap shows that one is missing.",
    },
    "ce_owner": _STRING | {"description": "The organisation whose data it is about."},
    "ce_txn": _UUID | {"description": "The audit entry of the call that caused it."},
    "content-type": {"const": CONTENT_TYPE.decode()},
}
_OPTIONAL: Final[dict[str, dict[str, Any]]] = {
    TRACEPARENT: {
        "type": "string",
        "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        "description": "The trace of the call that caused it (W3C Trace Context), if it has one.",
    },
}


def document() -> dict[str, Any]:
    """Make the document."""
    _, schemas = models_json_schema(
        [(event, "serialization") for event in EVENTS.values()], ref_template="#/components/schemas/{model}"
    )
    by_topic: dict[str, list[type[Event]]] = defaultdict(list)
    for event in EVENTS.values():
        by_topic[event.topic].append(event)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Single customer view: events",
            "version": "1",
            "description": (
                "CloudEvents 1.0 over Apache Kafka, binary mode. Delivered at least once, in order of each key: pass"
                " over what was seen (source, subject, aggregate version). Events carry ids, types and states, never"
                " personal data. Changes are additive; ignore fields you do not know."
            ),
        },
        "defaultContentType": CONTENT_TYPE.decode(),
        "channels": {topic: _channel(topic, events) for topic, events in by_topic.items()},
        "operations": {
            f"receive-{topic}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}} for topic in by_topic
        },
        "components": {
            "messages": {event.type: _message(event) for event in EVENTS.values()},
            "schemas": schemas["$defs"],
        },
    }


def _channel(topic: str, events: list[type[Event]]) -> dict[str, Any]:
    messages = {event.type: {"$ref": f"#/components/messages/{event.type}"} for event in events}
    if topic != PARTNERS:
        return {"address": topic, "messages": messages}
    return {
        "address": partner_topic("{org}"),
        "parameters": {"org": {"description": "The partner; each has a topic and a sequence of its own."}},
        "messages": messages,
    }


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.type,
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": CONTENT_TYPE.decode(),
        "headers": {
            "type": "object",
            "required": [*_HEADERS, "ce_type"],
            "properties": _HEADERS | _OPTIONAL | {"ce_type": {"const": event.type}},
        },
        "bindings": {"kafka": {"key": _STRING}},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
    }
