"""What is doubtful is said by its place and kept; what cannot be anybody is refused."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_index.formats import (
    parse_any_phone,
    parse_birth,
    parse_date,
    parse_email,
    parse_phone,
    parse_postcode,
    parse_uprn,
)
from customer_index.validity import check, is_nameable, is_national_insurance_number, is_nhs_number

TODAY = date(2026, 6, 1)


def pointers(record: dict[str, Any]) -> list[str]:
    return [warning.pointer for warning in check(record, at=TODAY)]


def test_a_sound_record_has_no_warnings() -> None:
    assert (
        pointers(
            {
                "given_names": ["Amina", "Grace"],
                "family_name": "Okafor",
                "previous_family_names": ["Bello"],
                "known_as": "Mina",
                "date_of_birth": "1980-02-29",
                "date_of_death": "2020-01-01",
                "gender": "female",
                "nhs_number": "999 000 0018",
                "national_insurance_number": "GA 12 34 56 A",
                "addresses": [
                    {
                        "postcode": "w6 9jt",
                        "uprn": "9999000001",
                        "from": "2010-01-01",
                        "to": "2010-01-01",
                        "use": "home",
                    }
                ],
                "phones": ["07700 900123"],
                "emails": ["amina@example.org"],
                "preferred_channel": "post",
                "preferred_language": "zh-Hant-HK",
                "accessibility_needs": ["bsl"],
                "relationships": [{"kind": "spouse", "local_id": "1"}],
                "markers": [{"kind": "visit-in-pairs", "from": "2024-01-01", "until": "2025-01-01"}],
            }
        )
        == []
    )


@pytest.mark.parametrize(
    ("record", "pointer"),
    [
        ({"given_names": ["Ann", "unknown"]}, "/given_names/1"),
        ({"family_name": "N/A"}, "/family_name"),
        ({"known_as": "Mrs"}, "/known_as"),
        ({"previous_family_names": ["xxx"]}, "/previous_family_names/0"),
        ({"gender": "f"}, "/gender"),
        ({"nhs_number": "9990000019"}, "/nhs_number"),
        ({"national_insurance_number": "BG123456A"}, "/national_insurance_number"),
        ({"date_of_birth": "31/12/1980"}, "/date_of_birth"),
        ({"date_of_birth": "1981-02-29"}, "/date_of_birth"),
        ({"date_of_birth": "1900-01-01"}, "/date_of_birth"),
        ({"date_of_birth": "1874-12-31"}, "/date_of_birth"),
        ({"date_of_birth": "2026-06-02"}, "/date_of_birth"),
        ({"date_of_death": "2027-01-01"}, "/date_of_death"),
        ({"date_of_birth": "1980-01-02", "date_of_death": "1980-01-01"}, "/date_of_death"),
        ({"addresses": [{}, {"postcode": "4070"}]}, "/addresses/1/postcode"),
        ({"addresses": [{"uprn": "1234567890123"}]}, "/addresses/0/uprn"),
        ({"addresses": [{"uprn": "000"}]}, "/addresses/0/uprn"),
        ({"addresses": [{"from": "soon"}]}, "/addresses/0/from"),
        ({"addresses": [{"from": "2020-01-02", "to": "2020-01-01"}]}, "/addresses/0/to"),
        ({"addresses": [{"use": "castle"}]}, "/addresses/0/use"),
        ({"phones": ["07700 900123", "12"]}, "/phones/1"),
        ({"emails": ["nobody"]}, "/emails/0"),
        ({"preferred_channel": "pigeon"}, "/preferred_channel"),
        ({"preferred_language": "English, please"}, "/preferred_language"),
        ({"accessibility_needs": ["bsl", "cake"]}, "/accessibility_needs/1"),
        ({"relationships": [{"kind": "nemesis"}]}, "/relationships/0/kind"),
        ({"markers": [{"kind": "moody"}]}, "/markers/0/kind"),
        ({"markers": [{"kind": "other", "from": "2020-01-02", "until": "2020-01-01"}]}, "/markers/0/until"),
    ],
)
def test_each_doubtful_value_is_named_by_its_place(record: dict[str, Any], pointer: str) -> None:
    assert pointers(record) == [pointer]


@given(st.text(alphabet="qQ€7", min_size=6, max_size=12))
def test_a_warning_never_repeats_the_value(text: str) -> None:
    record = {
        "date_of_birth": text,
        "nhs_number": text,
        "phones": [text],
        "addresses": [{"use": text, "postcode": text}],
    }
    assert all(text not in warning.detail for warning in check(record))


def test_a_birth_is_judged_against_today_where_no_day_is_given() -> None:
    assert [warning.pointer for warning in check({"date_of_birth": "9000-01-01"})] == ["/date_of_birth"]
    assert parse_birth("9000-01-01") is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("9990000018", True),
        ("999-000-0018", True),
        ("999 0000018", False),
        ("9990000019", False),
        ("0000000000", False),
        ("999000001", False),
        ("٩٩٩٠٠٠٠٠١٨", False),
    ],
)
def test_an_nhs_number_needs_ten_digits_and_their_check_digit(text: str, valid: bool) -> None:
    assert is_nhs_number(text) is valid


@given(st.integers(0, 999_998))
def test_at_most_one_check_digit_makes_an_nhs_number(body: int) -> None:
    valid = [check for check in range(10) if is_nhs_number(f"999{body:06d}{check}")]
    total = sum(int(figure) * weight for figure, weight in zip(f"999{body:06d}", range(10, 1, -1), strict=True))
    expected = (11 - total % 11) % 11
    assert valid == ([] if expected == 10 else [expected])


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("GA123456A", True),
        ("ga 12 34 56 d", True),
        ("GA123456E", False),
        ("GA123456", False),
        ("DA123456A", False),
        ("AO123456A", False),
        ("GB123456A", False),
        ("NK123456A", False),
        ("TN123456A", False),
        ("ZZ123456A", False),
    ],
)
def test_a_national_insurance_number_follows_the_rule_of_the_department(text: str, valid: bool) -> None:
    assert is_national_insurance_number(text) is valid


@pytest.mark.parametrize(
    ("record", "nameable"),
    [
        ({"given_names": ["Ann"]}, True),
        ({"family_name": "Begum"}, True),
        ({"known_as": "Bob"}, True),
        ({"previous_family_names": ["Smith"]}, True),
        ({"nhs_number": "9990000018"}, True),
        ({"national_insurance_number": "GA123456A"}, True),
        ({"nhs_number": "9990000019", "family_name": "Unknown", "given_names": ["Baby"]}, False),
        ({"emails": ["someone@example.org"], "date_of_birth": "1980-01-01"}, False),
        ({}, False),
    ],
)
def test_a_record_needs_one_usable_name_or_identifier(record: dict[str, Any], nameable: bool) -> None:
    assert is_nameable(record) is nameable


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("07700 900123", "+447700900123"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("0044 7700 900 123", "+447700900123"),
        ("(020) 7946-0123", "+442079460123"),
        ("+33 1 99 00 12 34", "+33199001234"),
        ("07000 000000", None),
        ("no phone", None),
        ("123", None),
    ],
)
def test_phones_come_out_in_e164(text: str, number: str | None) -> None:
    assert parse_phone(text) == number


@given(
    st.sampled_from(("0", "+44", "0044", "+44 ", "00 44 ")),
    st.from_regex(r"[1237][0-9]{2,3}[ .-]?[0-9]{3}[ ]?[0-9]{3,4}", fullmatch=True),
)
def test_the_fast_way_of_reading_a_phone_equals_the_library(prefix: str, rest: str) -> None:
    text = prefix + rest
    quick = parse_phone(text)
    assert quick in (parse_any_phone(text), None)
    assert parse_phone(quick or "x") == quick


@pytest.mark.parametrize(
    ("text", "postcode"),
    [
        ("W69JT", "W6 9JT"),
        (" sw1a-2aa ", "SW1A 2AA"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("GIR 0AA", "GIR 0AA"),
        ("W6", None),
        ("4070", None),
        ("W6 9CT", None),
    ],
)
def test_postcodes_come_out_as_outward_and_inward_code(text: str, postcode: str | None) -> None:
    assert parse_postcode(text) == postcode


def test_uprns_lose_their_leading_zeros() -> None:
    assert parse_uprn(" 009999000001 ") == "9999000001"
    assert parse_uprn("99A") is None


@pytest.mark.parametrize(
    ("text", "email"),
    [
        (" Ann@Example.ORG ", "ann@example.org"),
        ("noemail@example.org", None),
        ("ann@example", None),
        ("ann example@example.org", None),
    ],
)
def test_emails_are_lowered_and_fillers_dropped(text: str, email: str | None) -> None:
    assert parse_email(text) == email


@pytest.mark.parametrize("text", ["2020-W01-1", "2020-1-1", "1/2/2020", "", "٢٠٢٠-٠١-٠١"])
def test_only_calendar_dates_are_read(text: str) -> None:
    assert parse_date(text) is None


def test_a_date_may_come_without_hyphens() -> None:
    assert parse_date("19800229") == date(1980, 2, 29)
