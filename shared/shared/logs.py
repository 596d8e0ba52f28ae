"""Structured logs on standard error, one JSON object a line.

A line names the request it was written for, and the place in its trace. Personal data never reaches a log: events
carry ids, counts and codes, and an exception is written as its class and the lines of code it passed through, never as
its message, which may quote a value.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared import telemetry

_RESERVED = frozenset({"event", "level", "timestamp", "service"})


def configure(service: str, *, level: str) -> None:
    """Send this process's logs to standard error as JSON lines naming the service."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format='{"level": "%(levelname)s", "logger": "%(name)s"}'
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            with_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_message,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


def with_ids(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name in a line the request and the span it is written in, if there is one; a processor of structlog's."""
    return {**event, **telemetry.ids()}


def describe(error: BaseException) -> dict[str, Any]:
    """Describe an exception by class, database error code and lines of code, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    described: dict[str, Any] = {
        "error": type(error).__name__,
        "where": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    }
    origin = getattr(error, "orig", None)
    code = getattr(origin, "sqlstate", None)
    if code is not None:
        described["sqlstate"] = code
    return described


def _without_message(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        event.update({key: value for key, value in describe(error).items() if key not in _RESERVED})
    return event
