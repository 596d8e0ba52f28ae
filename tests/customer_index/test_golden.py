"""The golden view: for each attribute the best value among what a caller may see, and where it comes from."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from customer_index.golden import DisclosedRecord, golden_view
from tests.builders import AT, a_record
from tests.customer_index.conftest import Index
from tests.customer_index.linked import linked_boroughs, put
from tests.customer_index.test_links import seeing

TODAY = AT.date()


def a_disclosed(local_id: str = "c-1", **changes: Any) -> DisclosedRecord:
    known: dict[str, Any] = {
        "owner": "lbhf",
        "source": "crm",
        "local_id": local_id,
        "trust": 50,
        "observed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "verification": {},
        "fields": {"family_name": local_id.title()},
    }
    return DisclosedRecord(**(known | changes))


def best(*records: DisclosedRecord, name: str = "family_name") -> Any:
    return golden_view(records, today=TODAY)[name]["value"]


def test_the_more_trusted_source_wins_over_better_verified_and_newer_ones() -> None:
    trusted = a_disclosed("trusted", trust=51)
    verified = a_disclosed("verified", verification={"family_name": "authoritative"})
    newer = a_disclosed("newer", observed_at=AT)

    assert best(newer, verified, trusted) == "Trusted"
    assert best(newer, verified) == "Verified"
    assert best(newer, a_disclosed("older")) == "Newer"


def test_verification_counts_in_its_order_and_for_its_attribute_only() -> None:
    levels = ["unverified", "declared", "document", "authoritative"]
    records = [a_disclosed(level, verification={"family_name": level}) for level in levels]
    assert best(*records) == "Authoritative"
    assert best(*records[:3]) == "Document"
    assert best(*records[:2]) == "Declared"

    elsewhere = a_disclosed("elsewhere", verification={"gender": "authoritative"})
    assert best(elsewhere, a_disclosed("newer", observed_at=AT)) == "Newer"


def test_other_values_are_conflicts_with_their_source_each_once() -> None:
    records = [
        a_disclosed("a", trust=90, fields={"family_name": "Okonjo-Vale"}),
        a_disclosed("b", trust=80, fields={"family_name": "okonjo - vale"}),
        a_disclosed("c", trust=70, fields={"family_name": "Vale"}, verification={"family_name": "document"}),
        a_disclosed("d", trust=60, fields={"family_name": "VALE"}),
    ]

    found = golden_view(records, today=TODAY)["family_name"]

    assert found["value"] == "Okonjo-Vale"
    assert found["source"] == {
        "owner": "lbhf", "source": "crm", "local_id": "a",
        "observed_at": datetime(2026, 1, 1, tzinfo=UTC), "verification": "unverified",
    }  # fmt: skip
    assert [(one["value"], one["source"]["local_id"]) for one in found["conflicts"]] == [("Vale", "c")]
    assert found["conflicts"][0]["source"]["verification"] == "document"


def test_a_value_that_merely_exists_neither_wins_nor_conflicts() -> None:
    exists = a_disclosed("secret", trust=99, fields={"family_name": {"exists": True}})
    told = a_disclosed("told", trust=1)

    found = golden_view([exists, told], today=TODAY)["family_name"]
    assert (found["value"], found["conflicts"]) == ("Told", [])
    assert best(exists) == {"exists": True}


def test_of_several_addresses_the_current_one_is_in_use() -> None:
    def living(start: str | None, end: str | None, line: str) -> dict[str, Any]:
        return {"lines": [line], **({"from": start} if start else {}), **({"to": end} if end else {})}

    def current(*addresses: dict[str, Any]) -> Any:
        view = golden_view([a_disclosed(fields={"addresses": list(addresses)})], today=TODAY)
        return view["address"]["value"]["lines"][0] if "address" in view else None

    assert current(living(None, "2020-01-01", "old"), living("2020-01-01", None, "now")) == "now"
    assert current(living(None, "2026-07-01", "until today"), living(None, None, "now")) == "now"
    assert current(living(None, "2027-01-01", "until next year")) == "until next year"
    assert current(living("2026-08-01", None, "from next month"), living(None, "2026-08-01", "now")) == "now"
    assert current(living(None, "2020-01-01", "old")) is None


def test_a_current_value_conflicts_with_what_another_record_uses_today() -> None:
    ours = a_disclosed("ours", trust=90, fields={"phones": ["07700 900111", "07700 900222"]})
    same = a_disclosed("same", fields={"phones": ["07700 900333", "07700900111"]})
    other = a_disclosed("other", fields={"phones": ["07700 900444"]})

    found = golden_view([ours, same, other], today=TODAY)

    assert found["phone"]["value"] == "07700 900111"
    assert [one["value"] for one in found["phone"]["conflicts"]] == ["07700 900444"]
    assert found["phones"]["value"] == ["07700 900111", "07700 900222", "07700 900333", "07700 900444"]


def test_a_contact_that_merely_exists_has_no_current_value() -> None:
    found = golden_view([a_disclosed(fields={"emails": {"exists": True}})], today=TODAY)

    assert found["email"]["value"] == found["emails"]["value"] == {"exists": True}


@given(
    st.lists(
        st.builds(
            a_disclosed,
            local_id=st.sampled_from("abcdefgh"),
            trust=st.integers(0, 3),
            observed_at=st.integers(0, 3).map(lambda days: AT - timedelta(days=days)),
            fields=st.dictionaries(
                st.sampled_from(["family_name", "title", "phones", "date_of_birth"]),
                st.one_of(
                    st.just({"exists": True}),
                    st.sampled_from(["x", "y", "Z"]),
                    st.lists(st.sampled_from("pqr"), min_size=1),
                ),
            ),
        ),
        max_size=6,
        unique_by=lambda record: record.local_id,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_nothing_is_in_the_view_that_no_record_holds_and_the_order_of_records_is_nothing(
    records: list[DisclosedRecord], shuffler: Any
) -> None:
    records = [
        record
        for record in records
        if all(isinstance(value, (list, dict)) == (name == "phones") for name, value in record.fields.items())
    ]
    view = golden_view(records, today=date(2026, 7, 1))

    held = {name for record in records for name in record.fields}
    assert set(view) - {"phone"} == held
    for name in held - {"phones"}:
        assert view[name]["value"] in [record.fields[name] for record in records if name in record.fields]
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    assert golden_view(shuffled, today=date(2026, 7, 1)) == view


async def test_the_register_tells_which_source_is_trusted_across_owners(index: Index) -> None:
    ours, _ = await linked_boroughs(index)
    await put(index, "wcc", "housing/w-2", a_record(title="Dr"), trust=95)
    await index.link()

    view = (await index.call("GET", f"/v1/people/{ours}", seeing("lbhf", "wcc"))).json()

    assert view["golden"]["family_name"]["source"]["owner"] == "wcc"
    assert view["golden"]["family_name"]["source"]["source"] == "housing"
    own = (await index.call("GET", f"/v1/people/{ours}", seeing("lbhf"))).json()
    assert own["golden"]["family_name"]["source"]["owner"] == "lbhf"
    assert "title" not in own["golden"]


def test_a_doubted_value_gives_way_to_a_sound_one_of_a_lesser_source() -> None:
    doubted = a_disclosed(
        "crm",
        trust=90,
        fields={"nhs_number": "999", "phones": ["020 7946 0", "020 7946 0001"]},
        doubted=frozenset({"/nhs_number", "/phones/0"}),
    )
    cut_short = a_disclosed("housing", trust=80, fields={"phones": ["07700"]}, doubted=frozenset({"/phones/0"}))
    sound = a_disclosed("benefits", trust=10, fields={"nhs_number": "9990000018", "phones": ["07700 900001"]})

    assert best(doubted, sound, name="nhs_number") == "9990000018"
    assert best(doubted, sound, name="phone") == "020 7946 0001", "the sound one of the better source"
    assert best(cut_short, sound, name="phone") == "07700 900001"
    assert best(cut_short, name="phone") == "07700", "a doubted value is better than none"
