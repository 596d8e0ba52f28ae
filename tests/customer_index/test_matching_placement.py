"""A record joins one person for good reasons, or waits for a steward, or is somebody new; whatever came first."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_index.model import load_model
from customer_index.normalise import features
from customer_index.placement import Cluster, Member, Placement, contradicts, is_sufficient, place, rederive, stays
from customer_index.scoring import compare

MODEL = load_model()
Record = dict[str, Any]
HOME: Record = {"lines": ["12 Acacia Road"], "postcode": "W6 9JT", "uprn": "9999000001"}
ELSEWHERE: Record = {"lines": ["7 Zed Street"], "postcode": "NW1 1AA", "uprn": "9999000002"}
PERSON: Record = {
    "given_names": ["Amina"],
    "family_name": "Chowdhury",
    "date_of_birth": "1980-02-13",
    "addresses": [HOME],
    "phones": ["07700 900123"],
    "emails": ["family@example.org"],
}


def member(number: int, record: Record) -> Member:
    return Member(UUID(int=number), features(record))


def person(number: int, *records: Record) -> Cluster:
    members = tuple(member(100 * number + place, record) for place, record in enumerate(records))
    return Cluster(UUID(int=number), members, created=number)


def placed(record: Record, *clusters: Cluster, **options: Any) -> Placement:
    return place(features(record), clusters=clusters, model=MODEL, **options)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"addresses": [ELSEWHERE], "phones": ["07700 900999"], "emails": ["new@example.org"]},
        {"given_names": ["Aminaa"]},
        {"given_names": ["Ameena"]},
        {"family_name": "Choudhry"},
        {"family_name": "Smith"},
        {"date_of_birth": "1980-02-18"},
        {"date_of_birth": "1980-12-13"},
        {"date_of_birth": None},
        {"addresses": []},
        {"given_names": ["Chowdhury"], "family_name": "Amina"},
        {"given_names": []},
        {"given_names": ["Amina", "Begum"], "title": "Mrs"},
    ],
)
def test_one_person_with_one_thing_changed_joins(change: Record) -> None:
    found = placed(PERSON | change, person(1, PERSON))
    assert found.joined == UUID(int=1)
    assert found.reviews == ()
    assert found.explanation is not None
    assert found.explanation.total >= MODEL.thresholds.join


@pytest.mark.parametrize(
    "relative",
    [
        pytest.param({"given_names": ["Yasmin"]}, id="twin"),
        pytest.param({"given_names": ["Amira"]}, id="twin with a similar name"),
        pytest.param({"given_names": ["Ami"]}, id="twin whose name is the beginning of the other's"),
        pytest.param({"given_names": ["Yasmin", "Amina"]}, id="twin whose second name is the other's first"),
        pytest.param({"given_names": ["Amina"], "date_of_birth": "2005-02-13"}, id="child of the same name"),
        pytest.param({"given_names": ["Amina"], "date_of_birth": "1950-07-30"}, id="parent of the same name"),
        pytest.param({"given_names": ["Tariq"], "date_of_birth": "1978-11-02", "gender": "male"}, id="spouse"),
        pytest.param({"given_names": ["Sana"], "date_of_birth": "1982-02-13"}, id="sibling"),
        pytest.param({"given_names": ["Aminah"], "date_of_birth": "1983-06-30"}, id="sibling, spelt alike"),
        pytest.param({"given_names": ["Ameena"], "date_of_birth": None}, id="sibling, spelt alike, without birth date"),
        pytest.param({"given_names": ["Sana"], "date_of_birth": None}, id="sibling without birth date"),
        pytest.param({"given_names": [], "date_of_birth": None}, id="someone of the family"),
        pytest.param(
            {"given_names": ["Zoe"], "family_name": "Lee", "date_of_birth": "1981-05-06", "emails": []}, id="flatmate"
        ),
        pytest.param(
            {"date_of_birth": "1961-08-30", "addresses": [ELSEWHERE], "phones": [], "emails": []}, id="namesake"
        ),
        pytest.param(
            {"date_of_birth": None, "addresses": [ELSEWHERE], "phones": [], "emails": []}, id="namesake, no birth date"
        ),
    ],
)
def test_the_nearest_strangers_never_join(relative: Record) -> None:
    found = placed(PERSON | relative, person(1, PERSON))
    assert found.joined is None
    assert found.merged == ()
    assert found.explanation is None


def test_two_records_without_forenames_may_be_twins_and_wait() -> None:
    baby = PERSON | {"given_names": ["Baby"]}
    found = placed(baby, person(1, baby))
    assert found.joined is None
    assert [one.person_id for one in found.reviews] == [UUID(int=1)]


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("nhs_number", "9990000018", "9990000026"),
        ("national_insurance_number", "GA123456A", "GA654321B"),
    ],
)
def test_conflicting_identifiers_go_to_a_steward(field: str, one: str, other: str) -> None:
    found = placed(PERSON | {field: one}, person(1, PERSON | {field: other}))
    assert found.joined is None
    assert [review.comparison.vetoes for review in found.reviews] == [frozenset({f"conflicting_{field}"})]


def test_a_relative_with_a_borrowed_identifier_does_not_join() -> None:
    number = {"national_insurance_number": "GA123456A"}
    child = PERSON | number | {"given_names": ["Sana"], "date_of_birth": "2005-06-07"}
    assert placed(child, person(1, PERSON | number)).joined is None


def test_two_groups_are_needed_however_high_the_total() -> None:
    alone = {"nhs_number": "9990000018", "national_insurance_number": "GA123456A"}
    found = placed(alone, person(1, alone))
    assert found.joined is None
    assert found.reviews[0].comparison.total > MODEL.thresholds.join


def test_a_steward_who_said_no_is_not_asked_again() -> None:
    assert placed(PERSON, person(1, PERSON), forbidden={UUID(int=1)}) == Placement(None, (), (), None)


def test_nobody_is_a_new_person() -> None:
    assert placed(PERSON) == placed(PERSON, Cluster(UUID(int=1), (), 1)) == Placement(None, (), (), None)


def test_a_member_that_cannot_be_the_same_keeps_the_record_out() -> None:
    undated = PERSON | {"date_of_birth": None}
    found = placed(PERSON | {"date_of_birth": "2001-09-30"}, person(1, undated, PERSON))
    assert found.joined is None
    assert [one.person_id for one in found.reviews] == [UUID(int=1)]


def test_without_a_lead_over_the_runner_up_a_steward_decides() -> None:
    parent, child = person(1, PERSON), person(2, PERSON | {"date_of_birth": "2005-07-30"})
    found = placed(PERSON | {"date_of_birth": None}, parent, child)
    assert found.joined is None
    assert {one.person_id for one in found.reviews} == {UUID(int=1), UUID(int=2)}


def test_a_runner_up_that_the_record_rules_out_is_no_rival() -> None:
    child = person(2, PERSON | {"date_of_birth": "2005-07-30"})
    found = placed(PERSON, person(1, PERSON), child)
    assert found.joined == UUID(int=1)
    assert found.reviews == ()


def test_a_record_that_proves_two_persons_one_merges_them_into_the_older() -> None:
    number = {"nhs_number": "9990000018"}
    before = person(5, PERSON | {"date_of_birth": None, "addresses": [ELSEWHERE], "phones": [], "emails": []} | number)
    now = person(3, PERSON)
    found = placed(PERSON | number, before, now)
    assert found.joined == UUID(int=3)
    assert found.merged == (UUID(int=5),)
    assert found.reviews == ()


def test_persons_a_steward_keeps_apart_are_never_merged() -> None:
    apart = {frozenset((UUID(int=1), UUID(int=2)))}
    found = placed(PERSON, person(1, PERSON), person(2, PERSON), apart=apart)
    assert found.joined is None
    assert found.merged == ()
    assert len(found.reviews) == 2


def test_a_likely_person_beside_the_one_joined_is_reviewed() -> None:
    unsure = PERSON | {"given_names": ["A"], "date_of_birth": None, "nhs_number": "9990000018"}
    found = placed(
        PERSON | {"nhs_number": "9990000018"}, person(1, PERSON | {"nhs_number": "9990000018"}), person(2, unsure)
    )
    assert found.joined == UUID(int=1)
    assert [one.person_id for one in found.reviews] == [UUID(int=2)]


def test_a_crowded_home_is_weaker_evidence() -> None:
    undated = {"given_names": ["Mohammed"], "family_name": "Khan", "addresses": [{"uprn": "9999000001"}]}
    alone = compare(features(undated), features(undated), model=MODEL, residents={"9999000001": 1})
    crowded = compare(features(undated), features(undated), model=MODEL, residents={"9999000001": 300})
    assert is_sufficient(alone, model=MODEL)
    assert not is_sufficient(crowded, model=MODEL)


def test_a_birth_date_may_differ_where_an_identifier_agrees() -> None:
    number = {"nhs_number": "9990000018"}
    late = PERSON | {"date_of_birth": "1984-07-30"}
    without = compare(features(PERSON), features(late), model=MODEL)
    with_number = compare(features(PERSON | number), features(late | number), model=MODEL)
    assert contradicts(without, model=MODEL)
    assert not contradicts(with_number, model=MODEL)


def test_a_plainly_negative_total_contradicts() -> None:
    other = {"given_names": ["Zoe"], "family_name": "Lee"}
    assert contradicts(compare(features(PERSON), features(other), model=MODEL), model=MODEL)


def grouped(members: list[Member], **options: Any) -> list[list[int]]:
    return [[one.record_id.int for one in part] for part in rederive(members, model=MODEL, **options)]


TWIN = PERSON | {"given_names": ["Yasmin"]}
NAMELESS = PERSON | {"given_names": []}


def test_a_person_falls_apart_where_nothing_holds_it_together() -> None:
    stranger = {"given_names": ["Zoe"], "family_name": "Lee", "date_of_birth": "1981-05-06"}
    members = [member(3, PERSON), member(1, stranger), member(2, PERSON)]
    assert grouped(members) == [[1], [2, 3]]
    assert grouped([]) == []


def test_parts_never_grow_over_a_veto() -> None:
    members = [member(1, PERSON), member(2, NAMELESS), member(3, TWIN)]
    parts = {tuple(map(tuple, grouped(list(order)))) for order in permutations(members)}
    assert len(parts) == 1
    assert not any({1, 3} <= set(part) for part in parts.pop())


def test_a_stewards_word_binds_the_parts() -> None:
    twins = [member(1, PERSON), member(2, TWIN)]
    pair = frozenset((UUID(int=1), UUID(int=2)))
    assert grouped(twins) == [[1], [2]]
    assert grouped(twins, bound={pair}) == [[1, 2]]
    assert grouped([member(1, PERSON), member(2, PERSON)], apart={pair}) == [[1], [2]]


def test_a_corrected_record_stays_until_it_fractures() -> None:
    def kept(change: Record, *others: Record) -> bool:
        members = [member(place, record) for place, record in enumerate(others)]
        return stays(features(PERSON | change), others=members, model=MODEL)

    weaker = {"given_names": ["A"], "addresses": []}
    names_alone: Record = {"date_of_birth": None, "addresses": [], "phones": [], "emails": []}
    for change in (weaker, names_alone):
        assert placed(PERSON | change, person(1, PERSON)).joined is None
        assert kept(change, PERSON)
        assert grouped([member(1, PERSON), member(2, PERSON | change)]) == [[1, 2]]
    assert kept({}, *())
    assert not kept({"given_names": ["Yasmin"]}, PERSON)
    assert not kept({"given_names": ["Zoe"], "family_name": "Lee", "date_of_birth": None, "addresses": []}, PERSON)


FAMILY = {
    "amina": PERSON,
    "tariq": PERSON | {"given_names": ["Tariq"], "date_of_birth": "1977-11-24", "gender": "male"},
    "twin one": PERSON | {"given_names": ["Sana"], "date_of_birth": "2010-06-17"},
    "twin two": PERSON | {"given_names": ["Hafsa"], "date_of_birth": "2010-06-17"},
    "neighbour": {
        "given_names": ["Zoe"],
        "family_name": "Lee",
        "date_of_birth": "1981-05-06",
        "addresses": [ELSEWHERE],
    },
}
CHANGES: tuple[Record, ...] = ({}, {"addresses": [ELSEWHERE]}, {"phones": [], "emails": []}, {"title": "Dr"})


ARRIVALS = tuple((name, FAMILY[name] | change) for name in FAMILY for change in CHANGES)


@settings(deadline=None)
@given(st.permutations(ARRIVALS))
def test_a_small_world_comes_out_the_same_in_whatever_order_it_arrives(arrivals: list[tuple[str, Record]]) -> None:
    clusters: dict[UUID, Cluster] = {}
    truth: dict[UUID, set[str]] = {}
    for place_, (name, record) in enumerate(arrivals, start=1):
        found = placed(record, *clusters.values())
        joined = clusters.get(found.joined) if found.joined else None
        members = [member(place_, record)]
        home = joined or Cluster(UUID(int=place_), (), place_)
        for merged in found.merged:
            members += clusters.pop(merged).members
            truth[home.person_id] |= truth.pop(merged)
        clusters[home.person_id] = Cluster(home.person_id, (*home.members, *members), home.created)
        truth.setdefault(home.person_id, set()).add(name)
    assert sorted(truth.values(), key=sorted) == sorted(({name} for name in FAMILY), key=sorted)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Vanderhoven", "Vanderlinden"), ("Harris", "Harrison"), ("Vanderhoven", "Okonjo")],
)
def test_a_rare_forename_and_a_birth_date_do_not_make_one_person_of_two_surnames(one: str, other: str) -> None:
    first: Record = {"given_names": ["Greta"], "family_name": one, "date_of_birth": "1961-05-17"}
    second = {**first, "family_name": other}

    assert placed(second, person(1, first)).joined is None
    at_home = {"addresses": [HOME], "phones": ["07700 900123"]}
    assert placed({**first, **at_home}, person(1, {**first, **at_home})).joined == UUID(int=1)
    slip = {**first, "family_name": one + one[-1]}
    assert placed(slip, person(1, first)).joined == UUID(int=1), "a slip of the pen"
