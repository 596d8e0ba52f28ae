"""disclose(): what was not granted does not leave, whatever the row holds."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.categories import (
    AREA_CLASS,
    Category,
    DataClass,
    Form,
    class_of,
    disclose,
    fullest,
    scope_of,
    split_scope,
    strictest,
)

FIELDS = {"name": Category.IDENTITY, "born": Category.IDENTITY, "phone": Category.CONTACT_DETAILS}
BANDS = {"born": lambda born: f"{born}"[:3] + "0s"}
ROW = {"name": "Adaeze", "born": "1984", "phone": "07700 900123", "secret": "secret"}


def told(granted: Mapping[Category, Form], row: Mapping[str, Any] = ROW) -> dict[str, Any]:
    return disclose(row, fields=FIELDS, granted=granted, bands=BANDS)


values = st.none() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2) | st.booleans() | st.integers()
rows = st.dictionaries(st.sampled_from([*FIELDS, "secret", "other"]), values)
grants = st.dictionaries(st.sampled_from(Category), st.sampled_from(Form))


def test_what_is_granted_leaves_in_the_form_granted() -> None:
    known = {Category.EXISTENCE: Form.VALUE}

    assert told(known) == {}
    assert told({**known, Category.IDENTITY: Form.VALUE}) == {"name": "Adaeze", "born": "1984"}
    assert told({**known, Category.IDENTITY: Form.BAND}) == {"name": {"exists": True}, "born": "1980s"}
    assert told({**known, Category.CONTACT_DETAILS: Form.EXISTS}) == {"phone": {"exists": True}}


def test_a_field_that_has_no_category_never_leaves() -> None:
    assert "secret" not in told(dict.fromkeys(Category, Form.VALUE))


def test_absent_and_empty_look_alike_and_false_is_a_value() -> None:
    everything = dict.fromkeys(Category, Form.VALUE)

    empty: list[Any] = [None, "", [], {}]
    for nothing in empty:
        assert told(everything, {"name": nothing}) == {}
        assert told({**everything, Category.IDENTITY: Form.EXISTS}, {"name": nothing}) == {}
    assert told(everything, {"name": False}) == {"name": False}
    assert told(everything, {"name": 0}) == {"name": 0}


@given(rows, grants)
def test_without_existence_nothing_leaves(row: dict[str, Any], granted: dict[Category, Form]) -> None:
    granted.pop(Category.EXISTENCE, None)

    assert told(granted, row) == {}


@given(st.dictionaries(st.sampled_from([*FIELDS, "secret"]), st.text("xyz", min_size=1)), grants)
def test_only_granted_categories_leave_and_only_values_granted_as_values(
    row: dict[str, Any], granted: dict[Category, Form]
) -> None:
    for name, value in told(granted, row).items():
        form = granted[FIELDS[name]]
        assert Category.EXISTENCE in granted
        assert (value == row[name]) == (form is Form.VALUE)
        if form is Form.EXISTS:
            assert value == {"exists": True}


@given(rows, grants, st.sampled_from(Category))
def test_a_category_less_never_tells_more(
    row: dict[str, Any], granted: dict[Category, Form], without: Category
) -> None:
    more = told(granted, row)
    less = told({category: form for category, form in granted.items() if category is not without}, row)

    assert less.items() <= more.items() if all(map(_is_plain, more.values())) else set(less) <= set(more)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, (list, dict))


def test_the_fuller_form_tells_more() -> None:
    assert [fullest(one, other) for one in Form for other in Form] == [
        Form.EXISTS, Form.BAND, Form.VALUE, Form.BAND, Form.BAND, Form.VALUE, Form.VALUE, Form.VALUE, Form.VALUE,
    ]  # fmt: skip


def test_the_stricter_of_area_and_category_is_the_class() -> None:
    assert class_of("housing", Category.IDENTITY) is DataClass.ORDINARY
    assert class_of("housing", Category.ACCESSIBILITY) is DataClass.SPECIAL
    assert class_of("adult-social-care", Category.IDENTITY) is DataClass.SPECIAL
    assert class_of("adult-social-care", Category.MARKERS) is DataClass.CRIMINAL
    assert class_of("childrens-social-care", Category.MARKERS) is DataClass.CHILD
    assert strictest([]) is DataClass.ORDINARY
    assert len(AREA_CLASS) == 13


def test_a_scope_is_taken_apart_as_it_was_made() -> None:
    for area in AREA_CLASS:
        assert split_scope(scope_of("lbhf", area)) == ("lbhf", area)
