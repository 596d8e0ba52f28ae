"""Two ways of writing one thing become one; what only fills a field becomes nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_index.addresses import premises
from customer_index.names import family_parts, family_words, fold, given_words, in_telling_order
from customer_index.normalise import Features, Residence, features


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  O'Brien ", "obrien"),
        ("Smith-Jones", "smith jones"),
        ("Żółć", "zolc"),
        ("Großmann", "grossmann"),
        ("İLKER", "ilker"),
        ("Søren Æbelø", "soren aebelo"),
        ("李 小龍", "李 小龍"),
        ("Nguyễn Thị", "nguyen thi"),
        ("", ""),
    ],
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_normalising_a_name_twice_is_normalising_it_once(text: str) -> None:
    words = given_words(text)
    assert in_telling_order(in_telling_order(words)) == in_telling_order(words)
    once = features({"given_names": [text], "family_name": text})
    again = features({"given_names": list(once.given), "family_name": once.family})
    assert again.given == features({"given_names": list(again.given)}).given
    assert again.family == features({"family_name": again.family}).family


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mrs Anne-Marie", ("annemarie",)),
        ("Dr. John Paul", ("john", "paul")),
        ("Imam", ("imam",)),
        ("Sheikh Ali", ("ali",)),
        ("Baby 2", ()),
        ("not known", ()),
        ("UNKNOWN", ()),
        ("Mr", ()),
    ],
)
def test_given_names_lose_titles_and_fillers(text: str, words: tuple[str, ...]) -> None:
    assert given_words(text) == words


@pytest.mark.parametrize(
    ("text", "words", "parts"),
    [
        ("van der Berg", ("van", "der", "berg"), ("berg",)),
        ("Al-Hassan", ("al", "hassan"), ("hassan",)),
        ("Smith Jones MBE", ("smith", "jones"), ("smith", "jones")),
        ("Child", ("child",), ()),
        ("Unknown", (), ()),
        ("Junior", ("junior",), ()),
    ],
)
def test_family_names_are_kept_and_split(text: str, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    assert family_words(text) == words
    assert family_parts(words) == parts


def test_a_word_half_a_community_bears_stands_behind_the_telling_one() -> None:
    assert features({"given_names": ["Thị", "Lan"]}).given == ("lan", "thi")
    assert features({"given_names": ["Thị"]}).given == ("thi",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Flat 3, 12 Acacia Rd",), ("3/12 Acacia Road",)),
        (("12 Acacia Road", "Flat 3"), ("Apt 3", "12 Acacia Rd.")),
        (("12C Acacia Road",), ("Flat C", "12 Acacia Road")),
        (("Flat No 3, 12 Acacia Road",), ("Unit 3 12 Acacia Road",)),
        (("7 St John's Ave",), ("7 Saint Johns Avenue",)),
        (("7 High St",), ("7 High Street",)),
    ],
)
def test_one_address_written_two_ways_is_one(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert premises(one) == premises(other)
    assert premises(one).number


def test_a_second_number_belongs_to_the_street() -> None:
    assert premises(("12-14 High Street",)).street == "14 high street"


RECORD: dict[str, Any] = {
    "given_names": ["Mr Yusuf", "Ali", "Ali"],
    "family_name": "Al-Hassan",
    "previous_family_names": ["Smith Jones"],
    "known_as": "Joe",
    "date_of_birth": "1980-02-29",
    "gender": "male",
    "nhs_number": "999 000 0018",
    "national_insurance_number": "GA123456A",
    "addresses": [
        {
            "lines": ["Flat 3", "12 Acacia Rd"],
            "town": "London",
            "postcode": "w69jt",
            "uprn": "9999000001",
            "from": "2020-01-01",
        },
        {"lines": ["1 Old St"], "to": "2019-12-31"},
        {"postcode": "nowhere"},
    ],
    "phones": ["07700 900123", "+44 7700 900123", "12"],
    "emails": ["Joe@Example.org"],
}


def test_a_record_becomes_its_comparable_values() -> None:
    assert features(RECORD) == Features(
        given=("yusuf", "ali"),
        known_as="joe",
        family="alhassan",
        family_parts=("hassan",),
        former=("smithjones", "smith", "jones"),
        born="1980-02-29",
        gender="male",
        nhs_number="9990000018",
        national_insurance_number="GA123456A",
        residences=(
            Residence("9999000001", "W6 9JT", "3", "12", "acacia road", "london", "2020-01-01", "", True),
            Residence(number="1", street="old street", end="2019-12-31", current=False),
        ),
        phones=("+447700900123",),
        emails=("joe@example.org",),
    )


def test_what_matching_may_not_use_is_not_there() -> None:
    bad = {
        "given_names": ["unknown"],
        "date_of_birth": "1900-01-01",
        "gender": "unknown",
        "nhs_number": "9990000019",
        "national_insurance_number": "QQ123456C",
        "phones": ["x"],
        "emails": ["none@example.org"],
        "addresses": [{"use": "former"}],
    }
    assert features(bad) == features({}) == Features()


def test_features_survive_storage() -> None:
    found = features(RECORD)
    assert Features.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert Features().to_json() == {}
