"""What stewards have decided of records: two groups that are one human being, or that are not.

In this room: which of several decisions on a pair of records counts. Not in this room: how records are kept together or
apart accordingly (`placement`, `linking`), and where decisions are stored (`queries.decisions`).

A decision names records and not persons, so that it holds whatever becomes of the persons.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final, Literal, NamedTuple
from uuid import UUID

Pair = frozenset[UUID]
"""Two record ids."""


class Verdict(StrEnum):
    """What a steward says of two groups of records."""

    MATCH = "match"
    NO_MATCH = "no-match"


Side = Literal["first", "second"]


class Ruling(NamedTuple):
    """A decision as one record sees it: on which side of it the record stands."""

    stewardship_id: UUID
    sequence: int
    owner: str
    verdict: Verdict
    side: Side


@dataclass(frozen=True, slots=True)
class Decision:
    """One steward's decision; of two on the same records the one with the higher `sequence` is the later."""

    stewardship_id: UUID
    sequence: int
    owner: str
    verdict: Verdict
    first: frozenset[UUID]
    second: frozenset[UUID]

    def pairs(self) -> Iterable[Pair]:
        """Give every pair of records that this decides."""
        return (frozenset(pair) for pair in product(self.first, self.second))


@dataclass(frozen=True, slots=True)
class Decided:
    """Pairs of records that are bound together, and pairs that are kept apart."""

    bound: Set[Pair]
    apart: Set[Pair]

    def bound_to(self, record_id: UUID) -> set[UUID]:
        """Give the records that are one human being with this one."""
        return _others(record_id, self.bound)

    def apart_from(self, record_id: UUID) -> set[UUID]:
        """Give the records that are somebody else."""
        return _others(record_id, self.apart)


UNDECIDED: Final = Decided(bound=frozenset(), apart=frozenset())


def decisions_in(rulings: Iterable[tuple[UUID, Ruling]]) -> list[Decision]:
    """Put together the decisions that some records are named in, each with those of the records that are given."""
    named: dict[UUID, list[tuple[UUID, Ruling]]] = defaultdict(list)
    for record_id, ruling in rulings:
        named[ruling.stewardship_id].append((record_id, ruling))
    return [
        Decision(
            stewardship_id=ruling.stewardship_id,
            sequence=ruling.sequence,
            owner=ruling.owner,
            verdict=ruling.verdict,
            first=frozenset(record_id for record_id, one in found if one.side == "first"),
            second=frozenset(record_id for record_id, one in found if one.side == "second"),
        )
        for found in named.values()
        for ruling in [found[0][1]]
    ]


def in_force(decisions: Iterable[Decision]) -> Decided:
    """Tell what holds of each pair: the owner's last decision, and where two owners disagree, that they are apart."""
    last: dict[tuple[str, Pair], Verdict] = {}
    for decision in sorted(decisions, key=lambda one: one.sequence):
        for pair in decision.pairs():
            last[decision.owner, pair] = decision.verdict
    if not last:
        return UNDECIDED
    apart = frozenset(pair for (_, pair), verdict in last.items() if verdict is Verdict.NO_MATCH)
    return Decided(bound=frozenset(pair for _, pair in last) - apart, apart=apart)


def broken(decisions: Collection[Decision], *, person_of: Mapping[UUID, UUID]) -> list[Decision]:
    """List the decisions that do not hold where records belong to persons like this."""
    decided = in_force(decisions)

    def is_broken(pair: Pair, verdict: Verdict) -> bool:
        if not pair <= person_of.keys():
            return False
        is_one = len({person_of[record_id] for record_id in pair}) == 1
        return is_one and pair in decided.apart if verdict is Verdict.NO_MATCH else not is_one and pair in decided.bound

    return [one for one in decisions if any(is_broken(pair, one.verdict) for pair in one.pairs())]


def _others(record_id: UUID, pairs: Set[Pair]) -> set[UUID]:
    return {other for pair in pairs if record_id in pair for other in pair if other != record_id}
