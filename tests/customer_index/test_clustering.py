"""Clusterings: after whatever sources say and take back, every record is in one person and the events tell it all."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from customer_index.blocking import BlockKey, block_keys
from customer_index.clustering import MEETING_KINDS, Clustering
from customer_index.model import load_model
from customer_index.normalise import Features, features
from customer_index.persons import Neighbours, PersonState, Placed
from shared.events import Event, PersonMerged, PersonRecordLinked, PersonRecordUnlinked, PersonSplit
from tests.builders import a_record

MODEL = load_model()
HOME = a_record()["addresses"]
SAYINGS = [
    features(one)
    for one in (
        a_record(),
        a_record(nhs_number=None, phones=None),
        a_record(given_names=None, nhs_number=None, phones=None, emails=None),
        {"given_names": ["Adaeze"], "nhs_number": "9990000018"},
        a_record(given_names=["Chidi"], nhs_number=None),
        a_record(given_names=["Chidi"], nhs_number="9990000026", date_of_birth="1984-03-09"),
        a_record(nhs_number=None, date_of_birth="1955-01-02"),
        a_record(given_names=["Bartholomew"], family_name="Quick", date_of_birth="1931-12-01", nhs_number="9990000034"),
        {"given_names": ["Bart"], "family_name": "Quick", "date_of_birth": "1931-12-01", "addresses": HOME},
    )
]
"""What sources may say: one woman in several words, her twin, her mother, and somebody else of the same home."""


class Store:
    """What the database would hold between two batches, kept by what each clustering says it changed."""

    def __init__(self) -> None:
        self.persons: dict[UUID, PersonState] = {}
        self.merged: dict[UUID, UUID] = {}
        self.gone: dict[UUID, int] = {}
        self.orders: dict[UUID, int] = {}
        self.said: dict[UUID, Features] = {}
        self.events: list[tuple[UUID, int, Event]] = []
        self.saved = 0

    def open(self) -> Clustering:
        """Start a batch with everybody loaded."""
        return Clustering(self.neighbours(), model=MODEL)

    def neighbours(self) -> Neighbours:
        """Load everybody, and who carries which key."""
        carriers: dict[int, dict[UUID, UUID]] = defaultdict(dict)
        for person in self.persons.values():
            for record_id, said in person.members.items():
                for key in block_keys(said):
                    if key.kind in MEETING_KINDS:
                        carriers[key.digest][record_id] = person.person_id
        loaded = [
            PersonState(one.person_id, one.version, one.order, dict(one.members)) for one in self.persons.values()
        ]
        return Neighbours(loaded, carriers)

    def save(self, clustering: Clustering, *, withdrawn: Iterable[UUID] = ()) -> None:
        """Do with a clustering's changes what the commands do with them, in their order."""
        changes = clustering.changes
        for person_id in changes.created:
            self.saved += 1
            self.persons[person_id] = PersonState(person_id, 0, self.saved, {})
        for person_id in changes.revived:
            del self.merged[person_id]
            self.persons[person_id] = PersonState(person_id, self.gone.pop(person_id), self.orders[person_id], {})
        for person_id, version in changes.versions.items():
            self.persons[person_id].version = version
            self.orders[person_id] = self.persons[person_id].order
        for record_id in withdrawn:
            for person in self.persons.values():
                person.members.pop(record_id, None)
        for record_id, person_id in changes.belongs.items():
            for person in self.persons.values():
                person.members.pop(record_id, None)
            self.persons[person_id].members[record_id] = self.said[record_id]
        for person in self.persons.values():
            person.members.update({record_id: self.said[record_id] for record_id in person.members})
        for person_id, into in changes.absorbed.items():
            self.gone[person_id] = self.persons[person_id].version
            assert not self.persons.pop(person_id).members
            self.merged[person_id] = into
        for person_id in changes.emptied:
            assert not self.persons.pop(person_id).members
        self.events += [(UUID(one.subject), one.version, one.event) for one in changes.happened]

    def membership(self) -> dict[UUID, UUID]:
        return {record_id: one.person_id for one in self.persons.values() for record_id in one.members}


def replayed(events: Iterable[tuple[UUID, int, Event]]) -> dict[UUID, UUID]:
    """Follow the events as another service would: which record belongs to which person."""
    belongs: dict[UUID, UUID] = {}
    for person_id, _, event in events:
        if isinstance(event, PersonRecordLinked):
            belongs[event.record_id] = person_id
        elif isinstance(event, PersonRecordUnlinked):
            assert belongs.pop(event.record_id) == person_id
        elif isinstance(event, PersonMerged | PersonSplit):
            for record_id in event.records:
                assert belongs.pop(record_id) == person_id
    return belongs


