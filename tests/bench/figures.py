"""What is made of measured times: pure arithmetic, and how a figure is printed.

A figure compares two things that were measured in the same run, by turns, so that whatever else the machine does falls
on both. Not in this room: measuring (`turns`) and what is measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a benchmark: a name, a number and what it counts; `beside` holds what it was made of."""

    name: str
    value: float
    unit: str
    beside: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """Render as `name ratio unit`."""
        return (
            f"{self.name} {self.value:.3g} {self.unit}"
            if self.value < 1000
            else f"{self.name} {self.value:.0f} {self.unit}"
        )


def percentile(seconds: Sequence[float], part: float) -> float:
    """Give the least of some times that is not exceeded by a `part` (0 to 1) of them."""
    ordered = sorted(seconds)
    return ordered[max(0, ceil(part * len(ordered)) - 1)]


def ratio_of_medians(name: str, seconds: Sequence[float], *, against: Sequence[float]) -> Figure:
    """Compare the median of some times with that of others; `beside` also compares what 95 in 100 stay under."""
    here, there = percentile(seconds, 0.5), percentile(against, 0.5)
    slow, slow_there = percentile(seconds, 0.95), percentile(against, 0.95)
    return Figure(
        name=name,
        value=here / there,
        unit="p50/p50",
        beside={
            "p50_ms": here * 1000,
            "p50_against_ms": there * 1000,
            "p95_ms": slow * 1000,
            "p95_against_ms": slow_there * 1000,
            "p95_ratio": slow / slow_there,
            "times": float(len(seconds)),
        },
    )
