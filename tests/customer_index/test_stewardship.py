"""Merges and splits: they bind, they can be taken back exactly, and one act takes effect once."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.builders import a_record, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put
from tests.customer_index.loading import hand_over, ndjson
from tests.customer_index.protecting import clearance, protect
from tests.customer_index.stewarding import act, person_of, reading, reviews, steward, two_in_review
from tests.customer_index.test_corrections import assert_told_without_gaps
from tests.customer_index.test_records import SOMEBODY_ELSE

IN_PASSING = {"given_names": ["Adaeze"], "family_name": "Okonjo-Vale", "emails": ["ruth@example.com"]}
"""The usual resident, as somebody wrote her down who asked for nothing but an e-mail address."""


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def merge(index: Index, one: dict[str, Any], other: dict[str, Any], *, status: int = 200) -> Any:
    path = f"/v1/people/{one['person_id']}/merge"
    return await act(index, path, other=other["person_id"], reason="one woman", status=status)


async def split(index: Index, one: dict[str, Any], *records: dict[str, Any], status: int = 200) -> Any:
    path = f"/v1/people/{one['person_id']}/split"
    return await act(index, path, records=[record["record_id"] for record in records], reason="two", status=status)


async def undo(index: Index, done: dict[str, Any], *, status: int = 200) -> Any:
    return await act(index, f"/v1/stewardship/{done['stewardship_id']}/undo", status=status)


def person(one: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    return {"person_id": one["person_id"], "records": [record["record_id"] for record in (one, *more)]}


async def test_a_merge_makes_one_person_and_the_other_id_leads_to_it(index: Index, admin: AsyncEngine) -> None:
    first, second = await two_in_review(index)

    done = await merge(index, second, first)

    assert done["before"] == [person(first), person(second)]
    assert done["after"] == [person(first, second)]
    gone = await index.call("GET", f"/v1/people/{second['person_id']}", reading())
    assert (gone.status_code, gone.headers["location"]) == (308, f"/v1/people/{first['person_id']}")
    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1", "housing/h-1"})}
    assert await reviews(index) == []
    await assert_told_without_gaps(admin)


async def test_a_merge_undone_is_as_it_was_before_under_the_old_ids(index: Index, admin: AsyncEngine) -> None:
    first, second = await two_in_review(index)
    done = await merge(index, first, second)

    undone = await undo(index, done)

    assert undone == {
        "stewardship_id": done["stewardship_id"],
        "before": [person(first, second)],
        "after": [person(first), person(second)],
    }
    shown = await index.call("GET", f"/v1/people/{second['person_id']}", reading())
    assert [record["record_id"] for record in shown.json()["records"]] == [second["record_id"]]
    await assert_told_without_gaps(admin)
    assert await behind.count(admin, "decisions") == 0
    again = await undo(index, done, status=409)
    assert again["type"] == "/problems/already-undone"


async def test_a_merge_survives_what_its_sources_say_later(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    other = await put(index, "lbhf", "housing/h-1", SOMEBODY_ELSE)
    await merge(index, first, other)

    await put(index, "lbhf", "crm/c-1", a_record(title="Dr"))
    await put(index, "lbhf", "housing/h-1", SOMEBODY_ELSE | {"title": "Mr"})
    await hand_over(index, "lbhf", "crm", ndjson([{"local_id": "c-1", **a_record(title="Prof")}]))
    await index.finish_loads()

    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1", "housing/h-1"})}


async def test_a_split_keeps_alike_records_asunder_whatever_comes(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    second = await put(index, "lbhf", "housing/h-1")
    assert first["person_id"] == second["person_id"]

    done = await split(index, first, second)

    assert done["before"] == [person(first, second)]
    parted = done["after"][1]["person_id"]
    assert done["after"] == [person(first), {"person_id": parted, "records": [second["record_id"]]}]
    for said in (a_record(title="Dr"), a_record()):
        await put(index, "lbhf", "crm/c-1", said)
        await put(index, "lbhf", "housing/h-1", said)
        assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1"}), frozenset({"housing/h-1"})}
    assert await reviews(index) == []
    await assert_told_without_gaps(admin)


async def test_a_record_withdrawn_and_asserted_again_is_still_decided_about(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    second = await put(index, "lbhf", "housing/h-1")
    await split(index, first, second)

    await index.call("DELETE", "/v1/sources/housing/records/h-1", write_permit("lbhf", "housing"))
    again = await put(index, "lbhf", "housing/h-1")

    assert again["outcome"] == "created"
    assert again["record_id"] == second["record_id"]
    assert again["person_id"] != first["person_id"]
    await index.call("DELETE", "/v1/sources/crm/records/c-1", write_permit("lbhf"))
    lines = [{"local_id": "c-1", **a_record()}]
    await hand_over(index, "lbhf", "crm", ndjson(lines))
    await index.finish_loads()
    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1"}), frozenset({"housing/h-1"})}


async def test_a_merged_record_that_comes_back_comes_back_to_its_person(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    other = await put(index, "lbhf", "housing/h-1", SOMEBODY_ELSE)
    await merge(index, first, other)

    await index.call("DELETE", "/v1/sources/housing/records/h-1", write_permit("lbhf", "housing"))
    again = await put(index, "lbhf", "housing/h-1", SOMEBODY_ELSE)

    assert again["outcome"] == "linked"
    assert again["person_id"] == first["person_id"]


async def test_what_came_later_stays_with_the_records_it_holds_to(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1", a_record(emails=None))
    other = await put(index, "lbhf", "housing/h-1", IN_PASSING)
    assert other["person_id"] != first["person_id"]
    done = await merge(index, first, other)
    await put(index, "lbhf", "benefits/b-1", IN_PASSING | {"title": "Ms"})
    await put(index, "lbhf", "benefits/b-2", a_record(emails=None))
    assert len(await behind.partition(admin, "lbhf")) == 1

    await undo(index, done)

    assert await behind.partition(admin, "lbhf") == {
        frozenset({"crm/c-1", "benefits/b-2"}),
        frozenset({"housing/h-1", "benefits/b-1"}),
    }
    assert await person_of(index, "housing/h-1") == other["person_id"]


async def test_a_split_undone_is_one_person_again(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    second = await put(index, "lbhf", "housing/h-1")
    done = await split(index, first, second)

    undone = await undo(index, done)

    assert undone["after"] == [person(first, second)]
    assert undone["before"] == done["after"]
    await assert_told_without_gaps(admin)


async def test_ids_that_led_to_an_absorbed_person_lead_to_it_again(index: Index) -> None:
    a = await put(index, "lbhf", "crm/a")
    b = await put(index, "lbhf", "crm/b", SOMEBODY_ELSE)
    c = await put(index, "lbhf", "crm/c", SOMEBODY_ELSE | {"given_names": ["Wanda"], "date_of_birth": "1990-01-01"})
    assert len({one["person_id"] for one in (a, b, c)}) == 3
    await merge(index, b, c)
    done = await merge(index, a, b)

    await undo(index, done)

    gone = await index.call("GET", f"/v1/people/{c['person_id']}", reading())
    assert gone.headers["location"] == f"/v1/people/{b['person_id']}"


async def test_an_undoing_says_what_stands_in_its_way(index: Index, admin: AsyncEngine) -> None:
    first, second = await two_in_review(index)
    merged = await merge(index, first, second)
    later = await split(index, first, second)
    before = await behind.contents(admin)

    moved = await undo(index, merged, status=409)

    assert moved["type"] == "/problems/undo-blocked"
    assert moved["in_the_way"] == [{"record_id": second["record_id"], "why": "moved"}]
    assert await behind.contents(admin) == before
    await undo(index, later)
    await index.call("DELETE", "/v1/sources/housing/records/h-1", write_permit("lbhf", "housing"))
    gone = await undo(index, merged, status=409)
    assert gone["in_the_way"] == [{"record_id": second["record_id"], "why": "withdrawn"}]


async def test_a_later_merge_stands_in_the_way_of_undoing_an_earlier_one(index: Index) -> None:
    a = await put(index, "lbhf", "crm/a")
    b = await put(index, "lbhf", "crm/b", SOMEBODY_ELSE)
    c = await put(index, "lbhf", "crm/c", SOMEBODY_ELSE | {"given_names": ["Wanda"], "date_of_birth": "1990-01-01"})
    first = await merge(index, a, b)
    second = await merge(index, a, c)

    blocked = await undo(index, first, status=409)

    assert blocked["in_the_way"] == [{"stewardship_id": second["stewardship_id"], "why": "decided since"}]
    await undo(index, second)
    await undo(index, first)


async def test_twenty_merges_of_one_pair_at_once_have_one_effect(index: Index, admin: AsyncEngine) -> None:
    first, second = await two_in_review(index)
    path, body = f"/v1/people/{first['person_id']}/merge", {"other": second["person_id"], "reason": "one woman"}

    answers = await asyncio.gather(*(index.call("POST", path, steward(), json=body) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert await behind.count(admin, "stewardship") == 1
    await assert_told_without_gaps(admin)


async def test_nobody_else_can_be_merged_split_or_undone(index: Index, admin: AsyncEngine) -> None:
    first, second = await two_in_review(index)
    theirs = await put(index, "wcc", "crm/w-1")
    done = await merge(index, first, second)
    before = await behind.contents(admin)
    sent: dict[str, Any] = {"reason": "mine"}

    for stranger in (theirs["person_id"], str(uuid4())):
        unknown = await act(index, f"/v1/people/{stranger}/merge", other=first["person_id"], status=404, **sent)
        named = await act(index, f"/v1/people/{first['person_id']}/merge", other=stranger, status=404, **sent)
        await act(index, f"/v1/people/{stranger}/split", records=[theirs["record_id"]], status=404, **sent)
        assert unknown["errors"] == []
        assert [error["pointer"] for error in named["errors"]] == ["/other"]
    for stranger in (theirs["record_id"], str(uuid4())):
        refused = await act(
            index,
            f"/v1/people/{first['person_id']}/split",
            records=[first["record_id"], stranger],
            status=422,
            **sent,
        )
        assert [error["pointer"] for error in refused["errors"]] == ["/records/1"]
    everything = [first["record_id"], second["record_id"]]
    whole = await act(index, f"/v1/people/{first['person_id']}/split", records=everything, status=422, **sent)
    assert [error["pointer"] for error in whole["errors"]] == ["/records"]
    await act(index, f"/v1/people/{first['person_id']}/split", records=[], status=422, **sent)
    await act(index, f"/v1/people/{first['person_id']}/merge", other=first["person_id"], status=422, **sent)
    await act(index, f"/v1/stewardship/{done['stewardship_id']}/undo", steward("wcc"), status=404)
    assert await behind.contents(admin) == before


async def test_a_sealed_person_is_merged_with_nobody_off_its_side(index: Index, admin: AsyncEngine) -> None:
    first, second = await two_in_review(index)
    cleared = clearance("lbhf")
    await protect(index, second["person_id"], "adoption")
    before = await behind.contents(admin)
    path, sent = f"/v1/people/{first['person_id']}/merge", {"other": second["person_id"], "reason": "one"}

    refused = await act(index, path, steward(cleared=cleared), status=409, **sent)

    assert refused["type"] == "/problems/kept-apart-by-seal"
    assert await behind.contents(admin) == before


async def test_a_worker_for_whom_somebody_does_not_exist_merges_and_undoes_nothing_of_theirs(index: Index) -> None:
    first, second = await two_in_review(index)
    (review,) = await reviews(index)
    hiding: dict[str, Any] = {"hidden": (UUID(second["record_id"]),)}
    sent: dict[str, Any] = {"reason": "one"}

    assert await reviews(index, reading(**hiding)) == []
    await act(index, f"/v1/reviews/{review['review_id']}/decision", steward(**hiding), decision="match", status=404)
    path = f"/v1/people/{first['person_id']}/merge"
    hidden = await act(index, path, steward(**hiding), other=second["person_id"], status=404, **sent)
    nobody = await act(index, path, steward(**hiding), other=str(uuid4()), status=404, **sent)
    assert hidden | {"request_id": ""} == nobody | {"request_id": ""}
    done = await merge(index, first, second)
    await act(index, f"/v1/stewardship/{done['stewardship_id']}/undo", steward(**hiding), status=404)
