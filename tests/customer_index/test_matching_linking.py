"""Persons of two owners are linked as records join persons, and a link holds until it breaks."""

from typing import Any
from uuid import UUID

import pytest

from customer_index.linking import Linking, link
from customer_index.model import load_model
from customer_index.normalise import features
from customer_index.placement import Cluster, Member

MODEL = load_model()
Record = dict[str, Any]
HOME: Record = {"lines": ["12 Acacia Road"], "postcode": "W6 9JT", "uprn": "9999000001"}
PERSON: Record = {
    "given_names": ["Amina"],
    "family_name": "Chowdhury",
    "date_of_birth": "1980-02-13",
    "addresses": [HOME],
}
UNDATED = PERSON | {"date_of_birth": None}


def person(number: int, *records: Record) -> Cluster:
    members = tuple(Member(UUID(int=100 * number + place), features(record)) for place, record in enumerate(records))
    return Cluster(UUID(int=number), members, created=number)


def linked(one: Cluster, *others: Cluster, **options: Any) -> tuple[list[int], list[int]]:
    found = link(one, others=others, model=MODEL, **options)
    return [person_id.int for person_id, _ in found.links], [review.person_id.int for review in found.reviews]


def test_the_best_pair_of_records_links_two_persons() -> None:
    found = link(person(1, {"family_name": "Chowdhury"}, PERSON), others=[person(2, PERSON)], model=MODEL)
    assert [person_id.int for person_id, _ in found.links] == [2]
    assert found.links[0][1].groups >= {"name", "birth"}


def test_any_pair_that_contradicts_stands_against_a_link() -> None:
    assert linked(person(1, PERSON), person(2, PERSON, PERSON | {"date_of_birth": "2005-07-30"})) == ([], [2])


def test_relatives_are_not_linked() -> None:
    twin = PERSON | {"given_names": ["Yasmin"]}
    child = PERSON | {"date_of_birth": "2005-07-30"}
    spouse = PERSON | {"given_names": ["Tariq"], "date_of_birth": "1978-11-02"}
    assert linked(person(1, PERSON), person(2, twin), person(3, child), person(4, spouse))[0] == []


def test_several_persons_of_the_other_owner_may_be_this_one() -> None:
    assert linked(person(1, PERSON), person(2, PERSON), person(3, PERSON)) == ([2, 3], [])


def test_persons_the_other_owner_keeps_apart_go_to_stewards() -> None:
    apart = {frozenset((UUID(int=2), UUID(int=3)))}
    assert linked(person(1, PERSON), person(2, PERSON), person(3, PERSON), apart=apart) == ([], [2, 3])


def test_two_rivals_go_to_stewards() -> None:
    child = PERSON | {"date_of_birth": "2005-07-30"}
    assert linked(person(1, UNDATED), person(2, PERSON), person(3, child)) == ([], [2, 3])


def test_a_ruled_out_relative_is_no_rival_and_no_review() -> None:
    twin = PERSON | {"given_names": ["Yasmin"]}
    assert linked(person(1, PERSON), person(2, PERSON), person(3, twin)) == ([2], [])


@pytest.mark.parametrize("less", [{"given_names": ["A"]}, {"date_of_birth": None}], ids=["forename", "bits"])
def test_an_existing_link_is_kept_where_a_new_one_would_not_be_made(less: Record) -> None:
    weaker = person(2, PERSON | {"addresses": []} | less)
    assert linked(person(1, PERSON), weaker) == ([], [2])
    assert linked(person(1, PERSON), weaker, existing={UUID(int=2)}) == ([2], [])


def test_an_existing_link_breaks_on_a_contradiction_or_below_the_fracture() -> None:
    existing = {UUID(int=2)}
    assert linked(person(1, PERSON), person(2, PERSON | {"given_names": ["Yasmin"]}), existing=existing) == ([], [2])
    assert linked(person(1, PERSON), person(2, {"family_name": "Chowdhury"}), existing=existing) == ([], [])


def test_an_existing_link_survives_a_rival() -> None:
    child = person(3, PERSON | {"date_of_birth": "2005-07-30"})
    assert linked(person(1, UNDATED), person(2, PERSON), child, existing={UUID(int=2)}) == ([2], [3])


def test_what_stewards_denied_and_what_is_empty_is_left_out() -> None:
    assert linked(person(1, PERSON), person(2, PERSON), forbidden={UUID(int=2)}) == ([], [])
    assert linked(person(1, PERSON), person(2)) == ([], [])
    assert link(person(1), others=[person(2, PERSON)], model=MODEL) == Linking((), ())
