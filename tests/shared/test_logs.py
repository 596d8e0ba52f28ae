"""Logs: one JSON object a line, naming the service and the call, and never what an exception says."""

import json
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO

import pytest
import structlog
from sqlalchemy.exc import DBAPIError

from shared.logs import configure, describe


class _Refused(Exception):
    sqlstate = "23505"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What goes to standard error, with logs as in production."""
    lines = StringIO()
    before = structlog.get_config()
    with redirect_stderr(lines):
        configure("tea", level="INFO")
        yield lines
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def failing() -> Exception:
    try:
        raise ValueError("Zyxanthe")
    except ValueError as error:
        return error


def test_a_line_is_json_and_names_service_time_and_call(written: StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().info("brewed", cups=2)
    structlog.get_logger().debug("not wanted")

    (line,) = map(json.loads, written.getvalue().splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "brewed", "level": "info", "service": "tea", "cups": 2, "request_id": "r-1"}


def test_an_exception_is_written_as_its_class_and_its_way_through_the_code(written: StringIO) -> None:
    structlog.get_logger().error("spilled", exc_info=failing())

    (line,) = map(json.loads, written.getvalue().splitlines())
    assert line["error"] == "ValueError"
    assert line["where"][0].startswith("test_logs.py:")
    assert line["where"][0].endswith(" failing")
    assert "Zyxanthe" not in written.getvalue()


def test_of_a_database_error_the_code_is_told() -> None:
    told = describe(DBAPIError("INSERT Zyxanthe", {"name": "Zyxanthe"}, _Refused("Zyxanthe")))

    assert (told["error"], told["sqlstate"]) == ("DBAPIError", "23505")
    assert "Zyxanthe" not in str(told)
