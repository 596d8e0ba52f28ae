"""The benchmark: `python -m tests.bench [name …]` prints a line for each figure and writes bench.json.

A line is `name ratio unit`. Figures are ratios of things measured by turns in the same run, so that they say something
on any machine. Not part of the tests: a busy machine makes a figure wrong and nothing else.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from shared import logs
from tests.bench import bulk, decision, events, growth, linking, lodging, unknown_time, viewing
from tests.bench.figures import Figure


async def _decisions() -> list[Figure]:
    return [Figure(name=name, value=value, unit=unit) for name, value, unit in decision.measure()]


MEASURES: Final[Mapping[str, Callable[[], Awaitable[Iterable[Figure]]]]] = {
    "unknown_time": unknown_time.measure,
    "link_cost": linking.cost,
    "link_rate": linking.rate,
    "link_growth": growth.measure,
    "decision": _decisions,
    "gateway_cost": viewing.gateway_cost,
    "view_rate": viewing.view_rate,
    "audit_cost": viewing.audit_cost,
    "relay_rate": events.relay_rate,
    "event_latency": events.event_latency,
    "bulk_rate": bulk.measure,
    "start": lodging.starts,
    "idle_memory": lodging.idle_memory,
}
RESULTS: Final = Path("bench.json")


async def bench(wanted: Iterable[str]) -> list[Figure]:
    """Measure what is wanted, in the order of the table, and print each figure as it comes."""
    figures: list[Figure] = []
    chosen = set(wanted) or set(MEASURES)
    for name, measure in MEASURES.items():
        if name in chosen:
            print(f"measuring {name}", file=sys.stderr, flush=True)  # noqa: T201  progress of the command
            for figure in await measure():
                print(figure.line(), flush=True)  # noqa: T201  the output of the command
                figures.append(figure)
    return figures


def written(figures: Iterable[Figure]) -> str:
    """Render figures as JSON, by name."""
    return json.dumps({figure.name: asdict(figure) for figure in figures}, indent=2) + "\n"


if __name__ == "__main__":
    if unknown := sorted(set(sys.argv[1:]) - set(MEASURES)):
        sys.exit(f"there is no {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    logs.configure("bench", level="ERROR")
    RESULTS.write_text(written(asyncio.run(bench(sys.argv[1:]))), "utf-8")
