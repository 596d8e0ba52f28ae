"""The partner's feed: its own numbers without a gap, whoever changes what at the same time, and patience."""

import asyncio
from time import perf_counter

from tests.builders import a_permit
from tests.referrals.conftest import Desk, partner, referrer


async def test_the_feed_goes_on_where_its_cursor_left_off(desk: Desk) -> None:
    empty = await desk.feed()
    referral = await desk.refer()
    await desk.moves(referral, "receive")

    first = await desk.feed(empty["next"])
    second = await desk.feed(first["next"])
    await desk.moves(referral, "accept")
    third = await desk.feed(second["next"])

    assert empty["items"] == second["items"] == []
    assert second["next"] == first["next"]
    assert [(item["sequence"], item["status"]) for item in first["items"]] == [(1, "sent"), (2, "received")]
    assert {name for item in first["items"] for name in item} == {
        "id", "sequence", "type", "time", "referral_id", "status",
    }  # fmt: skip
    assert [(item["sequence"], item["status"]) for item in third["items"]] == [(3, "accepted")]


async def test_a_cursor_serves_its_own_partner_only(desk: Desk) -> None:
    await desk.refer()
    cursor = (await desk.feed())["next"]

    refused = await desk.call("GET", f"/v1/events?after={cursor}", partner("other-partner"))

    assert refused.status_code == 400
    assert (await desk.feed(org="other-partner"))["items"] == []


async def test_a_patient_reader_is_answered_when_something_happens(desk: Desk) -> None:
    began = perf_counter()
    waiting = asyncio.create_task(desk.feed(wait=20))
    await asyncio.sleep(0.3)
    assert not waiting.done()

    referral = await desk.refer()

    assert [item["referral_id"] for item in (await waiting)["items"]] == [referral]
    assert perf_counter() - began < 5


async def test_patience_ends(desk: Desk) -> None:
    began = perf_counter()

    feed = await desk.feed(wait=1)

    assert feed["items"] == []
    assert feed["next"]
    assert 1 <= perf_counter() - began < 5
    assert (await desk.call("GET", "/v1/events?wait=31", partner())).status_code == 422


async def test_a_partners_numbers_have_no_gap_under_sixteen_changes_at_once(desk: Desk) -> None:
    await desk.enter(other := desk.service_id.__class__(int=7), org="other-partner")
    mine = [await desk.refer() for _ in range(16)]
    theirs = [await desk.refer(service_id=str(other)) for _ in range(4)]

    moves = [desk.move(referral, "receive", partner()) for referral in mine]
    moves += [desk.move(referral, "receive", partner("other-partner")) for referral in theirs]
    moved = await asyncio.gather(*moves, desk.publish())
    refused = await asyncio.gather(*(desk.move(referral, "receive", partner()) for referral in mine))
    await desk.publish()

    assert {answer.status_code for answer in moved if answer is not None} == {200}
    assert {answer.status_code for answer in refused} == {409}
    for org, count in (("shelter-west", 32), ("other-partner", 8)):
        feed = (await desk.feed(org=org))["items"]
        assert [item["sequence"] for item in feed] == list(range(1, count + 1))
        heard = [one.aggregate_version for one in desk.heard if one.topic == f"scv.partner.{org}.referrals"]
        assert heard == list(range(1, count + 1))


async def test_of_two_workers_who_decide_at_once_one_wins(desk: Desk) -> None:
    for _ in range(5):
        referral = await desk.refer()
        await desk.moves(referral, "receive")

        answers = await asyncio.gather(
            desk.move(referral, "accept", partner()),
            desk.move(referral, "reject", partner(), reason="no-capacity"),
            desk.move(referral, "withdraw", referrer(), reason="person changed their mind"),
        )

        statuses = sorted(answer.status_code for answer in answers)
        won = [answer.json()["status"] for answer in answers if answer.status_code == 200]
        # Whoever comes first wins; after an acceptance the referrer may still withdraw.
        assert statuses == [200, 409, 409] or (statuses == [200, 200, 409] and won == ["accepted", "withdrawn"])
        assert all("legal" in answer.json() for answer in answers if answer.status_code == 409)
        last = (await desk.view(referral, referrer()))["status"]
        assert last == ("withdrawn" if "withdrawn" in won else won[0])


async def test_one_key_twenty_times_at_once_makes_one_referral(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.ask_to_refer(key="once") for _ in range(20)))

    made = {answer.json()["referral_id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    listed = await desk.call("GET", "/v1/referrals", a_permit("lbhf"))
    assert len(listed.json()["items"]) == 1
