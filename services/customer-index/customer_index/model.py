"""The matching model: every weight, threshold and name frequency that decides, read from one versioned file.

In this room: reading `models/*.json` and answering how much a name says. Not in this room: what is compared
(`scoring`) and what follows from it (`placement`). Numbers live in the file alone, so that a model can be trained,
reviewed and exchanged without a change of code, and every score can name the model it came from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import log2
from typing import Any, Final, Literal

from nicknames import NickNamer

NameKind = Literal["forename", "surname"]

_PER: Final = 100_000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lines of decision, in bits: the lowest total to join, to stay joined, and the lead over the runner-up.

    `household` is the most that everything relatives share may say, `clear` the least a group must say to count,
    `contradiction` the total below which two records of one person contradict each other; `generation` is in years.
    """

    join: float
    fracture: float
    lead: float
    household: float
    clear: float
    contradiction: float
    generation: int


@dataclass(frozen=True, slots=True)
class Names:
    """One kind of name: its bits of rarity where it is a common one, and the spellings that are one name."""

    bits: Mapping[str, float]
    rarest: float
    variants: Mapping[str, frozenset[int]]
    groups: tuple[tuple[str, ...], ...]

    def rarity(self, name: str) -> float:
        """Give the bits that agreement on this name is worth; a name off the list is as rare as any may be."""
        return self.bits.get(name, self.rarest)

    def are_variants(self, one: str, other: str) -> bool:
        """Tell whether two spellings are one name."""
        spelled, respelled = self.variants.get(one), self.variants.get(other)
        return spelled is not None and respelled is not None and not spelled.isdisjoint(respelled)

    def spellings(self, name: str) -> tuple[str, ...]:
        """List all spellings of a name that has several."""
        return tuple(spelling for group in self.variants.get(name, ()) for spelling in self.groups[group])

    def spelling(self, name: str) -> str:
        """Give one spelling to stand for all spellings of a name, for keys that must meet."""
        numbers = self.variants.get(name)
        return self.groups[min(numbers)][0] if numbers else name


@dataclass(frozen=True, slots=True)
class Model:
    """A matching model. `weights` are bits by comparison and level; `beyond_rarity` are added to a name's own bits."""

    name: str
    version: str
    prior: float
    thresholds: Thresholds
    weights: Mapping[str, Mapping[str, float]]
    beyond_rarity: Mapping[str, Mapping[str, float]]
    forenames: Names
    surnames: Names
    short_forms: Mapping[str, frozenset[str]]

    def probability(self, total: float) -> float:
        """Give the chance that two records of this total, met through a block, are one person."""
        odds = min(self.prior + total, 60.0)
        return float(2.0**odds / (1.0 + 2.0**odds))


@lru_cache
def load_model(name: str = "default-1") -> Model:
    """Read a model that ships with this package; FileNotFoundError if there is none of that name."""
    data = json.loads(files("customer_index").joinpath("models", f"{name}.json").read_text("utf-8"))
    return Model(
        name=data["name"],
        version=data["version"],
        prior=data["prior"],
        thresholds=Thresholds(**data["thresholds"]),
        weights=data["weights"],
        beyond_rarity=data["beyond_rarity"],
        forenames=_names(data, "forename"),
        surnames=_names(data, "surname"),
        short_forms=_short_forms(data),
    )


def _names(data: Mapping[str, Any], kind: NameKind) -> Names:
    commonest, rarest = map(float, data["rarity"][kind])
    bits = {
        name: min(max(log2(_PER / int(per)), commonest), rarest)
        for per, names in data[f"{kind}s"].items()
        for name in names.split()
    }
    groups = tuple(tuple(spellings.split()) for spellings in data[f"{kind}_variants"])
    variants: dict[str, set[int]] = {}
    for number, spellings in enumerate(groups):
        for spelling in spellings:
            variants.setdefault(spelling, set()).add(number)
    return Names(
        bits=bits,
        rarest=rarest,
        variants={name: frozenset(numbers) for name, numbers in variants.items()},
        groups=groups,
    )


def _short_forms(data: Mapping[str, Any]) -> Mapping[str, frozenset[str]]:
    """Gather short forms of forenames: the library's for common names, which are English, and the model's for the rest.

    One that is a common name itself (Emma for Emily, Tunde for Babatunde) is taken only if it begins alike, because
    sisters or brothers bear both: such a pair is for a steward.
    """
    known = NickNamer()
    names = {name for tier in data["forenames"].values() for name in tier.split()}
    short_forms = {name: set(known.nicknames_of(name)) for name in names}
    for entry in data["short_forms"]:
        name, *shorts = entry.split()
        short_forms.setdefault(name, set()).update(shorts)
    return {
        name: frozenset(short for short in shorts if short not in names or short[:3] == name[:3])
        for name, shorts in short_forms.items()
    }
