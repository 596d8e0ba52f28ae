"""Fields of a record: each belongs to a category, and what a band makes of a value cannot be turned back."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_index.fields import FIELDS, bands
from customer_index.schemas import NewRecord
from shared.categories import Category
from tests.customer_index import canaries

TODAY = date(2026, 7, 1)


def test_every_field_of_a_record_has_a_category_and_none_is_invented() -> None:
    assert set(FIELDS) == set(NewRecord.model_fields) - {"verification"}


def test_each_field_is_in_the_category_the_glossary_says() -> None:
    for category, names in canaries.FIELDS_OF.items():
        for name in names:
            assert FIELDS[name] is category, name
    assert FIELDS["observed_at"] is Category.IDENTITY


@pytest.mark.parametrize(
    ("born", "band"),
    [
        ("2026-06-30", "0-9"),
        ("2016-07-02", "0-9"),
        ("2016-07-01", "10-19"),
        ("1984-03-09", "40-49"),
        ("1926-07-01", "100-109"),
        ("2030-01-01", "0-9"),
    ],
)
def test_an_age_is_told_in_ten_years(born: str, band: str) -> None:
    assert bands(TODAY)["date_of_birth"](born) == band


@given(st.dates(date(1900, 1, 1), TODAY))
def test_a_band_holds_the_age_and_nothing_finer(born: date) -> None:
    low, high = map(int, bands(TODAY)["date_of_birth"](born.isoformat()).split("-"))

    assert low <= (TODAY - born).days / 365.2425 + 0.01 < high + 1.02
    assert (low % 10, high - low) == (0, 9)


def test_of_a_death_the_year_is_told() -> None:
    assert bands(TODAY)["date_of_death"]("2026-02-17") == "2026"


def test_of_addresses_the_outward_codes_are_told_each_once() -> None:
    addresses = [{"postcode": "w6 9zy"}, {"postcode": "W69ZZ", "lines": ["7 Rise"]}, {"postcode": "NW10 1AA"}, {}]

    assert bands(TODAY)["addresses"](addresses) == [{"postcode": "W6"}, {"postcode": "NW10"}]
    assert bands(TODAY)["addresses"]([{"postcode": "nowhere"}, {"lines": ["7 Rise"]}]) == {"exists": True}
