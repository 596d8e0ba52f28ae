"""What evidence is found between two records, what it is worth, and what forbids a link."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_index.model import load_model
from customer_index.normalise import Features, features
from customer_index.scoring import ALL_CATEGORIES, Comparison, compare
from shared.categories import Category

MODEL = load_model()
HOME: dict[str, Any] = {
    "lines": ["Flat 2", "12 Acacia Road"],
    "town": "London",
    "postcode": "W6 9JT",
    "uprn": "9999000001",
}
PERSON: dict[str, Any] = {
    "given_names": ["Siobhan"],
    "family_name": "Bhatnagar",
    "date_of_birth": "1980-02-13",
    "gender": "female",
    "addresses": [HOME],
    "phones": ["07700 900123"],
    "emails": ["s@example.org"],
    "nhs_number": "9990000018",
    "national_insurance_number": "GA123456A",
}


def compared(one: dict[str, Any], other: dict[str, Any], **options: Any) -> Comparison:
    return compare(features(one), features(other), model=MODEL, **options)


def level(comparison: str, one: dict[str, Any], other: dict[str, Any]) -> str | None:
    found = compared(one, other)
    assert compared(other, one).level(comparison) == found.level(comparison), "a comparison has no sides"
    return found.level(comparison)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"given_names": ["Amina"]}, {"given_names": ["Amina", "Grace"]}, "exact"),
        ({"given_names": ["Amina", "Grace"]}, {"given_names": ["Amina", "Grace"]}, "full"),
        ({"given_names": ["Amina", "Grace"]}, {"given_names": ["Amina", "Joy"]}, "other_middle"),
        ({"given_names": ["Amina", "Grace"]}, {"given_names": ["Amina", "G"]}, "exact"),
        ({"given_names": ["Amina", "Grace"]}, {"given_names": ["Amina", "Grcae"]}, "exact"),
        ({"given_names": ["Mohammed", "Ali"]}, {"given_names": ["Muhammad", "Hassan"]}, "other_middle"),
        ({"given_names": ["Mohammed"]}, {"given_names": ["Mohammed", "Hassan"]}, "honorific"),
        ({"given_names": ["Mohammed"]}, {"given_names": ["Muhamed"]}, "variant"),
        ({"given_names": ["Xiaoming"]}, {"given_names": ["Xiao", "Ming"]}, "exact"),
        ({"given_names": ["Robert"]}, {"given_names": ["Bob"]}, "nickname"),
        ({"given_names": ["Krzysztof"]}, {"given_names": ["Krzys"]}, "nickname"),
        ({"given_names": ["Emma"]}, {"given_names": ["Emily"]}, "mismatch"),
        ({"given_names": ["Wei"], "known_as": "Kevin"}, {"given_names": ["Kevin"]}, "known_as"),
        ({"known_as": "Kevin"}, {"known_as": "Kevin"}, "known_as"),
        ({"known_as": "Kevin"}, {"given_names": ["Kevin"]}, "known_as"),
        ({"known_as": "Kevin"}, {"given_names": ["Zebedee"]}, "one_missing"),
        ({"known_as": "Kevin"}, {"known_as": "Zeb"}, None),
        ({"given_names": ["Muhammad", "Bilal"]}, {"given_names": ["Bilal"]}, "call_name"),
        ({"given_names": ["Syed", "Bilal"]}, {"given_names": ["Bilal"]}, "call_name"),
        ({"given_names": ["Rajesh", "Anil"]}, {"given_names": ["Anil"]}, "reordered"),
        ({"given_names": ["Jonathan"]}, {"given_names": ["Jonathna"]}, "near"),
        ({"given_names": ["Mohammcd"]}, {"given_names": ["Muhammad"]}, "near"),
        ({"given_names": ["Daniel"]}, {"given_names": ["Danielle"]}, "lookalike"),
        ({"given_names": ["Jean-Baptiste"]}, {"given_names": ["Jean"]}, "short"),
        ({"given_names": ["Thorvald"]}, {"given_names": ["Thorbrand"]}, "similar"),
        ({"given_names": ["Siobhan"]}, {"given_names": ["Zebedee"]}, "mismatch"),
        ({"given_names": ["S"]}, {"given_names": ["Siobhan"]}, "initial"),
        ({"given_names": ["S"]}, {"given_names": ["S"]}, "initial"),
        ({"given_names": ["S"]}, {"given_names": ["Amina"]}, "mismatch"),
        ({"given_names": ["Siobhan"]}, {}, "one_missing"),
        ({}, {}, None),
    ],
)
def test_forenames(one: dict[str, Any], other: dict[str, Any], expected: str | None) -> None:
    assert level("forename", one, other) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"family_name": "O'Brien"}, {"family_name": "OBRIEN"}, "exact"),
        ({"family_name": "Chowdhury"}, {"family_name": "Choudhry"}, "variant"),
        ({"family_name": "Bhatnagar", "previous_family_names": ["Smith"]}, {"family_name": "Smith"}, "former"),
        (
            {"family_name": "Bhatnagar", "previous_family_names": ["Zed"]},
            {"family_name": "Okafor", "previous_family_names": ["Zed"]},
            "former",
        ),
        ({"family_name": "Smith-Jones"}, {"family_name": "Jones"}, "part"),
        ({"family_name": "Garcia Lopez"}, {"family_name": "Lopez Ruiz"}, "part"),
        ({"given_names": ["Yonas", "Haile"], "family_name": "Girma"}, {"family_name": "Haile"}, "part"),
        ({"given_names": ["Harpreet", "Singh"], "family_name": "Gill"}, {"family_name": "Singh"}, "mismatch"),
        ({"family_name": "Bhatnagar"}, {"family_name": "Bhatngar"}, "near"),
        ({"family_name": "Featherstonehaugh"}, {"family_name": "Featherstonhagh"}, "near"),
        ({"family_name": "Bhatnagar"}, {"family_name": "Bhattnager"}, "near"),
        ({"family_name": "Karlsson"}, {"family_name": "Karlstein"}, "similar"),
        ({"family_name": "Bhatnagar"}, {"family_name": "Okafor"}, "mismatch"),
        ({"family_name": "Ng"}, {"family_name": "Ho"}, "mismatch"),
        ({"family_name": "Ng"}, {}, None),
    ],
)
def test_surnames(one: dict[str, Any], other: dict[str, Any], expected: str | None) -> None:
    assert level("surname", one, other) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"given_names": ["Ngozi"], "family_name": "Okafor"}, {"given_names": ["Okafor"], "family_name": "Ngozi"}),
        (
            {"given_names": ["Jose"], "family_name": "Diaz Ruiz"},
            {"given_names": ["Diaz", "Ruiz"], "family_name": "Jose"},
        ),
        ({"given_names": ["Elsa"], "family_name": "van Groesen"}, {"given_names": ["Groesen"], "family_name": "Elsa"}),
    ],
)
def test_names_are_seen_to_be_reversed_only_with_one_birth_date(one: dict[str, Any], other: dict[str, Any]) -> None:
    born = {"date_of_birth": "1980-02-13"}
    assert level("forename", one | born, other | born) == level("surname", one | born, other | born) == "reversed"
    assert level("forename", one, other) == "mismatch"


def test_a_name_without_family_name_is_never_reversed() -> None:
    born = {"date_of_birth": "1980-02-13"}
    assert level("forename", {"given_names": ["Ngozi"]} | born, {"given_names": ["Okafor"]} | born) == "mismatch"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1980-02-13", "1980-02-13", "exact"),
        ("1980-01-01", "1980-01-01", "first_of_january"),
        ("1980-02-03", "1980-03-02", "swapped"),
        ("1980-02-13", "1980-02-14", "near"),
        ("1980-02-13", "1980-12-13", "near"),
        ("1980-02-13", "1970-02-13", "near"),
        ("1980-02-13", "1960-02-13", "mismatch"),
        ("1980-02-13", "1980-02-26", "close"),
        ("1980-02-13", "1977-06-25", "mismatch"),
    ],
)
def test_birth_dates(one: str, other: str, expected: str) -> None:
    assert level("birth", {"date_of_birth": one}, {"date_of_birth": other}) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (HOME, HOME | {"lines": []}, "uprn"),
        (HOME, HOME | {"uprn": "9999000002"}, "postcode"),
        (HOME, HOME | {"uprn": "9999000002", "postcode": "W6 9JX"}, "mismatch"),
        (HOME, HOME | {"uprn": None}, "address"),
        (HOME, HOME | {"uprn": None, "postcode": None}, "address"),
        (HOME, HOME | {"uprn": None, "lines": ["12 Acacia Road"]}, "near"),
        (HOME, HOME | {"uprn": None, "postcode": "W6 9TJ"}, "near"),
        (HOME, HOME | {"uprn": None, "lines": ["Flat 2", "12 Accacia Rd"], "postcode": None}, "near"),
        (HOME, HOME | {"uprn": None, "lines": ["Flat 2", "12 Zed Rd"]}, "near"),
        (HOME, HOME | {"uprn": None, "lines": ["Flat 2", "12 Zed Rd"], "postcode": None}, "mismatch"),
        (HOME, HOME | {"uprn": None, "lines": ["Flat 7", "12 Acacia Road"]}, "postcode"),
        (HOME, {"uprn": "9999000002"}, None),
        ({"lines": ["1 A Way"], "town": "Harrow"}, {"lines": ["2 B Way"], "town": "Harrow"}, "town"),
        ({"lines": ["1 A Way"], "town": "London"}, {"lines": ["2 B Way"], "town": "London"}, "mismatch"),
    ],
)
def test_homes(one: dict[str, Any], other: dict[str, Any], expected: str | None) -> None:
    assert level("residence", {"addresses": [one]}, {"addresses": [other]}) == expected


def test_a_home_of_the_past_counts() -> None:
    moved = {"addresses": [{"uprn": "9999000009"}, HOME | {"to": "2020-01-01"}]}
    assert level("residence", moved, {"addresses": [HOME]}) == "uprn"


def test_a_crowded_home_says_less() -> None:
    weights = [
        compared({"addresses": [HOME]}, {"addresses": [HOME]}, residents={"9999000001": count}).total
        for count in (1, 2, 8, 100, 100_000)
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == 1.0


def test_missing_values_say_nothing() -> None:
    empty = compare(Features(), features(PERSON), model=MODEL)
    assert empty.total == 0.0
    assert [row.comparison for row in empty.waterfall] == ["forename"]
    assert compare(Features(), Features(), model=MODEL).waterfall == ()


def test_the_waterfall_adds_up_to_the_total() -> None:
    found = compared(PERSON, PERSON)
    assert sum(row.weight for row in found.waterfall) == pytest.approx(found.total)
    assert found.groups == {"name", "birth", "household", "identifier"}
    assert found.vetoes == frozenset()
    assert found.probability > 0.9999
    assert found.level("household") == "capped"
    assert found.level("no such comparison") is None


def test_a_household_says_no_more_than_its_cap_however_much_it_shares() -> None:
    shared = {name: PERSON[name] for name in ("family_name", "addresses", "phones", "emails")}
    assert compared(shared, shared).total == MODEL.thresholds.household


def test_a_surname_alone_does_not_make_the_household_a_group() -> None:
    assert compared({"family_name": "Bhatnagar"}, {"family_name": "Bhatnagar"}).groups == frozenset()


def test_a_postcode_in_common_does_not_make_the_household_a_group() -> None:
    area = {"given_names": ["Margaret"], "family_name": "Moore", "addresses": [{"postcode": "W6 9JT"}]}
    assert compared(area, area).groups == {"name"}


def test_a_rare_name_in_common_says_more_than_a_common_one() -> None:
    khan, rare = {"family_name": "Khan"}, {"family_name": "Bhatnagar"}
    assert compared(khan, khan).total < compared(rare, rare).total


@pytest.mark.parametrize(
    ("change", "veto"),
    [
        ({"nhs_number": "9990000026"}, "conflicting_nhs_number"),
        ({"national_insurance_number": "GA123457A"}, "conflicting_national_insurance_number"),
        ({"given_names": ["Zebedee"]}, "twins"),
        ({"given_names": ["Zebedee"], "addresses": []}, "twins"),
        ({"given_names": ["Zebedee"], "family_name": "Quux"}, "twins"),
        ({"date_of_birth": "1950-02-13"}, "parent_and_child"),
    ],
)
def test_each_veto_is_raised_by_what_it_is_named_after(change: dict[str, Any], veto: str) -> None:
    found = compared(PERSON, PERSON | change)
    assert found.vetoes == {veto}
    assert compared(PERSON, PERSON).vetoes == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        {"given_names": ["Zebedee"], "family_name": "Quux", "addresses": []},
        {"date_of_birth": "1950-02-13", "addresses": []},
        {"date_of_birth": None, "given_names": ["Zebedee"]},
        {"given_names": [], "date_of_birth": "1950-02-13"},
        {"date_of_birth": "1970-03-14"},
    ],
)
def test_no_veto_without_its_whole_reason(change: dict[str, Any]) -> None:
    assert compared(PERSON, PERSON | change).vetoes == frozenset()


CATEGORY_ROWS = {
    Category.IDENTITY: {"forename", "surname", "birth", "gender"},
    Category.IDENTIFIERS: {"nhs_number", "national_insurance_number"},
    Category.ADDRESS: {"residence"},
    Category.CONTACT_DETAILS: {"phone", "email"},
}


@given(st.frozensets(st.sampled_from(list(Category))))
def test_a_category_left_out_has_no_row(categories: frozenset[Category]) -> None:
    rows = {row.comparison for row in compared(PERSON, PERSON, categories=categories).waterfall} - {"household"}
    assert rows == set().union(*(CATEGORY_ROWS.get(category, set()) for category in categories))


def test_a_search_without_identity_raises_no_veto_of_identity() -> None:
    twin = PERSON | {"given_names": ["Zebedee"]}
    assert compared(PERSON, twin, categories=frozenset({Category.ADDRESS})).vetoes == frozenset()


words = st.sampled_from(["Amina", "Ameena", "Mohammed Ali", "Robert", "Bob", "Khan", "Smith-Jones", "unknown", "J"])
records = st.fixed_dictionaries(
    {},
    optional={
        "given_names": st.lists(words, max_size=3),
        "family_name": words,
        "known_as": words,
        "previous_family_names": st.lists(words, max_size=2),
        "date_of_birth": st.sampled_from(["1980-02-03", "1980-03-02", "1950-02-03", "1980-01-01"]),
        "addresses": st.lists(st.sampled_from([HOME, HOME | {"uprn": None}, {"postcode": "W6 9JT"}]), max_size=2),
        "phones": st.lists(st.sampled_from(["07700900123", "07700900124"]), max_size=2),
    },
)


@given(records, records)
def test_a_comparison_is_the_same_from_both_sides(one: dict[str, Any], other: dict[str, Any]) -> None:
    there, back = compared(one, other), compared(other, one)
    assert there.total == pytest.approx(back.total)
    assert there.vetoes == back.vetoes
    assert there.groups == back.groups


def test_a_brother_and_a_sister_born_on_one_day_are_not_one_for_nearly_one_name() -> None:
    paolo = {**PERSON, "given_names": ["Paolo"], "gender": "male"}
    paola = {**PERSON, "given_names": ["Paola"], "gender": "female"}

    assert "twins" in compared(paolo, paola).vetoes
    assert not compared(paolo, {**paola, "gender": None}).vetoes, "a slip of the pen, where nothing says otherwise"


def test_nobody_relates_to_himself() -> None:
    one, other = features(PERSON), features(PERSON)
    said = [replace(one, named=1, relates=(2,)), replace(other, named=2)]

    for left, right in (said, reversed(said)):
        assert compare(left, right, model=MODEL).vetoes == {"related"}
    without = ALL_CATEGORIES - {Category.HOUSEHOLD}
    assert not compare(*said, model=MODEL, categories=without).vetoes, "two owners may have one name for two records"
    assert not compare(replace(one, named=0), replace(other, relates=(0,)), model=MODEL).vetoes
