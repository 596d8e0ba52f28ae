"""The judgement of an outcome against the truth, and what so many pairs without a mistake do prove: pure arithmetic."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import exp
from typing import Any, Final

from single_node.demo import quality
from single_node.demo.quality import Groups, Matching, Quality
from single_node.evaluation.datasets import DataSet

_CONFIDENCE: Final = 0.95
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of so many pairs of different people, how many were taken for one."""

    merged: int
    pairs: int

    @property
    def at_most(self) -> float:
        """The rate that 95 times in 100 is not exceeded, if such pairs come as they come here (exact for Poisson)."""
        return bound(self.merged) / self.pairs if self.pairs else 1.0

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.merged + other.merged, self.pairs + other.pairs)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well the records of a data set became people; `inside` and `across` owners, by the origin of the name."""

    name: str
    records: int
    reviews: int
    refused: int
    records_per_second: float
    inside: Groups
    across: Groups
    hard_negatives: Mapping[str, Confusion]
    strangers: Confusion
    """All pairs of records of two different people."""

    @property
    def automatic(self) -> Quality:
        """The quality of all automatic matches."""
        return quality.total(self.inside) + quality.total(self.across)

    def to_json(self) -> dict[str, Any]:
        """Write this down for machines."""
        return {
            "name": self.name,
            "records": self.records,
            "reviews": self.reviews,
            "refused": self.refused,
            "records_per_second": round(self.records_per_second, 1),
            "automatic": _figures(self.automatic),
            "inside": _figures(quality.total(self.inside)),
            "across": _figures(quality.total(self.across)),
            "by_origin": {
                origin: {
                    "inside": _figures(self.inside.get(origin, quality.NOTHING)),
                    "across": _figures(self.across.get(origin, quality.NOTHING)),
                }
                for origin in sorted({*self.inside, *self.across})
            },
            "hard_negatives": {kind: _confusion(found) for kind, found in self.hard_negatives.items()},
            "non_matching_pairs": _confusion(self.strangers),
        }


def judge(dataset: DataSet, matching: Matching, *, reviews: int, refused: int, seconds: float) -> Judgement:
    """Judge what the platform believes against the truth of a data set."""
    truth = {item.key: item.resident for item in dataset.records}
    label = {resident: dataset.origins.get(resident, "all") for resident in truth.values()}
    inside = quality.within_owners(matching, truth=truth, label=label)
    across = quality.across_owners(matching, truth=truth, label=label)
    found = quality.total(inside) + quality.total(across)
    count = len(dataset.records)
    return Judgement(
        name=dataset.name,
        records=count,
        reviews=reviews,
        refused=refused,
        records_per_second=count / seconds if seconds else 0.0,
        inside=inside,
        across=across,
        hard_negatives={
            kind: Confusion(len(quality.confused(matching, truth=truth, different=pairs)), len(pairs))
            for kind, pairs in dataset.hard_negatives.items()
        },
        strangers=Confusion(round(found.found - found.right), count * (count - 1) // 2 - round(found.true)),
    )


def together(judgements: Iterable[Judgement]) -> dict[str, Confusion]:
    """Add up the hard negatives of several judgements, by kind."""
    totals: dict[str, Confusion] = {}
    for judgement in judgements:
        for kind, found in judgement.hard_negatives.items():
            totals[kind] = totals.get(kind, Confusion(0, 0)) + found
    return totals


def bound(seen: int) -> float:
    """Give the largest mean under which seeing so few rare events is not surprising: 95 % one-sided, exact."""
    low, high = 0.0, 10.0 + 3.0 * seen
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _chance_of_at_most(seen, mean=middle) > 1 - _CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _chance_of_at_most(seen: int, *, mean: float) -> float:
    term = total = exp(-mean)
    for count in range(1, seen + 1):
        term *= mean / count
        total += term
    return total


def _figures(found: Quality) -> dict[str, float]:
    rates = {name: round(getattr(found, name), 6) for name in ("precision", "recall", "f1")}
    return {**rates, **asdict(found)}


def _confusion(found: Confusion) -> dict[str, float]:
    return {"merged": found.merged, "pairs": found.pairs, "rate_at_most": found.at_most}
