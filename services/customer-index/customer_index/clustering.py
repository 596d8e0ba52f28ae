"""What assertions and withdrawals do to the persons of one owner.

In this room: a `Clustering` is given the persons a batch of records could belong to, takes the records one after the
other and notes every change: which record belongs to whom, persons that are new, absorbed or emptied, possible matches
for a steward, and the events that tell of it. Not in this room: how well two records match (`scoring`), where a record
belongs (`placement`), and the database (`queries/neighbours.py` loads, `commands/clusters.py` saves).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from customer_index.blocking import MATCHING_KINDS, BlockKey, residence_keys
from customer_index.model import Model
from customer_index.normalise import Features
from customer_index.placement import Cluster, Member, PossibleMatch, place, rederive
from shared.events import Event, PersonMerged, PersonRecordLinked, PersonRecordUnlinked, PersonSplit
from shared.outbox import Happened

BLOCK_CAP = 200
"""Records that may share a matching key before the key says too little and is passed over."""

MEETING_KINDS = MATCHING_KINDS | {"home"}
"""Kinds of keys to load neighbours by: those records meet under, and the homes whose residents are counted."""


@dataclass(slots=True)
class PersonState:
    """A person as loaded, and as it becomes; `order` says which of two is older."""

    person_id: UUID
    version: int
    order: int
    members: dict[UUID, Features]

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

    def have(self, record_ids: Iterable[UUID]) -> bool:
        """Tell whether these records are all among those of the persons loaded."""
        loaded = {record_id for person in self.persons for record_id in person.members}
        return loaded.issuperset(record_ids)


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
    versions: dict[UUID, int] = field(default_factory=dict)
    relink: set[UUID] = field(default_factory=set)
    """Persons that another owner's would now compare otherwise, though no record may have changed hands."""
    belongs: dict[UUID, UUID] = field(default_factory=dict)
    reviews: list[RaisedReview] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)