class Assertions(RuleBasedStateMachine):
    """Sources add, correct and withdraw records in any order, one at a time or several in a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()

    @rule(said=st.lists(st.sampled_from(SAYINGS), min_size=1, max_size=4))
    def add(self, said: list[Features]) -> None:
        clustering = self.store.open()
        for one in said:
            record_id = uuid4()
            self.store.said[record_id] = one
            placed = clustering.add(record_id, one, keys=block_keys(one))
            assert placed.outcome in {"created", "linked", "review"}
            self._check_placed(clustering, record_id, placed)
        self.store.save(clustering)

    @precondition(lambda self: self.store.said)
    @rule(data=st.data(), said=st.sampled_from(SAYINGS))
    def correct(self, data: Any, said: Features) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.store.said)))
        clustering = self.store.open()
        former = [key.digest for key in block_keys(self.store.said[record_id])]
        self.store.said[record_id] = said
        placed = clustering.correct(record_id, said, keys=block_keys(said), former_keys=former)
        assert placed.outcome in {"updated", "review"}
        assert placed.person_id in clustering.changes.relink or clustering.changes.absorbed
        self.store.save(clustering)
        assert self.store.membership()[record_id] == placed.person_id

    @precondition(lambda self: self.store.said)
    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.store.said)))
        clustering = self.store.open()
        clustering.withdraw(record_id)
        del self.store.said[record_id]
        self.store.save(clustering, withdrawn=[record_id])

    def _check_placed(self, clustering: Clustering, record_id: UUID, placed: Placed) -> None:
        assert clustering.changes.belongs[record_id] == placed.person_id

    @invariant()
    def every_record_is_in_exactly_one_person(self) -> None:
        held = [record_id for person in self.store.persons.values() for record_id in person.members]
        assert sorted(held) == sorted(self.store.said)
        assert all(person.members for person in self.store.persons.values())

    @invariant()
    def versions_grow_by_one_with_each_event(self) -> None:
        versions: dict[UUID, int] = defaultdict(int)
        for person_id, version, _ in self.store.events:
            assert version == versions[person_id] + 1
            versions[person_id] = version
        assert all(person.version == versions[person.person_id] for person in self.store.persons.values())

    @invariant()
    def the_events_alone_tell_who_is_who(self) -> None:
        assert replayed(self.store.events) == self.store.membership()


Assertions.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestAssertions = Assertions.TestCase


def added(clustering: Clustering, said: Features, *, keys: list[BlockKey] | None = None) -> Placed:
    return clustering.add(uuid4(), said, keys=block_keys(said) if keys is None else keys)


def test_the_first_record_of_a_batch_is_found_by_the_second() -> None:
    clustering = Store().open()

    first, second = added(clustering, SAYINGS[0]), added(clustering, SAYINGS[1])

    assert (first.outcome, second.outcome) == ("created", "linked")
    assert first.person_id == second.person_id


def test_a_key_that_too_many_carry_is_passed_over() -> None:
    crowd = PersonState(uuid4(), 1, 1, {uuid4(): SAYINGS[0] for _ in range(3)})
    keys = block_keys(SAYINGS[0])

    def carried(by: int) -> Clustering:
        others = {uuid4(): crowd.person_id for _ in range(by - 3)}
        carriers = {key.digest: {**dict.fromkeys(crowd.members, crowd.person_id), **others} for key in keys}
        return Clustering(Neighbours([crowd], carriers), model=MODEL)

    assert added(carried(200), SAYINGS[0]).outcome == "linked"
    assert added(carried(201), SAYINGS[0]).outcome == "created"


def test_persons_are_made_in_the_order_of_their_records() -> None:
    clustering = Store().open()

    made = [added(clustering, said).person_id for said in (SAYINGS[0], SAYINGS[7], SAYINGS[4])]

    assert clustering.changes.created == made


def test_whoever_is_named_in_a_review_must_still_be_as_loaded() -> None:
    store = Store()
    clustering = store.open()
    record_id = uuid4()
    store.said[record_id] = SAYINGS[0]
    known = clustering.add(record_id, SAYINGS[0], keys=block_keys(SAYINGS[0]))
    store.save(clustering)

    clustering = store.open()
    twin = added(clustering, SAYINGS[4])

    assert twin.outcome == "review"
    assert clustering.changes.loaded_versions == {known.person_id: 1}
    assert [{one.first_person, one.second_person} for one in clustering.changes.reviews] == [
        {known.person_id, twin.person_id}
    ]
