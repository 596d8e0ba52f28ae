"""Cursors: only the caller they were made for, with the same filter, gets on with them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.paging import Cursors
from shared.problems import MalformedRequest
from tests.builders import SECRET

CURSORS = Cursors(SecretStr(SECRET))
positions = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5)
bound = st.lists(st.text(max_size=8), max_size=3)


@given(positions, bound)
def test_a_cursor_leads_back_to_its_position(position: Any, bound_to: list[str]) -> None:
    assert CURSORS.read(CURSORS.write(position, bound_to=bound_to), bound_to=bound_to) == position


@given(positions, bound, bound)
def test_another_caller_or_filter_gets_nowhere(position: Any, mine: list[str], yours: list[str]) -> None:
    if mine != yours:
        with pytest.raises(MalformedRequest):
            CURSORS.read(CURSORS.write(position, bound_to=mine), bound_to=yours)


def test_what_a_cursor_is_bound_to_cannot_be_shifted_between_its_parts() -> None:
    cursor = CURSORS.write(1, bound_to=["lbhf", "alice"])

    for shifted in (["lbhfalice"], ["lbhf", "ali", "ce"], ["lbhfa", "lice"], ["alice", "lbhf"]):
        with pytest.raises(MalformedRequest):
            CURSORS.read(cursor, bound_to=shifted)


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused_and_never_an_error(said: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        CURSORS.read(said, bound_to=[])
    assert [one.pointer for one in refused.value.errors] == ["?cursor"]


def test_an_altered_cursor_is_refused() -> None:
    cursor = CURSORS.write(100, bound_to=["lbhf"])

    for place in range(len(cursor) - 1):
        altered = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(MalformedRequest):
            CURSORS.read(altered, bound_to=["lbhf"])


def test_a_cursor_of_another_service_is_refused() -> None:
    other = Cursors(SecretStr("another" + SECRET))

    with pytest.raises(MalformedRequest):
        CURSORS.read(other.write(1, bound_to=[]), bound_to=[])


def test_while_secrets_are_rotated_the_cursors_of_both_are_read() -> None:
    old, new = SECRET, "another" + SECRET
    before, during, after = (Cursors(SecretStr(told)) for told in (old, f"{new},{old}", new))

    assert during.read(before.write(1, bound_to=["lbhf"]), bound_to=["lbhf"]) == 1
    assert after.read(during.write(2, bound_to=["lbhf"]), bound_to=["lbhf"]) == 2
    with pytest.raises(MalformedRequest):
        after.read(before.write(3, bound_to=["lbhf"]), bound_to=["lbhf"])
