"""Persons as their records change: merged, split, found again under another id, and told of in order."""

from collections import defaultdict

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.builders import a_permit, a_record, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put
from tests.customer_index.test_records import SOMEBODY_ELSE


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def assert_told_without_gaps(admin: AsyncEngine) -> None:
    """Check that the events of every person count up from one."""
    versions: dict[str, list[int]] = defaultdict(list)
    for _, subject, version in await behind.events(admin):
        versions[subject].append(version)
    for counted in versions.values():
        assert counted == list(range(1, len(counted) + 1))
    stored = await behind.ask(admin, "SELECT person_id::text, version FROM persons")
    assert all(versions[person_id][-1] == version for person_id, version in stored)


async def merged_pair(index: Index) -> tuple[str, str]:
    """Make two persons, then let a correction prove them one; give the survivor and the one merged away."""
    older = await put(index, "lbhf", "crm/c-1")
    younger = await put(index, "lbhf", "crm/c-2", SOMEBODY_ELSE)
    assert older["person_id"] != younger["person_id"]
    corrected = await put(index, "lbhf", "crm/c-2", a_record(title="Ms"))
    assert corrected["outcome"] == "updated"
    assert corrected["person_id"] == older["person_id"]
    return older["person_id"], younger["person_id"]


async def test_a_correction_that_proves_two_persons_one_merges_them_into_the_older(
    index: Index, admin: AsyncEngine
) -> None:
    survivor, merged = await merged_pair(index)

    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1", "crm/c-2"})}
    told = await behind.events(admin)
    assert ("person.merged.v1", merged, 2) in told
    assert ("person.record-linked.v1", survivor, 2) in told
    await assert_told_without_gaps(admin)


async def test_an_id_merged_away_leads_to_the_survivor(index: Index) -> None:
    survivor, merged = await merged_pair(index)

    for section in ("", "/household"):
        answer = await index.call("GET", f"/v1/people/{merged}{section}", a_permit("lbhf"))

        assert answer.status_code == 308
        assert answer.headers["Location"] == f"/v1/people/{survivor}{section}"
        assert answer.content == b""
    known = await index.call("GET", f"/v1/people/{merged}/known", a_permit("lbhf"))
    assert (known.status_code, known.json()["survivor"]) == (200, survivor)
    known = await index.call("GET", f"/v1/people/{survivor}/known", a_permit("lbhf"))
    assert (known.json()["survivor"], known.json()["formerly"]) == (None, [merged])


async def test_an_id_merged_away_is_as_unknown_as_its_survivor(index: Index) -> None:
    _, merged = await merged_pair(index)

    answer = await index.call("GET", f"/v1/people/{merged}", a_permit("wcc"))

    assert answer.status_code == 404


async def test_ids_merged_one_after_the_other_all_lead_to_the_last_survivor(index: Index, admin: AsyncEngine) -> None:
    third = a_record(
        given_names=["Dorothea"], family_name="Penhaligon", date_of_birth="1962-02-03",
        nhs_number="9990000026", addresses=None, phones=None, emails=None,
    )  # fmt: skip
    first = await put(index, "lbhf", "crm/c-0", third)
    survivor, merged = await merged_pair(index)
    for local_id in ("c-1", "c-2"):
        await put(index, "lbhf", f"crm/{local_id}", third)

    for person_id in (merged, survivor):
        rows = await behind.ask(
            admin, "SELECT merged_into::text FROM persons WHERE person_id::text = :one", one=person_id
        )
        assert rows == [(first["person_id"],)]
    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-0", "crm/c-1", "crm/c-2"})}
    await assert_told_without_gaps(admin)


async def test_a_correction_moves_a_record_to_the_person_it_is_now_about(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    await put(index, "lbhf", "crm/c-2")
    other = await put(index, "lbhf", "crm/c-3", SOMEBODY_ELSE)

    moved = await put(index, "lbhf", "crm/c-2", {**SOMEBODY_ELSE, "title": "Mr"})

    assert moved["outcome"] == "updated"
    assert moved["person_id"] == other["person_id"]
    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1"}), frozenset({"crm/c-2", "crm/c-3"})}
    types = [(kind, subject) for kind, subject, _ in await behind.events(admin)]
    assert ("person.split.v1", first["person_id"]) in types
    assert types[-1] == ("person.record-linked.v1", other["person_id"])
    await assert_told_without_gaps(admin)


async def test_a_record_that_no_longer_fits_becomes_a_person_of_its_own(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    await put(index, "lbhf", "crm/c-2")

    split = await put(index, "lbhf", "crm/c-2", SOMEBODY_ELSE)

    assert split["person_id"] != first["person_id"]
    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1"}), frozenset({"crm/c-2"})}
    assert ("person.split.v1", first["person_id"], 3) in await behind.events(admin)
    await assert_told_without_gaps(admin)


async def test_a_withdrawal_tells_of_it_and_a_person_that_hung_on_it_falls_apart(
    index: Index, admin: AsyncEngine
) -> None:
    # The first and the last have nothing in common; the record between them holds the whole together.
    await put(index, "lbhf", "crm/c-1", a_record(given_names=None, nhs_number=None, phones=None, emails=None))
    await put(index, "lbhf", "crm/c-2")
    await put(index, "lbhf", "crm/c-3", {"given_names": ["Adaeze"], "nhs_number": "9990000018"})
    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1", "crm/c-2", "crm/c-3"})}

    await index.call("DELETE", "/v1/sources/crm/records/c-2", write_permit("lbhf"))

    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1"}), frozenset({"crm/c-3"})}
    types = [kind for kind, _, _ in await behind.events(admin)]
    assert types[-3:] == ["person.record-unlinked.v1", "person.split.v1", "person.record-linked.v1"]
    await assert_told_without_gaps(admin)


async def test_events_name_the_call_that_caused_them_and_its_owner(index: Index, admin: AsyncEngine) -> None:
    permit = write_permit("lbhf")
    await index.call("PUT", "/v1/sources/crm/records/c-1", permit, json=a_record())

    assert await behind.ask(admin, "SELECT txn, owner, topic, source FROM outbox") == [
        (permit.txn, "lbhf", "scv.people", "/customer-index")
    ]
