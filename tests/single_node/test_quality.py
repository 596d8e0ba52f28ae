"""The arithmetic of quality, against counting every pair one by one."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from single_node.demo.quality import Key, Matching, across_owners, confused, total, within_owners

OWNERS = ("lbhf", "rbkc")
KEYS: list[Key] = [(owner, "crm", str(number)) for owner in OWNERS for number in range(6)]
LABEL = {0: "here", 1: "here", 2: "there", 3: "there"}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[Key, int], Matching]:
    """A few records of a few residents, put into persons and linked at random."""
    truth = {key: draw(st.integers(0, 3)) for key in draw(st.sets(st.sampled_from(KEYS)))}
    persons = {key: f"{key[0]}-{draw(st.integers(0, 3))}" for key in truth}
    possible = [(f"lbhf-{one}", f"rbkc-{other}") for one in range(4) for other in range(4)]
    return truth, Matching(persons, sorted(draw(st.sets(st.sampled_from(possible)))))


@given(worlds())
def test_quality_is_what_counting_pairs_gives(world: tuple[dict[Key, int], Matching]) -> None:
    truth, matching = world
    pairs = list(combinations(truth, 2))
    for judge, is_meant in ((within_owners, True), (across_owners, False)):
        meant = [(one, other) for one, other in pairs if (one[0] == other[0]) is is_meant]
        found = [pair for pair in meant if _matched(matching, *pair)]
        true = [(one, other) for one, other in meant if truth[one] == truth[other]]
        groups = judge(matching, truth=truth, label=LABEL)
        counted = total(groups)
        assert (counted.right, counted.found, counted.true) == (len(set(found) & set(true)), len(found), len(true))
        for label in groups:
            of_label = [pair for pair in true if LABEL[truth[pair[0]]] == label]
            assert groups[label].true == len(of_label)
            assert groups[label].right == len(set(found) & set(of_label))


@given(worlds())
def test_two_residents_are_confused_when_a_match_joins_their_records(world: tuple[dict[Key, int], Matching]) -> None:
    truth, matching = world
    different = list(combinations(range(4), 2))
    joined = {
        frozenset((truth[one], truth[other])) for one, other in combinations(truth, 2) if _matched(matching, one, other)
    }
    assert confused(matching, truth=truth, different=different) == [
        pair for pair in different if frozenset(pair) in joined
    ]


def test_nothing_to_find_and_nothing_found_is_perfect() -> None:
    quality = total(within_owners(Matching({}, []), truth={}, label={}))
    assert (quality.precision, quality.recall, quality.f1) == (1.0, 1.0, 1.0)


def _matched(matching: Matching, one: Key, other: Key) -> bool:
    persons = matching.persons[one], matching.persons[other]
    return persons[0] == persons[1] or persons in matching.links or persons[::-1] in matching.links
