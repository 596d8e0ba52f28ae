"""The whole synthetic world: residents, what each borough's sources wrote down, and which record is whose.

The pieces are drawn elsewhere in this package; here they are put together. How they are written out is in `files`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from random import Random

from single_node.population.dealings import dealings, numbered
from single_node.population.extracts import Extracted, Key, by_resident, written
from single_node.population.fairness import mended
from single_node.population.residents import Resident, settle

HARD_NEGATIVES = ("twins", "parent-and-child", "spouses", "siblings", "flatmates", "namesakes")


@dataclass(frozen=True)
class World:
    """Everything drawn from one seed. Pairs of hard negatives are ids of two different residents."""

    residents: list[Resident]
    records: list[Extracted]
    hard_negatives: dict[str, list[tuple[int, int]]]

    def truth(self) -> dict[Key, int]:
        """Map each source record to the id of its resident."""
        return {item.key: item.resident for item in self.records}

    def true_pairs_within(self) -> list[tuple[Key, Key]]:
        """List the pairs of records of one resident inside one owner."""
        return [(one.key, other.key) for one, other in self._true_pairs() if one.owner == other.owner]

    def true_pairs_across(self) -> list[tuple[Key, Key]]:
        """List the pairs of records of one resident held by two owners."""
        return [(one.key, other.key) for one, other in self._true_pairs() if one.owner != other.owner]

    def known_to_both(self, owner_a: str, owner_b: str) -> list[int]:
        """List the ids of residents of whom both owners hold a record, in order."""
        holders = [{item.resident for item in self.records if item.owner == owner} for owner in (owner_a, owner_b)]
        return sorted(holders[0] & holders[1])

    def _true_pairs(self) -> Iterable[tuple[Extracted, Extracted]]:
        for items in by_resident(self.records).values():
            yield from combinations(items, 2)


def generate(seed: int, *, residents: int = 3000, error_rate: float = 0.08) -> World:
    """Draw the world of a seed; the same arguments give the same world on every machine.

    `error_rate` is the chance that a field of a record is wrong, between 0 and 1.
    """
    rng = Random(seed)
    people, relations = settle(rng, residents=residents)
    drafts = [
        Extracted(owner, source, "", person.id, written(rng, person, owner=owner, source=source, error_rate=error_rate))
        for person in people
        for owner, source in dealings(rng, person)
    ]
    drafts = mended(rng, drafts, people=people)
    rng.shuffle(drafts)
    records = numbered(rng, drafts, relations=relations)
    pairs = {kind: [(bond.one, bond.other) for bond in relations if bond.kind == kind] for kind in HARD_NEGATIVES}
    return World(people, records, pairs)
