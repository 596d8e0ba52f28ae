"""How well the matches of a loaded world agree with the truth behind it: pure arithmetic over ids.

A match is a pair of records: of one person, inside an owner; of two linked persons, across owners. How records came to
be matched, and where the ids are read from, is not this room's business.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Key = tuple[str, str, str]
"""Owner, source and local id, which name a source record."""

PersonId = str


@dataclass(frozen=True, slots=True)
class Matching:
    """What the platform believes: the person of each record, and the pairs of persons that are linked."""

    persons: Mapping[Key, PersonId]
    links: Sequence[tuple[PersonId, PersonId]]


@dataclass(frozen=True, slots=True)
class Quality:
    """Pairs of records that match and should (`right`), that match (`found`) and that should (`true`)."""

    right: float
    found: float
    true: float

    @property
    def precision(self) -> float:
        """The share of matches that are right."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The share of true pairs that were found."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.right / (self.found + self.true) if self.found + self.true else 1.0

    def __add__(self, other: "Quality") -> "Quality":
        return Quality(self.right + other.right, self.found + other.found, self.true + other.true)


NOTHING = Quality(0, 0, 0)

Groups = Mapping[str, Quality]
"""Quality by the label of a resident: a wrong pair counts half for each side's label."""


def within_owners(matching: Matching, *, truth: Mapping[Key, int], label: Mapping[int, str]) -> Groups:
    """Judge the persons: the pairs of records that each holds against those of one resident at one owner."""
    counts: dict[str, Quality] = defaultdict(lambda: NOTHING)
    for residents in _residents_by_person(matching, truth).values():
        size = residents.total()
        for resident, records in residents.items():
            counts[label[resident]] += Quality(_pairs(records), records * (size - 1) / 2, 0)
    held = Counter((owner, resident) for (owner, _, _), resident in truth.items())
    for (_, resident), records in held.items():
        counts[label[resident]] += Quality(0, 0, _pairs(records))
    return counts


def across_owners(matching: Matching, *, truth: Mapping[Key, int], label: Mapping[int, str]) -> Groups:
    """Judge the links: the pairs of records they connect against those of one resident at two owners."""
    counts: dict[str, Quality] = defaultdict(lambda: NOTHING)
    members = _residents_by_person(matching, truth)
    for one, other in matching.links:
        for near, far in ((members[one], members[other]), (members[other], members[one])):
            for resident, records in near.items():
                counts[label[resident]] += Quality(records * far[resident] / 2, records * far.total() / 2, 0)
    for resident, owners in _owners_by_resident(truth).items():
        counts[label[resident]] += Quality(0, 0, _pairs(owners.total()) - sum(map(_pairs, owners.values())))
    return counts


def total(groups: Groups) -> Quality:
    """Add up the groups."""
    return sum(groups.values(), start=NOTHING)


def confused(
    matching: Matching, *, truth: Mapping[Key, int], different: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """List those of some pairs of different residents that share a person or are joined by a link."""
    members = _residents_by_person(matching, truth)
    together = {frozenset((one, other)) for found in members.values() for one in found for other in found}
    for one, other in matching.links:
        together |= {frozenset((near, far)) for near in members[one] for far in members[other]}
    return [pair for pair in different if frozenset(pair) in together]


def _residents_by_person(matching: Matching, truth: Mapping[Key, int]) -> dict[PersonId, Counter[int]]:
    """Count for each person the records it holds of each resident; records outside the truth do not count."""
    members: dict[PersonId, Counter[int]] = defaultdict(Counter)
    for key, person in matching.persons.items():
        if key in truth:
            members[person][truth[key]] += 1
    return members


def _owners_by_resident(truth: Mapping[Key, int]) -> dict[int, Counter[str]]:
    owners: dict[int, Counter[str]] = defaultdict(Counter)
    for (owner, _, _), resident in truth.items():
        owners[resident][owner] += 1
    return owners


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
