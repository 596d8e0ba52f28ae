"""What a body may hold: moments that every database and client agrees on, written as moments are."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.wire import Moment

moments = TypeAdapter(Moment)


@pytest.mark.parametrize("written", ["2026-07-01T09:00:00Z", "1900-01-01T00:00:00+00:00", "2200-12-31T23:59:59-12:00"])
def test_a_moment_is_written_with_its_zone(written: str) -> None:
    assert moments.validate_python(written).tzinfo is not None


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-07-01T09:00:00",
        "2026-07-01",
        "1782896400",
        "0.5",
        1782896400,
        True,
    ],
)
def test_what_no_database_could_hold_or_is_a_number_is_no_moment(written: object) -> None:
    with pytest.raises(ValidationError):
        moments.validate_python(written)
