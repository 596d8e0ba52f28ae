"""Records of one human being meet, slips and all, and a key tells nothing of categories it is not made of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_index.blocking import KIND_CATEGORIES, MATCHING_KINDS, BlockKey, block_keys, residence_keys
from customer_index.normalise import features
from shared.categories import Category

HOME = {"lines": ["12 Acacia Road"], "postcode": "W6 9JT", "uprn": "9999000001"}
WHOLE: dict[str, Any] = {
    "given_names": ["Amina", "Grace"],
    "family_name": "Okafor-Bello",
    "date_of_birth": "1980-02-03",
    "addresses": [HOME],
    "phones": ["07700 900123"],
    "emails": ["amina@example.org"],
    "nhs_number": "9990000018",
    "national_insurance_number": "GA123456A",
}


def keys_of(record: dict[str, Any]) -> set[BlockKey]:
    return set(block_keys(features(record)))


def kinds_met(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {key.kind for key in keys_of(one) & keys_of(other)}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"given_names": ["Zed"], "family_name": "Quux", "date_of_birth": None}, "national_insurance_number"),
        ({"given_names": ["Okafor Bello"], "family_name": "Amina"}, "birth+names"),
        ({"date_of_birth": "1980-03-02"}, "swapped_birth+surname"),
        ({"family_name": "Smith"}, "birth+forename"),
        ({"given_names": ["Zed"], "family_name": "Okafour"}, "birth+surname"),
        ({"family_name": "Smith", "previous_family_names": ["Okafor"]}, "birth+surname"),
        ({"given_names": ["Ameena"], "date_of_birth": None}, "home+forename"),
        ({"given_names": ["Zed"], "date_of_birth": "1980-11-30"}, "home+birth_year"),
        ({"given_names": ["Zed"], "family_name": "Quux"}, "birth+postcode"),
        ({"date_of_birth": None, "addresses": [{"postcode": "W6 9JT"}]}, "names+postcode"),
        (
            {"given_names": ["Okafor"], "family_name": "Amina", "date_of_birth": None, "addresses": [HOME]},
            "names+postcode",
        ),
        ({"date_of_birth": "1980-11-30", "addresses": []}, "names+birth_year"),
        ({"addresses": [{"lines": ["12 Acacia Rd"], "postcode": "W6 9TJ"}], "date_of_birth": None}, "home+forename"),
    ],
)
def test_records_meet_though_a_value_is_wrong_or_missing(change: dict[str, Any], kind: str) -> None:
    assert kind in kinds_met(WHOLE, WHOLE | change) & MATCHING_KINDS


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"given_names": ["Amina"], "family_name": "Okafor-Bello"}, "names"),
        ({"given_names": ["Amin"], "family_name": "Okafor"}, "surname+forename"),
        ({"family_name": "Bello"}, "surname"),
        ({"given_names": ["Amina"], "date_of_birth": "1980-02-03"}, "birth+forename"),
        ({"date_of_birth": "1980-02-03"}, "birth"),
        ({"addresses": [{"postcode": "w69jt"}]}, "postcode"),
        ({"addresses": [{"uprn": "9999000001"}]}, "home"),
        ({"phones": ["+447700900123"]}, "phone"),
        ({"emails": ["AMINA@example.org"]}, "email"),
        ({"nhs_number": "999 000 0018"}, "nhs_number"),
        ({"national_insurance_number": "ga123456a"}, "national_insurance_number"),
    ],
)
def test_a_search_by_any_one_thing_finds_the_record(asked: dict[str, Any], kind: str) -> None:
    assert kind in kinds_met(WHOLE, asked)


def test_every_key_is_of_a_known_kind_and_fits_a_bigint() -> None:
    found = keys_of(WHOLE)
    assert {key.kind for key in found} == set(KIND_CATEGORIES)
    assert all(-(2**63) <= key.digest < 2**63 for key in found)


def test_digests_are_the_same_on_every_machine_and_day() -> None:
    assert block_keys(features({"nhs_number": "9990000018"})) == [BlockKey("nhs_number", -7486396133959534917)]


def test_keys_of_one_value_differ_by_kind() -> None:
    digests = [key.digest for key in block_keys(features(WHOLE))]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("field", "category"),
    [
        ("given_names", Category.IDENTITY),
        ("family_name", Category.IDENTITY),
        ("date_of_birth", Category.IDENTITY),
        ("addresses", Category.ADDRESS),
        ("phones", Category.CONTACT_DETAILS),
        ("emails", Category.CONTACT_DETAILS),
        ("nhs_number", Category.IDENTIFIERS),
        ("national_insurance_number", Category.IDENTIFIERS),
    ],
)
def test_a_key_that_changes_with_a_field_names_the_category_of_the_field(field: str, category: Category) -> None:
    without = keys_of({name: value for name, value in WHOLE.items() if name != field})
    changed = {key.kind for key in keys_of(WHOLE) - without}
    assert changed
    assert all(category in KIND_CATEGORIES[kind] for kind in changed)


names = st.lists(st.text(alphabet="abcdefghij -", min_size=1, max_size=12), max_size=5)


@given(
    names,
    names,
    st.text(alphabet="klmno -", max_size=20),
    st.lists(st.from_regex(r"W[1-9] [1-9]AA", fullmatch=True), max_size=8),
)
def test_a_record_has_at_most_two_dozen_matching_keys(
    given_names: list[str], former: list[str], family: str, postcodes: list[str]
) -> None:
    record = {
        "given_names": given_names,
        "previous_family_names": former,
        "family_name": family,
        "date_of_birth": "1980-02-03",
        "addresses": [
            HOME | {"postcode": postcode, "uprn": f"9999{place}"} for place, postcode in enumerate(postcodes)
        ],
    }
    assert sum(key.kind in MATCHING_KINDS for key in block_keys(features(record))) <= 24


def test_a_record_that_says_nothing_has_no_keys() -> None:
    assert block_keys(features({})) == []


def test_other_scripts_have_keys_too() -> None:
    assert kinds_met({"family_name": "李"}, {"family_name": "李"}) == {"surname"}


def test_a_home_is_its_uprn_or_else_its_written_address() -> None:
    def homes(*addresses: dict[str, Any]) -> list[BlockKey]:
        return residence_keys(features({"addresses": list(addresses)}))

    assert homes(HOME) == homes(HOME, {"uprn": "9999000001"}) != homes({"uprn": "9999000002"})
    written = {"lines": ["Flat 1", "12 Acacia Rd"], "postcode": "W6 9JT"}
    assert (
        homes(written)
        == homes(written | {"lines": ["Apt 1, 12 Acacia Road"]})
        != homes(written | {"postcode": "W6 9JU"})
    )
    assert homes({"lines": ["Acacia Road"], "postcode": "W6 9JT"}, {"lines": ["12 Acacia Road"]}) == []
    assert len(homes({"lines": ["12 Acacia Road"], "town": "Harrow"})) == 1
