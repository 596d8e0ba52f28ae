"""Decisions in the pure rooms: whatever sources and stewards do in any order, they hold and can be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from customer_index.blocking import block_keys
from customer_index.clustering import Clustering
from customer_index.decisions import Decision, Verdict, broken, in_force
from customer_index.normalise import Features
from customer_index.persons import Neighbours, PersonState
from tests.customer_index.test_clustering import MODEL, SAYINGS, Store, replayed

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def said(verdict: Verdict, first: set[UUID], second: set[UUID], *, sequence: int, owner: str = "lbhf") -> Decision:
    return Decision(uuid4(), sequence, owner, verdict, frozenset(first), frozenset(second))


def test_the_later_decision_of_an_owner_counts_pair_by_pair() -> None:
    decided = in_force(
        [said(Verdict.NO_MATCH, {A}, {B, C}, sequence=2), said(Verdict.MATCH, {A}, {B}, sequence=1)],
    )

    assert decided.apart == {frozenset((A, B)), frozenset((A, C))}
    assert decided.bound == frozenset()


def test_where_two_owners_disagree_it_is_no_match_whoever_spoke_last() -> None:
    decided = in_force(
        [
            said(Verdict.NO_MATCH, {A}, {B}, sequence=1, owner="wcc"),
            said(Verdict.MATCH, {A}, {B}, sequence=2, owner="lbhf"),
        ]
    )

    assert decided.apart == {frozenset((A, B))}
    assert not decided.bound


@dataclass
class Acted:
    """An act of the stewards of this test, and what it made of whom."""

    decision: Decision
    was: dict[UUID, frozenset[UUID]]
    left: dict[UUID, frozenset[UUID]]
    absorbed: PersonState | None = None


class Stewarded(RuleBasedStateMachine):
    """Sources add, correct and withdraw, and stewards merge, split, decide and take back."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.acts: list[Acted] = []
        self.sequence = 0
        # What is drawn must not depend on random ids: records are numbered, and persons drawn by age.
        self.numbers = count(1)

    def by_age(self) -> list[UUID]:
        return sorted(self.store.persons, key=lambda one: self.store.persons[one].order)

    def open(self, without: Acted | None = None) -> Clustering:
        neighbours = self.store.neighbours()
        decisions = [one.decision for one in self.acts if one is not without]
        return Clustering(Neighbours(neighbours.persons, neighbours.carriers, decisions), model=MODEL)

    @rule(words=st.lists(st.sampled_from(SAYINGS), min_size=1, max_size=3))
    def add(self, words: list[Features]) -> None:
        clustering = self.open()
        for one in words:
            record_id = UUID(int=next(self.numbers))
            self.store.said[record_id] = one
            clustering.add(record_id, one, keys=block_keys(one))
        self.store.save(clustering)

    @precondition(lambda self: self.store.said)
    @rule(data=st.data(), words=st.sampled_from(SAYINGS))
    def correct(self, data: Any, words: Features) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.store.said)))
        former = [key.digest for key in block_keys(self.store.said[record_id])]
        clustering = self.open()
        self.store.said[record_id] = words
        clustering.correct(record_id, words, keys=block_keys(words), former_keys=former)
        self.store.save(clustering)

    @precondition(lambda self: self.store.said)
    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.store.said)))
        clustering = self.open()
        clustering.withdraw(record_id)
        del self.store.said[record_id]
        self.store.save(clustering, withdrawn=[record_id])

    @precondition(lambda self: self.store.said)
    @rule(data=st.data())
    def withdraw_and_come_back(self, data: Any) -> None:
        record_id = data.draw(st.sampled_from(sorted(self.store.said)))
        words = self.store.said[record_id]
        clustering = self.open()
        clustering.withdraw(record_id)
        self.store.save(clustering, withdrawn=[record_id])
        clustering = self.open()
        clustering.add(record_id, words, keys=block_keys(words))
        self.store.save(clustering)

    @precondition(lambda self: len(self.store.persons) > 1)
    @rule(data=st.data())
    def merge(self, data: Any) -> None:
        pair = data.draw(st.permutations(self.by_age()))[:2]
        first, second = sorted((self.store.persons[one] for one in pair), key=lambda one: one.order)
        was = self.held(pair)
        clustering = self.open()
        clustering.merge(first.person_id, second.person_id)
        self.decide(Verdict.MATCH, was[first.person_id], was[second.person_id], was)
        self.acts[-1].absorbed = second
        self.store.save(clustering)
        self.acts[-1].left = self.held([first.person_id])

    @precondition(lambda self: any(len(one.members) > 1 for one in self.store.persons.values()))
    @rule(data=st.data())
    def split(self, data: Any) -> None:
        of_several = [one for one in self.by_age() if len(self.store.persons[one].members) > 1]
        person_id = data.draw(st.sampled_from(of_several))
        was = self.held([person_id])
        records = sorted(was[person_id])
        leaving = frozenset(data.draw(st.lists(st.sampled_from(records), min_size=1, max_size=len(records) - 1)))
        clustering = self.open()
        other = clustering.part(person_id, staying=was[person_id] - leaving, leaving=leaving)
        self.decide(Verdict.NO_MATCH, was[person_id] - leaving, leaving, was)
        self.store.save(clustering)
        self.acts[-1].left = self.held([person_id, other])
        assert self.acts[-1].left == {person_id: was[person_id] - leaving, other: leaving}

    @precondition(lambda self: len(self.store.persons) > 1)
    @rule(data=st.data())
    def keep_apart(self, data: Any) -> None:
        one, other = data.draw(st.permutations(self.by_age()))[:2]
        was = self.held([one, other])
        self.decide(Verdict.NO_MATCH, was[one], was[other], was)

    @precondition(lambda self: self.acts)
    @rule(data=st.data())
    def take_back(self, data: Any) -> None:
        acted = data.draw(st.sampled_from(self.acts))
        if acted.was == acted.left:
            self.acts.remove(acted)
            return
        for person_id, records in acted.left.items():
            if person_id not in self.store.persons or not records <= self.store.persons[person_id].members.keys():
                return
        clustering = self.open(without=acted)
        if acted.absorbed is None:
            clustering.merge(*acted.left)
        else:
            gone = acted.absorbed.person_id
            (survivor,) = acted.left
            revived = PersonState(gone, self.store.gone[gone], acted.absorbed.order, {})
            clustering.part(survivor, staying=acted.was[survivor], leaving=acted.was[gone], revived=revived)
        standing = [one.decision for one in self.acts if one is not acted]
        before = {one.stewardship_id for one in broken([*standing, acted.decision], person_of=self.store.membership())}
        if {one.stewardship_id for one in broken(standing, person_of=clustering.person_of())} - before:
            return
        self.acts.remove(acted)
        self.store.save(clustering)
        for person_id, records in acted.was.items():
            assert records <= self.store.persons[person_id].members.keys()

    def held(self, person_ids: Sequence[UUID]) -> dict[UUID, frozenset[UUID]]:
        return {one: frozenset(self.store.persons[one].members) for one in person_ids}

    def decide(
        self, verdict: Verdict, first: frozenset[UUID], second: frozenset[UUID], was: dict[UUID, frozenset[UUID]]
    ) -> None:
        self.sequence += 1
        decision = Decision(uuid4(), self.sequence, "lbhf", verdict, first, second)
        self.acts.append(Acted(decision, was, was))

    @invariant()
    def what_is_kept_apart_is_never_one_person(self) -> None:
        person_of = self.store.membership()
        for pair in in_force([one.decision for one in self.acts]).apart:
            if pair <= person_of.keys():
                assert len({person_of[one] for one in pair}) == 2

    @invariant()
    def what_is_bound_is_one_person_unless_something_is_kept_apart_by_it(self) -> None:
        person_of = self.store.membership()
        decided = in_force([one.decision for one in self.acts])
        for pair in decided.bound:
            if pair <= person_of.keys() and len({person_of[one] for one in pair}) == 2:
                one, other = ({r for r, its in person_of.items() if its == person_of[record]} for record in pair)
                assert any(frozenset((left, right)) in decided.apart for left in one for right in other)

    @invariant()
    def nothing_is_lost_and_the_events_tell_it_all(self) -> None:
        held = [record_id for person in self.store.persons.values() for record_id in person.members]
        assert sorted(held) == sorted(self.store.said)
        assert replayed(self.store.events) == self.store.membership()
        versions: dict[UUID, int] = {}
        for person_id, version, _ in self.store.events:
            assert version == versions.get(person_id, 0) + 1
            versions[person_id] = version


Stewarded.TestCase.settings = settings(max_examples=60, stateful_step_count=14, deadline=None)
TestStewarded = Stewarded.TestCase
