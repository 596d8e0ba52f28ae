"""What assertions and withdrawals do to the persons of one owner.

In this room: a `Clustering` is given the persons a batch of records could belong to, takes the records one after the
other and notes every change: which record belongs to whom, persons that are new, absorbed or emptied, possible matches
for a steward, and the events that tell of it. What stewards have decided holds whatever the evidence says, and they
merge and part persons here as well. Not in this room: how well two records match (`scoring`), where a record belongs
(`placement`), and the database (`queries/neighbours.py` loads, `commands/clusters.py` saves).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from uuid import UUID, uuid4

from customer_index.blocking import MATCHING_KINDS, BlockKey, residence_keys
from customer_index.decisions import in_force
from customer_index.guarding import Guarding
from customer_index.model import Model
from customer_index.normalise import Features
from customer_index.persons import BLOCK_CAP, Changes, Neighbours, PersonState, Placed, RaisedReview
from customer_index.placement import NO_PAIRS, Cluster, Member, Placement, PossibleMatch, place, rederive
from customer_index.protection import Guard
from shared.events import Event, PersonMerged, PersonProtected, PersonRecordLinked, PersonRecordUnlinked, PersonSplit
from shared.outbox import Happened

MEETING_KINDS = MATCHING_KINDS | {"home"}
"""Kinds of keys to load neighbours by: those records meet under, and the homes whose residents are counted."""


class Clustering:
    """The persons of one owner while a batch of records is taken in."""

    def __init__(self, neighbours: Neighbours, *, model: Model) -> None:
        self._model = model
        self._decided = in_force(neighbours.decisions)
        self._persons = {person.person_id: person for person in neighbours.persons}
        self._carriers: dict[int, set[UUID]] = defaultdict(set)
        self._person_of: dict[UUID, UUID] = {}
        for key, carriers in neighbours.carriers.items():
            self._carriers[key].update(carriers)
            self._person_of.update(carriers)
        self._person_of.update({record_id: one.person_id for one in neighbours.persons for record_id in one.members})
        self._youngest = max((person.order for person in neighbours.persons), default=0)
        self._versions_loaded = {person.person_id: person.version for person in neighbours.persons}
        self._guarding = Guarding(neighbours.persons)
        self.changes = Changes(is_guarded=bool(self._guarding))

    def finish(self) -> Changes:
        """Give everything that changed, once it is told for which records another protection holds than did."""
        self.changes.is_guarded = bool(self._guarding)
        for person_id in sorted(self.changes.relink & self._persons.keys()) if self._guarding else ():
            person = self._persons[person_id]
            holds = self._guarding.untold(person)
            if holds is not None and person.members:
                self._happened(person, PersonProtected(records=sorted(person.members), **holds._asdict()))
        return self.changes

    def guard(self, record_id: UUID, guards: frozenset[Guard]) -> None:
        """Note what protects a record from now on, beside what did."""
        self._guarding.add(record_id, guards)

    def add(self, record_id: UUID, features: Features, *, keys: Iterable[BlockKey]) -> Placed:
        """Take in a record nobody has yet."""
        keys = list(keys)
        if self._guarding.sides_of(record_id):
            return self._join_side(record_id, features)
        outcome = "linked"
        if bound := self._bound_persons(record_id):
            person = self._unite(bound)
        else:
            placement = self._place(record_id, features, clusters=self._clusters(keys))
            if placement.joined is None:
                person = self._new_person()
                outcome = self._raise(person.person_id, placement.reviews) or "created"
            else:
                person = self._unite({placement.joined, *placement.merged})
        self._enter(record_id, features, person)
        self._carry(record_id, keys)
        return Placed(person.person_id, outcome)

    def _join_side(self, record_id: UUID, features: Features) -> Placed:
        persons = list(self._persons.values())
        found = self._guarding.side_person(record_id, features, persons=persons, model=self._model)
        person = self._new_person() if found is None else self._persons[found]
        self._enter(record_id, features, person)
        return Placed(person.person_id, "created" if found is None else "linked")

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
        if self._guarding.is_sealed(person):
            return Placed(person.person_id, "updated")
        self._rederive(person, corrected=record_id)
        person = self._persons[self._person_of[record_id]]
        others = self._clusters(keys, without=person.person_id)
        rest = tuple(member for member in person.cluster().members if member.record_id != record_id)
        if rest:
            others.append(Cluster(person.person_id, rest, person.order))
        placement = self._place(record_id, features, clusters=others)
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
        self._guarding.hand_on(record_id, to=person)
        self._happened(person, PersonRecordUnlinked(record_id=record_id))
        if not person.members:
            self.changes.emptied.add(person.person_id)
        elif not self._guarding.is_sealed(person):
            self._rederive(person, corrected=record_id)
        return person.person_id

    def merge(self, survivor: UUID, other: UUID) -> None:
        """Make one person of two, whatever the evidence says."""
        self._absorb(self._persons[survivor], self._persons[other])

    def part(
        self, person_id: UUID, *, staying: frozenset[UUID], leaving: frozenset[UUID], revived: PersonState | None = None
    ) -> UUID:
        """Part records from a person, whatever the evidence says; give the person they belong to now.

        That is a new one, or one that had been merged away. Records of neither group go with the one they hold to.
        """
        person = self._persons[person_id]
        other = self._new_person() if revived is None else self._revive(revived)
        together = {frozenset(pair) for group in (staying, leaving) for pair in combinations(group, 2)}
        across = {frozenset(pair) for pair in product(staying, leaving)}
        parts = rederive(
            person.cluster().members,
            model=self._model,
            bound=(self._decided.bound | together) - across,
            apart=(self._decided.apart - together) | across,
        )
        for part in parts:
            records = {member.record_id for member in part}
            if records & leaving:
                self._hand_over(part, of=person, to=other)
            elif not records & staying:
                self._hand_over(part, of=person, to=self._new_person())
        return other.person_id

    def person_of(self) -> Mapping[UUID, UUID]:
        """Tell whom each record of the persons loaded belongs to."""
        return {record_id: one.person_id for one in self._persons.values() for record_id in one.members}

    def _place(self, record_id: UUID, features: Features, *, clusters: Sequence[Cluster]) -> Placement:
        return place(
            features,
            clusters=clusters,
            model=self._model,
            residents=self._residents(features),
            forbidden=self._forbidden_persons(record_id),
            apart=self._apart(),
        )

    def _forbidden_persons(self, record_id: UUID) -> set[UUID]:
        """Give the persons with a record that is somebody else than this one."""
        return {self._person_of[other] for other in self._decided.apart_from(record_id) if other in self._person_of}

    def _bound_persons(self, record_id: UUID) -> set[UUID]:
        """Give the persons with a record that is one human being with this one, as far as they may be one."""
        found = {self._person_of[other] for other in self._decided.bound_to(record_id) if other in self._person_of}
        bound: set[UUID] = set()
        for person_id in sorted(found - self._forbidden_persons(record_id), key=lambda one: self._persons[one].order):
            sealed = self._guarding.is_sealed(self._persons[person_id])
            if not sealed and not any(frozenset((person_id, one)) in self._apart() for one in bound):
                bound.add(person_id)
        return bound

    def _apart(self) -> set[frozenset[UUID]] | frozenset[frozenset[UUID]]:
        """Give the pairs of persons that stewards keep apart."""
        if not self._decided.apart:
            return NO_PAIRS
        return {
            frozenset(self._person_of[record_id] for record_id in pair)
            for pair in self._decided.apart
            if pair <= self._person_of.keys()
        }

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
            self._absorb(survivor, other)
        return survivor

    def _absorb(self, survivor: PersonState, other: PersonState) -> None:
        moved, other.members = other.members, {}
        del self._persons[other.person_id]
        self.changes.absorbed[other.person_id] = survivor.person_id
        self._happened(other, PersonMerged(into=survivor.person_id, records=list(moved)))
        for record_id, features in moved.items():
            self._enter(record_id, features, survivor)

    def _revive(self, person: PersonState) -> PersonState:
        self._persons[person.person_id] = person
        self._versions_loaded[person.person_id] = person.version
        self.changes.revived.append(person.person_id)
        return person

    def _rederive(self, person: PersonState, *, corrected: UUID) -> None:
        """Leave the person its largest connected part, of equals one without the corrected record, and make the
        other parts persons of their own."""
        parts = rederive(
            person.cluster().members, model=self._model, bound=self._decided.bound, apart=self._decided.apart
        )
        kept = max(parts, key=lambda part: (len(part), all(member.record_id != corrected for member in part)))
        for part in parts:
            if part is not kept:
                self._hand_over(part, of=person, to=self._new_person())

    def _hand_over(self, part: Sequence[Member], *, of: PersonState, to: PersonState) -> None:
        """Let some records of one person belong to another."""
        for member in part:
            del of.members[member.record_id]
        self._happened(of, PersonSplit(into=to.person_id, records=[member.record_id for member in part]))
        for member in part:
            self._enter(member.record_id, member.features, to)

    def _raise(self, person_id: UUID, matches: Sequence[PossibleMatch]) -> str | None:
        open_questions = [
            match
            for match in matches
            if match.person_id != person_id and frozenset((person_id, match.person_id)) not in self._apart()
        ]
        for match in open_questions:
            self._hold(match.person_id)
            first, second = sorted((person_id, match.person_id))
            self.changes.reviews.append(RaisedReview(first, second, match))
        return "review" if open_questions else None

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
