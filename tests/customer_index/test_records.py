"""Asserting, reading and withdrawing source records: what the caller is told, and what becomes of the persons."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Category, Form
from tests.builders import a_permit, a_record, facts, granting, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put

RECORD = "/v1/sources/crm/records/c-1"
SOMEBODY_ELSE = a_record(
    given_names=["Bartholomew"], family_name="Quick", date_of_birth="1931-12-01", gender="male", nhs_number=None,
    addresses=[{"lines": ["9 Thrush Lane"], "postcode": "NW1 9ZZ"}], phones=None, emails=["bq@example.net"],
)  # fmt: skip


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


def reading(**changes: Any) -> Any:
    return a_permit("lbhf", source=facts("crm"), **changes)


async def test_a_new_record_makes_a_person_and_says_so(index: Index) -> None:
    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=a_record())

    assert answer.status_code == 201, answer.text
    assert answer.json()["outcome"] == "created"
    assert answer.json()["warnings"] == []
    read = await index.call("GET", RECORD, reading())
    assert read.status_code == 200
    assert read.json() == {
        **a_record(),
        "record_id": answer.json()["record_id"],
        "person_id": answer.json()["person_id"],
        "source": "crm",
        "local_id": "c-1",
        "version": 1,
        "warnings": [],
    }


async def test_a_record_brings_the_source_that_no_event_has_told_of_yet(index: Index, admin: AsyncEngine) -> None:
    known = "SELECT owner, source, service_area, trust FROM sources"
    await put(index, "lbhf", "crm/c-1")
    assert await behind.ask(admin, known) == [("lbhf", "crm", "customer-services", 50)]

    later = replace(write_permit("lbhf"), source=facts("crm", trust=90))
    answer = await index.call("PUT", "/v1/sources/crm/records/c-2", later, json=SOMEBODY_ELSE)

    assert answer.status_code == 201
    assert await behind.ask(admin, known) == [("lbhf", "crm", "customer-services", 50)], (
        "events change it, calls do not"
    )


async def test_a_second_record_of_one_human_joins_its_person(index: Index) -> None:
    first = await put(index, "lbhf", "crm/c-1")

    answer = await index.call(
        "PUT", "/v1/sources/housing/records/h-1", write_permit("lbhf", "housing"), json=a_record()
    )

    assert answer.status_code == 201
    assert answer.json()["outcome"] == "linked"
    assert answer.json()["person_id"] == first["person_id"]
    assert answer.json()["record_id"] != first["record_id"]


async def test_a_doubtful_match_waits_for_a_steward_as_a_person_of_its_own(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")

    twin = await put(index, "lbhf", "crm/c-2", a_record(given_names=["Chidi"], nhs_number=None))

    assert twin["outcome"] == "review"
    assert twin["person_id"] != first["person_id"]
    (review,) = await behind.ask(admin, "SELECT kind, first_person::text, second_person::text FROM reviews")
    assert review[0] == "record"
    assert set(review[1:]) == {first["person_id"], twin["person_id"]}


async def test_the_same_words_again_change_nothing(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    before = await behind.contents(admin)

    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=a_record())

    assert answer.status_code == 200
    assert answer.json() == {**first, "outcome": "unchanged"}
    assert await behind.contents(admin) == before


async def test_a_correction_keeps_record_and_person_and_counts_the_version(index: Index) -> None:
    first = await put(index, "lbhf", "crm/c-1")

    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=a_record(title="Dr"))

    assert answer.status_code == 200
    assert answer.json() == {**first, "outcome": "updated"}
    read = (await index.call("GET", RECORD, reading())).json()
    assert (read["title"], read["version"]) == ("Dr", 2)


async def test_what_a_correction_leaves_out_is_gone(index: Index) -> None:
    await put(index, "lbhf", "crm/c-1")

    await put(index, "lbhf", "crm/c-1", a_record(phones=None))

    assert "phones" not in (await index.call("GET", RECORD, reading())).json()


async def test_records_of_one_human_under_two_owners_are_two_persons(index: Index) -> None:
    ours, theirs = await put(index, "lbhf", "crm/c-1"), await put(index, "wcc", "crm/c-1")

    assert ours["outcome"] == theirs["outcome"] == "created"
    assert ours["person_id"] != theirs["person_id"]


async def test_an_unusable_value_is_kept_to_the_letter_and_left_out_of_matching(index: Index) -> None:
    first = await put(index, "lbhf", "crm/c-1", a_record(phones=["not a phone"], nhs_number="9990000019"))

    assert [one["pointer"] for one in first["warnings"]] == ["/nhs_number", "/phones/0"]
    assert "9990000019" not in str(first)
    read = (await index.call("GET", RECORD, reading())).json()
    assert read["phones"] == ["not a phone"]
    assert read["nhs_number"] == "9990000019"
    assert read["warnings"] == first["warnings"]


async def test_unknown_codes_are_kept_with_a_warning(index: Index) -> None:
    record = a_record(
        accessibility_needs=["tactile-signing"],
        markers=[{"kind": "loud-parrot"}],
        relationships=[{"kind": "godparent", "local_id": "nobody-yet"}],
        preferred_channel="pigeon",
    )

    answer = await put(index, "lbhf", "crm/c-1", record)

    assert answer["outcome"] == "created"
    assert {one["pointer"] for one in answer["warnings"]} == {
        "/accessibility_needs/0", "/markers/0/kind", "/relationships/0/kind", "/preferred_channel",
    }  # fmt: skip


async def test_warnings_of_fields_that_are_not_granted_stay_inside(index: Index) -> None:
    await put(index, "lbhf", "crm/c-1", a_record(phones=["not a phone"], emails=["no mail"]))
    grants = granting("lbhf/customer-services", categories={Category.EXISTENCE: Form.VALUE})

    read = await index.call("GET", RECORD, reading(grants=grants))

    assert read.json()["warnings"] == []


async def test_a_withdrawn_record_is_gone_and_its_person_with_it(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")

    answer = await index.call("DELETE", RECORD, write_permit("lbhf"))

    assert answer.status_code == 204
    assert answer.content == b""
    assert (await index.call("GET", RECORD, reading())).json()["type"] == "/problems/unknown-record"
    gone = await index.call("GET", f"/v1/people/{first['person_id']}", a_permit("lbhf"))
    assert gone.json()["type"] == "/problems/unknown-person"
    for table in ("records", "members", "block_keys", "persons"):
        assert await behind.count(admin, table) == 0


async def test_a_withdrawal_leaves_the_rest_of_the_person(index: Index) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    await put(index, "lbhf", "housing/h-1")

    await index.call("DELETE", RECORD, write_permit("lbhf"))

    view = (await index.call("GET", f"/v1/people/{first['person_id']}", a_permit("lbhf"))).json()
    assert [record["local_id"] for record in view["records"]] == ["h-1"]


async def test_a_record_can_come_back_after_its_withdrawal(index: Index) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    await index.call("DELETE", RECORD, write_permit("lbhf"))

    again = await put(index, "lbhf", "crm/c-1")

    assert again["outcome"] == "created"
    assert again["record_id"] != first["record_id"]


async def test_nobody_withdraws_or_reads_what_is_not_theirs(index: Index, admin: AsyncEngine) -> None:
    await put(index, "wcc", "crm/c-1")
    before = await behind.contents(admin)

    for path in (RECORD, "/v1/sources/crm/records/never"):
        removed = await index.call("DELETE", path, write_permit("lbhf"))
        read = await index.call("GET", path, reading())
        assert (removed.status_code, read.status_code) == (404, 404)
        assert removed.json()["type"] == read.json()["type"] == "/problems/unknown-record"
    assert await behind.contents(admin) == before


async def test_an_account_of_every_change_goes_to_the_gateway(index: Index) -> None:
    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=a_record())
    removed = await index.call("DELETE", RECORD, write_permit("lbhf"))

    for told in (answer, removed):
        assert answer.json()["record_id"] + "@1" in told.headers["SCV-Disclosed"]
        assert answer.json()["person_id"] in told.headers["SCV-Disclosed"]


async def test_a_version_named_by_if_match_must_be_the_present_one(index: Index) -> None:
    made = await index.call("PUT", RECORD, write_permit("lbhf"), json=a_record())
    corrected = a_record(family_name="Okonjo")
    stale = {"If-Match": '"7"'}

    refused = await index.call("PUT", RECORD, write_permit("lbhf"), json=corrected, headers=stale)
    kept = await index.call("DELETE", RECORD, write_permit("lbhf"), headers=stale)
    taken = await index.call(
        "PUT", RECORD, write_permit("lbhf"), json=corrected, headers={"If-Match": made.headers["ETag"]}
    )

    assert (refused.status_code, refused.json()["type"]) == (412, "/problems/version-changed")
    assert kept.status_code == 412
    assert (taken.status_code, taken.headers["ETag"]) == (200, '"2"')
