"""The columns of an extract in CSV: which field of a record each of them holds.

In this room: the header checked against the fields of a record, and a row of cells made into a record. A column is
named as the field, with dots and places between the parts: `family_name`, `given_names.0`, `addresses.0.postcode`. Not
in this room: how a file becomes rows (`csv_rows`), and whether a record is good (`schemas`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from customer_index.schemas import LoadLine
from shared.problems import FieldError, InvalidRequest

Step = str | int
"""A name inside an object, or a place, from 0, inside a list."""

_PLACE: Final = re.compile(r"0|[1-9][0-9]{0,3}")
_ERRORS_TOLD: Final = 20
_LONGEST_NAME_TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of an extract, each as the way to its field."""

    ways: tuple[tuple[Step, ...], ...]

    def record(self, cells: Sequence[str]) -> dict[str, Any]:
        """Make a record of a row with a cell for each column.

        An empty cell says nothing: its field is absent, and a list holds only those of its places that say something.
        """
        tree: dict[Step, Any] = {}
        for way, cell in zip(self.ways, cells, strict=True):
            if cell:
                node = tree
                for step in way[:-1]:
                    node = node.setdefault(step, {})
                node[way[-1]] = cell
        return {str(name): _grown(branch) for name, branch in tree.items()}


def columns_of(header: Sequence[str]) -> Columns:
    """Read a header. Raises `InvalidRequest`, which names each column that is wrong.

    Without `local_id` among them the first row is taken for no header at all, and as it may hold somebody's data none
    of it is repeated.
    """
    if "local_id" not in header:
        raise InvalidRequest(
            "The first line of the extract must name its columns.",
            errors=[FieldError("column local_id", "is required")],
        )
    ways = [_way(name) for name in header]
    found = [
        *_unknown(header, ways),
        *((name, "comes more than once") for name, times in Counter(header).items() if times > 1),
        *_gaps(way for way in ways if way is not None),
    ]
    if found:
        errors = [FieldError(f"column {name[:_LONGEST_NAME_TOLD]}", detail) for name, detail in found]
        raise InvalidRequest("Some columns are not fields of a record.", errors=errors[:_ERRORS_TOLD])
    return Columns(tuple(way for way in ways if way is not None))


def _way(name: str) -> tuple[Step, ...] | None:
    """Follow a column's name through the fields of a record; None if it leads nowhere, or not to a single value."""
    shape: Any = _record_shape()
    way: list[Step] = []
    for part in name.split("."):
        step: Step = int(part) if isinstance(shape, _List) and _PLACE.fullmatch(part) else part
        shape = _inside(shape, step)
        if shape is None:
            return None
        way.append(step)
    return tuple(way) if shape is _VALUE else None


def _unknown(header: Sequence[str], ways: Sequence[tuple[Step, ...] | None]) -> Iterator[tuple[str, str]]:
    for name, way in zip(header, ways, strict=True):
        if way is None:
            yield name, "is not a field of a record, or beyond the end of its list"


def _gaps(ways: Iterator[tuple[Step, ...]]) -> Iterator[tuple[str, str]]:
    """Find places of lists that are passed over."""
    places: dict[tuple[Step, ...], set[int]] = {}
    for way in ways:
        for position, step in enumerate(way):
            if isinstance(step, int):
                places.setdefault(way[:position], set()).add(step)
    for before, present in places.items():
        missing = next((place for place in range(max(present)) if place not in present), None)
        if missing is not None:
            name = ".".join(map(str, (*before, missing)))
            yield name, "is passed over: the places of a list follow one another from 0"


def _grown(branch: Any) -> Any:
    """Turn a branch whose names are places into a list."""
    if not isinstance(branch, dict):
        return branch
    if any(isinstance(step, int) for step in branch):
        return [_grown(branch[place]) for place in sorted(branch)]
    return {name: _grown(inner) for name, inner in branch.items()}


@dataclass(frozen=True, slots=True)
class _List:
    """The shape of a list: how long it may be and what it holds."""

    most: int
    items: Any


_VALUE: Final = object()
"""The shape of what fits into one cell."""


def _inside(shape: Any, step: Step) -> Any:
    """Give the shape of a part, None if there is no such part."""
    if isinstance(shape, _List):
        return shape.items if isinstance(step, int) and step < shape.most else None
    return shape.get(step) if isinstance(shape, Mapping) else None


@lru_cache(maxsize=1)
def _record_shape() -> Any:
    schema = LoadLine.model_json_schema()
    return _shape(schema, definitions=schema["$defs"])


def _shape(schema: Mapping[str, Any], *, definitions: Mapping[str, Any]) -> Any:
    """Give the shape that a JSON Schema describes: a list, an object with named parts, or a single value."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array":
        return _List(schema["maxItems"], _shape(schema["items"], definitions=definitions))
    if "propertyNames" in schema:
        return dict.fromkeys(schema["propertyNames"]["enum"], _VALUE)
    if "properties" in schema:
        return {name: _shape(inner, definitions=definitions) for name, inner in schema["properties"].items()}
    return _VALUE
