"""The evaluation: the real matching over a small world, and its arithmetic against a truth made by hand."""

import json
from itertools import combinations
from typing import Any

import pytest

from single_node.demo.quality import Matching
from single_node.evaluation.datasets import DataSet, boroughs, febrl_record
from single_node.evaluation.judgement import Confusion, bound, judge
from single_node.evaluation.running import run_over
from single_node.evaluation.telling import table
from single_node.population import Extracted, generate

ADA = {
    "given_names": ["Ada"],
    "family_name": "Okonjo-Vale",
    "date_of_birth": "1980-02-29",
    "addresses": [{"lines": ["7 Brackenbury Mews"], "postcode": "W6 9ZY", "uprn": "999900000007"}],
    "emails": ["ada.ov@example.org"],
}


def a_data_set() -> DataSet:
    """Ada, known to one borough twice and to another once; her twin Una; a stranger; and somebody without a name."""
    said: list[tuple[str, str, str, int, dict[str, Any]]] = [
        ("lbhf", "crm", "1", 1, ADA),
        ("lbhf", "housing", "2", 1, ADA),
        ("wcc", "crm", "3", 1, ADA),
        ("lbhf", "benefits", "4", 2, {**ADA, "given_names": ["Una"], "emails": ["una.ov@example.org"]}),
        ("wcc", "crm", "5", 3, {"given_names": ["Tomasz"], "family_name": "Zielinski", "date_of_birth": "1971-07-03"}),
        ("lbhf", "crm", "6", 4, {"title": "Dr"}),
    ]
    records = [Extracted(*parts) for parts in said]
    return DataSet("by hand", records, {1: "here", 2: "here", 3: "there", 4: "there"}, {"twins": [(1, 2)]})


def test_the_real_matching_is_run_and_judged() -> None:
    advanced: list[int] = []
    dataset = a_data_set()

    outcome = run_over(dataset, advance=advanced.append)
    found = judge(dataset, outcome.matching, reviews=outcome.reviews, refused=outcome.refused, seconds=outcome.seconds)

    assert sum(advanced) == 6
    assert (outcome.refused, len(outcome.matching.persons), len(outcome.matching.links)) == (1, 5, 1)
    assert outcome.reviews > 0
    assert (found.automatic.right, found.automatic.found, found.automatic.true) == (3, 3, 3)
    assert found.hard_negatives == {"twins": Confusion(0, 1)}
    assert found.strangers == Confusion(0, 12)


def test_every_mistake_counts_where_it_belongs() -> None:
    dataset = a_data_set()
    keys = [item.key for item in dataset.records]
    # Ada's two records are apart at lbhf, one of them is with her twin, and that person is linked to the stranger.
    persons = dict(zip(keys, ["p1", "p2", "q1", "p2", "q2", "p3"], strict=True))

    found = judge(dataset, Matching(persons, [("p1", "q1"), ("p2", "q2")]), reviews=7, refused=0, seconds=2)

    assert found.inside["here"].true == 1
    assert (sum(one.found for one in found.inside.values()), sum(one.right for one in found.inside.values())) == (1, 0)
    assert (found.across["here"].right, found.across["here"].true) == (1, 2)
    # Of the two wrong pairs across, each side's label bears one half.
    assert (found.across["here"].found, found.across["there"].found) == (2, 1)
    assert found.automatic.precision == pytest.approx(1 / 4)
    assert found.automatic.recall == pytest.approx(1 / 3)
    assert found.hard_negatives == {"twins": Confusion(1, 1)}
    assert found.strangers == Confusion(3, 12)
    assert (found.reviews, found.records_per_second) == (7, 3.0)


def test_a_small_world_is_judged_as_counting_every_pair_would() -> None:
    dataset = boroughs(generate(7, residents=90, error_rate=0.08), name="small")

    outcome = run_over(dataset, advance=lambda _: None)
    found = judge(dataset, outcome.matching, reviews=outcome.reviews, refused=outcome.refused, seconds=outcome.seconds)

    persons, links = outcome.matching.persons, {frozenset(link) for link in outcome.matching.links}
    pairs = [
        (
            persons[one.key] == persons[other.key] or frozenset((persons[one.key], persons[other.key])) in links,
            one.resident == other.resident,
        )
        for one, other in combinations(dataset.records, 2)
    ]
    counted = found.automatic
    assert (counted.right, counted.found, counted.true) == (
        pairs.count((True, True)),
        sum(matched for matched, _ in pairs),
        sum(same for _, same in pairs),
    )
    assert found.strangers == Confusion(pairs.count((True, False)), sum(not same for _, same in pairs))
    assert counted.f1 > 0.9
    assert json.loads(json.dumps(found.to_json()))["automatic"]["f1"] == pytest.approx(counted.f1, abs=1e-6)
    told = table([found])
    assert all(word in told for word in ("small", "inside one borough", "twins", "english", "at most one in"))


def test_so_many_pairs_without_a_mistake_prove_so_much() -> None:
    assert [round(bound(seen), 2) for seen in (0, 1, 2, 3, 10)] == [3.0, 4.74, 6.3, 7.75, 16.96]
    assert Confusion(0, 30_000).at_most == pytest.approx(1 / 10_000, rel=0.01)


def test_a_row_of_febrl_becomes_a_record() -> None:
    row = {
        "rec_id": "rec-1-dup-0", "given_name": "", "surname": "waller", "street_number": "6",
        "address_1": "moss street", "address_2": "",
        "suburb": "st james", "postcode": "4011", "state": "wa", "date_of_birth": "19081209",
        "soc_sec_id": "6988048",
    }  # fmt: skip

    assert febrl_record(row) == {
        "family_name": "waller",
        "date_of_birth": "1908-12-09",
        "addresses": [{"lines": ["6 moss street"], "town": "st james", "postcode": "4011"}],
    }
    assert "date_of_birth" not in febrl_record({**row, "date_of_birth": "19081299"})