class Clustering:
    """The persons of one owner while a batch of records is taken in."""

    def __init__(self, neighbours: Neighbours, *, model: Model) -> None:
        self._model = model
        self._persons = {person.person_id: person for person in neighbours.persons}
        self._carriers: dict[int, set[UUID]] = defaultdict(set)
        self._person_of: dict[UUID, UUID] = {}
        for key, carriers in neighbours.carriers.items():
            self._carriers[key].update(carriers)
            self._person_of.update(carriers)
        self._person_of.update({record_id: one.person_id for one in neighbours.persons for record_id in one.members})
        self._youngest = max((person.order for person in neighbours.persons), default=0)
        self._versions_loaded = {person.person_id: person.version for person in neighbours.persons}
        self.changes = Changes()

    def add(self, record_id: UUID, features: Features, *, keys: Iterable[BlockKey]) -> Placed:
        """Take in a record nobody has yet."""
        keys = list(keys)
        placement = place(
            features, clusters=self._clusters(keys), model=self._model, residents=self._residents(features)
        )
        if placement.joined is None:
            person = self._new_person()
            outcome = self._raise(person.person_id, placement.reviews) or "created"
        else:
            person = self._unite({placement.joined, *placement.merged})
            outcome = "linked"
        self._enter(record_id, features, person)
        self._carry(record_id, keys)
        return Placed(person.person_id, outcome)

    def correct(
        self, record_id: UUID, features: Features, *, keys: Iterable[BlockKey], former_keys: Iterable[int]
    ) -> Placed:
        """Take in what its source now says of a record; its person is derived anew from what it says today."""
        keys = list(keys)
        for key in former_keys:
            self._carriers[key].discard(record_id)
        person = self._persons[self._person_of[record_id]]
        person.members[record_id] = features
        self._touch(person)
        self._rederive(person, corrected=record_id)
        person = self._persons[self._person_of[record_id]]
        others = self._clusters(keys, without=person.person_id)
        rest = tuple(member for member in person.cluster().members if member.record_id != record_id)
        if rest:
            others.append(Cluster(person.person_id, rest, person.order))
        placement = place(features, clusters=others, model=self._model, residents=self._residents(features))
        outcome = "updated"
        same = {placement.joined, *placement.merged} - {None}
        if placement.joined is None:
            outcome = self._raise(person.person_id, placement.reviews) or outcome
        elif not rest or person.person_id in same:
            person = self._unite({placement.joined, *placement.merged, person.person_id})
        self._carry(record_id, keys)
        return Placed(person.person_id, outcome)

    def withdraw(self, record_id: UUID) -> UUID:
        """Take out a record; the rest of its person is derived anew. Give the person it belonged to."""
        person = self._persons[self._person_of.pop(record_id)]
        del person.members[record_id]
        self._happened(person, PersonRecordUnlinked(record_id=record_id))
        if not person.members:
            self.changes.emptied.add(person.person_id)
        else:
            self._rederive(person, corrected=record_id)
        return person.person_id

    def _clusters(self, keys: Sequence[BlockKey], *, without: UUID | None = None) -> list[Cluster]:
        found: dict[UUID, None] = {}
        for key in keys:
            if key.kind in MATCHING_KINDS:
                carriers = self._carriers.get(key.digest, ())
                if len(carriers) <= BLOCK_CAP:
                    found.update(dict.fromkeys(self._person_of[record_id] for record_id in carriers))
        return [
            self._persons[person_id].cluster()
            for person_id in found
            if person_id != without and person_id in self._persons
        ]

    def _residents(self, features: Features) -> dict[str, int]:
        """Count the persons known at each UPRN of a record, itself included."""
        counts: dict[str, int] = {}
        for residence in features.residences:
            if residence.uprn:
                (home,) = residence_keys(Features(residences=(residence,)))
                carriers = self._carriers.get(home.digest, ())
                counts[residence.uprn] = len({self._person_of[record_id] for record_id in carriers}) + 1
        return counts

    def _carry(self, record_id: UUID, keys: Iterable[BlockKey]) -> None:
        for key in keys:
            self._carriers[key.digest].add(record_id)

    def _new_person(self) -> PersonState:
        self._youngest += 1
        person = PersonState(uuid4(), 0, self._youngest, {})
        self._persons[person.person_id] = person
        self.changes.created.append(person.person_id)
        return person

    def _enter(self, record_id: UUID, features: Features, person: PersonState) -> None:
        person.members[record_id] = features
        self._person_of[record_id] = person.person_id
        self.changes.belongs[record_id] = person.person_id
        self._happened(person, PersonRecordLinked(record_id=record_id))

    def _unite(self, person_ids: set[UUID]) -> PersonState:
        """Make one person of several, the oldest, and give it."""
        survivor, *others = sorted((self._persons[person_id] for person_id in person_ids), key=lambda one: one.order)
        for other in others:
            moved, other.members = other.members, {}
            del self._persons[other.person_id]
            self.changes.absorbed[other.person_id] = survivor.person_id
            self._happened(other, PersonMerged(into=survivor.person_id, records=list(moved)))
            for record_id, features in moved.items():
                self._enter(record_id, features, survivor)
        return survivor

    def _rederive(self, person: PersonState, *, corrected: UUID) -> None:
        """Leave the person its largest connected part, of equals one without the corrected record, and make the
        other parts persons of their own."""
        parts = rederive(person.cluster().members, model=self._model)
        kept = max(parts, key=lambda part: (len(part), all(member.record_id != corrected for member in part)))
        for part in parts:
            if part is kept:
                continue
            other = self._new_person()
            for member in part:
                del person.members[member.record_id]
            self._happened(person, PersonSplit(into=other.person_id, records=[member.record_id for member in part]))
            for member in part:
                self._enter(member.record_id, member.features, other)

    def _raise(self, person_id: UUID, matches: Sequence[PossibleMatch]) -> str | None:
        for match in matches:
            self._hold(match.person_id)
            first, second = sorted((person_id, match.person_id))
            self.changes.reviews.append(RaisedReview(first, second, match))
        return "review" if matches else None

    def _happened(self, person: PersonState, event: Event) -> None:
        person.version += 1
        self.changes.versions[person.person_id] = person.version
        self._touch(person)
        self.changes.happened.append(Happened(event, str(person.person_id), person.version))

    def _touch(self, person: PersonState) -> None:
        self.changes.relink.add(person.person_id)
        self._hold(person.person_id)

    def _hold(self, person_id: UUID) -> None:
        """Note a person that must still be as it was loaded when the changes are saved."""
        if person_id in self._versions_loaded:
            self.changes.loaded_versions[person_id] = self._versions_loaded[person_id]
