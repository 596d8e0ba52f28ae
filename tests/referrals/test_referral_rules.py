"""The pure rules beside the states: clocks, and payloads narrowed by a later decision."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from referrals.clock import Due, Promise, due_from, paused
from referrals.payload import Entry, discloses, granted_now, values
from shared.categories import Category, Form, Scope

AT = datetime(2026, 7, 1, 9, tzinfo=UTC)
SCOPES = tuple(map(Scope, ("lbhf/housing", "lbhf/benefits", "lbhf/education:child")))
FORMS = ["exists", "band", "value"]

forms = st.sampled_from(Form)
categories = st.sampled_from([Category.IDENTITY, Category.ADDRESS, Category.CONTACT_DETAILS])
entries = st.lists(
    st.builds(
        Entry,
        field=st.sampled_from(["phones", "addresses", "family_name"]),
        category=categories,
        scope=st.sampled_from(SCOPES),
        form=forms,
        value=st.integers().map(lambda number: f"value-{number}"),
    ),
    max_size=12,
)
grants = st.dictionaries(
    st.sampled_from(SCOPES), st.dictionaries(st.one_of(categories, st.just(Category.EXISTENCE)), forms)
)


@given(frozen=entries, granted=grants)
def test_a_payload_tells_no_more_than_was_frozen_and_no_more_than_is_granted_now(
    frozen: list[Entry], granted: dict[Scope, dict[Category, Form]]
) -> None:
    told = granted_now(frozen, granted)

    kept = []
    for entry in frozen:
        now = granted.get(entry.scope, {})
        if "existence" in now and entry.category in now:
            lesser = min(FORMS.index(entry.form), FORMS.index(now[entry.category]))
            kept.append(
                (entry.field, entry.scope, entry.value if lesser == FORMS.index(entry.form) else {"exists": True})
            )
    assert [(entry.field, entry.scope, entry.value) for entry in told] == kept
    assert granted_now(told, granted) == told


def test_lists_from_several_records_are_joined_and_say_each_value_once() -> None:
    def phones(scope: Scope, *numbers: str) -> Entry:
        return Entry(field="phones", category=Category.CONTACT_DETAILS, scope=scope, form=Form.VALUE, value=[*numbers])

    told = [phones(SCOPES[0], "07700 900123", "07700 900124"), phones(SCOPES[1], "07700 900124", "07700 900125")]

    assert values(told) == {"phones": ["07700 900123", "07700 900124", "07700 900125"]}
    assert discloses(told) == {"contact_details": ["phones"]}


def test_a_value_is_told_rather_than_that_there_is_one() -> None:
    def name(scope: Scope, form: Form, value: Any) -> Entry:
        return Entry(field="family_name", category=Category.IDENTITY, scope=scope, form=form, value=value)

    known = [name(SCOPES[0], Form.EXISTS, {"exists": True}), name(SCOPES[1], Form.VALUE, "Okonjo-Vale")]

    assert values(known) == {"family_name": "Okonjo-Vale"}
    assert values(known[:1]) == {"family_name": {"exists": True}}


@given(began=st.integers(0, 500), lasted=st.integers(0, 500))
def test_the_partners_clock_stands_still_while_it_waits(began: int, lasted: int) -> None:
    due = due_from(Promise(receive_hours=24, accept_hours=72, complete_hours=None), at=AT)
    since = AT + timedelta(hours=began)

    later = paused(due, since=since, until=since + timedelta(hours=lasted))

    assert later.complete is None
    for before, after in ((due.receive, later.receive), (due.accept, later.accept)):
        # What was due already is as late as it was; of all else exactly the pause is added.
        assert after - before == (timedelta(hours=lasted) if before > since else timedelta())


def test_targets_run_from_the_authorisation() -> None:
    due = due_from(Promise(receive_hours=1, accept_hours=2, complete_hours=3), at=AT)

    hours = [AT + timedelta(hours=number) for number in (1, 2, 3)]
    assert due == Due(receive=hours[0], accept=hours[1], complete=hours[2])
