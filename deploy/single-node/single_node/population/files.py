"""The synthetic world written out as extracts: NDJSON, a record a line, or CSV, a column for each part of a record."""

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from single_node.population.world import World

Lines = Callable[[Sequence[Mapping[str, Any]]], Iterator[str]]
"""How records are written: as lines of text, each with its line end."""


def write_extracts(world: World, directory: Path, *, suffix: str = ".ndjson") -> list[Path]:
    """Write one file per owner and source, such as `lbhf-crm.ndjson`; the suffix, `.ndjson` or `.csv`, says how."""
    records: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for item in world.records:
        records[f"{item.owner}-{item.source}"].append({"local_id": item.local_id, **item.record})
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in sorted(records):
        path = directory / f"{name}{suffix}"
        path.write_text("".join(_WRITERS[suffix](records[name])), encoding="utf-8", newline="")
        paths.append(path)
    return paths


def ndjson_lines(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write records one a line."""
    for record in records:
        yield json.dumps(record, ensure_ascii=False) + "\n"


def csv_lines(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write records as CSV with a header; what is nested gets columns of its own, such as `addresses.0.postcode`."""
    rows = [dict(_cells(record, "")) for record in records]
    columns = sorted({name for row in rows for name in row}, key=lambda name: (name != "local_id", name))
    for row in [{name: name for name in columns}, *rows]:
        line = StringIO()
        csv.writer(line).writerow(row.get(name, "") for name in columns)
        yield line.getvalue()


_WRITERS: Mapping[str, Lines] = {".ndjson": ndjson_lines, ".csv": csv_lines}


def _cells(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Take a value apart into named cells."""
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list):
        parts = {str(place): part for place, part in enumerate(value)}.items()
    else:
        yield name, json.dumps(value) if isinstance(value, bool) else str(value)
        return
    for step, part in parts:
        yield from _cells(part, f"{name}.{step}".removeprefix("."))
