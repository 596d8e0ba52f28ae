"""The arithmetic of the benchmark; its figures are not tested, for a busy machine makes them wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.__main__ import written
from tests.bench.figures import Figure, percentile, ratio_of_medians
from tests.bench.turns import by_turns

seconds = st.lists(st.floats(min_value=1e-6, max_value=10), min_size=1, max_size=50)


def test_a_figure_is_printed_as_its_name_its_ratio_and_its_unit() -> None:
    assert Figure(name="unknown_time_sealed", value=1.0149, unit="p50/p50").line() == "unknown_time_sealed 1.01 p50/p50"
    assert Figure(name="decision_cached", value=123456.7, unit="decisions/s").line() == (
        "decision_cached 123457 decisions/s"
    )


def test_a_ratio_is_of_medians_and_names_what_it_was_made_of() -> None:
    figure = ratio_of_medians("x", [0.004, 0.002, 9.0], against=[0.001, 0.002, 0.003])

    assert figure.value == pytest.approx(2.0)
    assert figure.beside["p50_ms"] == pytest.approx(4.0)
    assert figure.beside["p95_ratio"] == pytest.approx(3000.0)
    told = json.loads(written([figure]))
    assert told["x"]["value"] == pytest.approx(2.0)
    assert told["x"]["beside"]["times"] == 3


@given(seconds, st.floats(min_value=0, max_value=1))
def test_a_percentile_is_one_of_the_times_and_so_many_are_not_above_it(times: list[float], part: float) -> None:
    found = percentile(times, part)

    assert found in times
    assert sum(1 for one in times if one <= found) >= part * len(times)


@given(seconds)
def test_nothing_differs_from_itself(times: list[float]) -> None:
    assert ratio_of_medians("x", times, against=times).value == pytest.approx(1.0)


async def test_works_take_turns_and_only_what_follows_the_warming_up_counts() -> None:
    done: list[str] = []

    def doing(name: str) -> object:
        async def work() -> None:
            done.append(name)

        return work

    measured = await by_turns({name: doing(name) for name in "ab"}, warm=2, times=30)  # type: ignore[misc]

    assert {name: len(times) for name, times in measured.items()} == {"a": 30, "b": 30}
    pairs = ["".join(done[turn : turn + 2]) for turn in range(0, len(done), 2)]
    assert len(pairs) == 32
    assert set(pairs) == {"ab", "ba"}, "each once in a turn, and neither always first"
