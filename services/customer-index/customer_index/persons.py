"""Persons of one owner as they are loaded for a change, and everything a change makes of them.

In this room: values alone. Not in this room: what is decided (`clustering`), and the database, which is read by
`queries.neighbours` and written by `commands.clusters`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import UUID

from customer_index.decisions import Decision, Ruling, decisions_in
from customer_index.normalise import Features
from customer_index.placement import Cluster, Member, PossibleMatch
from customer_index.protection import Guard
from shared.outbox import Happened

BLOCK_CAP = 200
"""Records that may share a matching key before the key says too little and is passed over."""


NOBODY_RETURNS: Final[Mapping[UUID, Sequence[Ruling]]] = MappingProxyType({})


@dataclass(slots=True)
class PersonState:
    """A person as loaded, and as it becomes; `order` says which of two is older."""

    person_id: UUID
    version: int
    order: int
    members: dict[UUID, Features]
    guards: dict[UUID, frozenset[Guard]] = field(default_factory=dict)
    """What protects its records, as loaded; a record that nothing protects is not named."""
    rulings: dict[UUID, tuple[Ruling, ...]] = field(default_factory=dict)
    """What stewards have decided of its records, as loaded."""

    def cluster(self) -> Cluster:
        """Give this person as matching sees it."""
        members = tuple(Member(record_id, features) for record_id, features in self.members.items())
        return Cluster(self.person_id, members, self.order)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What was loaded for a batch: persons with all their records, and who carries which key."""

    persons: Sequence[PersonState]
    carriers: Mapping[int, Mapping[UUID, UUID]]
    """For each key the records that carry it, each with its person; at most `BLOCK_CAP` + 1."""
    decisions: Sequence[Decision] = ()
    """What stewards have decided about the records of these persons, and of records that come back."""

    def have(self, record_ids: Iterable[UUID]) -> bool:
        """Tell whether these records are all among those of the persons loaded."""
        loaded = {record_id for person in self.persons for record_id in person.members}
        return loaded.issuperset(record_ids)


def decisions_among(
    persons: Iterable[PersonState], *, returning: Mapping[UUID, Sequence[Ruling]] = NOBODY_RETURNS
) -> list[Decision]:
    """List what stewards have decided among the records of some persons, and some records that come back to them."""
    named = [*returning.items(), *(one for person in persons for one in person.rulings.items())]
    return decisions_in((record_id, ruling) for record_id, rulings in named for ruling in rulings)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a record ended up, and how."""

    person_id: UUID
    outcome: str


@dataclass(frozen=True, slots=True)
class RaisedReview:
    """Two persons of one owner who may be one human being."""

    first_person: UUID
    second_person: UUID
    match: PossibleMatch


@dataclass(slots=True)
class Changes:
    """Everything a batch changed, for saving in one go."""

    loaded_versions: dict[UUID, int] = field(default_factory=dict)
    created: list[UUID] = field(default_factory=list)
    """Persons made, in that order: which of two is older is told by the order in which they are saved."""
    absorbed: dict[UUID, UUID] = field(default_factory=dict)
    emptied: set[UUID] = field(default_factory=set)
    revived: list[UUID] = field(default_factory=list)
    """Persons that had been merged away and stand for themselves again."""
    versions: dict[UUID, int] = field(default_factory=dict)
    relink: set[UUID] = field(default_factory=set)
    """Persons that another owner's would now compare otherwise, though no record may have changed hands."""
    belongs: dict[UUID, UUID] = field(default_factory=dict)
    reviews: list[RaisedReview] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    is_guarded: bool = False
    """Whether anybody concerned is protected, so that protections have to follow the records."""
