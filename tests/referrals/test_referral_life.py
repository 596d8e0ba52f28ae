"""A referral from its making to its end, as both sides live it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.categories import Action, Category, Form
from shared.events import partner_topic
from tests.builders import a_permit, granting
from tests.referrals.conftest import CLAUSE, FLOW, HOUSING, Desk, an_anchor, partner, referrer


async def test_a_referral_is_authorised_when_made_and_sent_when_its_event_was_published(desk: Desk) -> None:
    made = await desk.ask_to_refer()

    assert made.status_code == 201
    assert made.json() == {
        "referral_id": made.json()["referral_id"],
        "status": "authorised",
        "discloses": {"contact_details": ["phones"], "identity": ["given_names"]},
        "clause": CLAUSE,
    }
    before = await desk.view(made.json()["referral_id"], referrer())
    await desk.publish()
    after = await desk.view(made.json()["referral_id"], referrer())
    assert (before["status"], after["status"]) == ("authorised", "sent")
    assert [(step["action"], step["by"]) for step in after["history"]] == [
        ("create", "lbhf"),
        ("authorise", "platform"),
        ("send", "platform"),
    ]


async def test_the_whole_way_to_an_outcome(desk: Desk) -> None:
    referral = await desk.refer()

    received = await desk.moves(referral, "receive", partner_reference="SW-17")
    assert (received["status"], received["partner_reference"]) == ("received", "SW-17")
    asked = await desk.moves(referral, "request-info", message="Is there a pet?")
    assert asked["fhir"] == {"task": "on-hold", "service_request": "active"}
    desk.at += timedelta(hours=5)
    supplied = await desk.move(referral, "supply-info", referrer(), message="A small dog.")
    assert supplied.json()["status"] == "received"
    paused = [supplied.json()["due"][name] > received["due"][name] for name in ("receive", "accept", "complete")]
    assert paused == [True, True, True]
    await desk.moves(referral, "accept", lead="the night team", planned_for="2026-07-02T20:00:00Z")
    held = await desk.moves(referral, "start", "hold", reason="no bed before Friday")
    assert (held["status"], held["history"][-1]["reason"]) == ("on-hold", "no bed before Friday")
    done = await desk.moves(referral, "resume", "complete", outcome="need-met")
    assert (done["status"], done["outcome"], done["fhir"]["task"]) == ("completed", "need-met", "completed")

    seen = await desk.view(referral, referrer())
    assert (seen["outcome"], seen["legal"]) == ("need-met", ["close", "enter-in-error"])
    assert [step["message"] for step in seen["history"] if step["message"]] == ["Is there a pet?", "A small dog."]
    closed = await desk.move(referral, "close", referrer())
    assert closed.json()["status"] == "closed"
    assert closed.json()["fhir"]["task"] == "completed"


@pytest.mark.parametrize(("permit", "legal"), [(partner(), ["receive"]), (referrer(), ["withdraw", "enter-in-error"])])
async def test_what_is_not_legal_is_refused_with_what_is(desk: Desk, permit: Any, legal: list[str]) -> None:
    referral = await desk.refer()

    refused = await desk.move(referral, "accept", permit)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
    assert refused.json()["legal"] == legal
    assert (await desk.view(referral, referrer()))["status"] == "sent"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"action": "reject"}, "/reason"),
        ({"action": "reject", "reason": "we do not like it"}, "/reason"),
        ({"action": "fail", "reason": "no-capacity"}, "/reason"),
        ({"action": "withdraw"}, "/reason"),
        ({"action": "hold"}, "/reason"),
        ({"action": "complete"}, "/outcome"),
        ({"action": "complete", "outcome": "splendid"}, "/outcome"),
        ({"action": "accept", "outcome": "need-met"}, "/outcome"),
        ({"action": "recall"}, "/action"),
        ({"action": "authorise"}, "/action"),
        ({"action": "dance"}, "/action"),
    ],
)
async def test_a_step_says_what_it_has_to_and_nothing_else(desk: Desk, said: dict[str, str], pointer: str) -> None:
    referral = await desk.refer()

    refused = await desk.call(
        "POST", f"/v1/referrals/{referral}/transitions", replace(partner(), action=Action.REFER), json=said
    )

    assert refused.status_code == 422, refused.text
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert "we do not like it" not in refused.text
    assert "<Action" not in refused.text


@pytest.mark.parametrize("permit", [referrer(roles=("analyst",)), partner(roles=("frontline",))])
async def test_who_does_not_refer_or_receive_moves_nothing(desk: Desk, permit: Any) -> None:
    referral = await desk.refer()

    answers = [await desk.move(referral, action, permit) for action in ("enter-in-error", "receive")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert (await desk.view(referral, referrer()))["status"] == "sent"


async def test_what_the_referrer_wrote_reaches_the_partner_with_the_payload_only(desk: Desk) -> None:
    referral = await desk.refer()
    await desk.moves(referral, "receive", "request-info")
    await desk.move(referral, "supply-info", referrer(), message="She has a dog.")

    theirs, ours = await desk.view(referral, partner()), await desk.view(referral, referrer())

    assert "She has a dog." not in str(theirs)
    assert ours["history"][-1]["message"] == "She has a dog."


async def test_a_stale_version_never_wins(desk: Desk) -> None:
    referral = await desk.refer()
    path = f"/v1/referrals/{referral}"
    permit = replace(partner(), action=Action.REFER)
    etag = (await desk.call("GET", path, partner())).headers["etag"]

    moved = await desk.call(
        "POST", f"{path}/transitions", permit, json={"action": "receive"}, headers={"If-Match": etag}
    )
    stale = await desk.call(
        "POST", f"{path}/transitions", permit, json={"action": "accept"}, headers={"If-Match": etag}
    )

    assert (moved.status_code, stale.status_code) == (200, 412)
    assert (await desk.view(referral, partner()))["status"] == "received"


async def test_strangers_to_a_referral_find_nothing(desk: Desk) -> None:
    referral = await desk.refer()
    others = {
        "another partner": partner("other-partner"),
        "another borough": referrer("wcc"),
        "a partner's frontline": partner(roles=("frontline",)),
        "a worker of another area": referrer(grants=granting("lbhf/parking")),
        "one who may know that there are some": referrer(
            "wcc", grants=granting(HOUSING, categories=FLOW | {Category.REFERRALS: Form.EXISTS})
        ),
    }

    for who, permit in others.items():
        for answered in (
            await desk.call("GET", f"/v1/referrals/{referral}", permit),
            await desk.move(referral, "enter-in-error", permit),
            await desk.payload(referral, permit),
        ):
            assert answered.status_code == 404, who
            assert answered.json()["type"] == "/problems/unknown-referral"
        assert (await desk.call("GET", "/v1/referrals", permit)).json()["items"] == [], who


async def test_another_borough_sees_what_an_agreement_grants_it_of_referrals_and_moves_nothing(desk: Desk) -> None:
    referral = await desk.refer()
    permit = referrer("wcc", grants=granting(HOUSING, categories=FLOW | {Category.REFERRALS: Form.VALUE}))

    seen = await desk.view(referral, permit)

    assert (seen["from"], seen["legal"]) == ("lbhf", [])
    assert (await desk.move(referral, "enter-in-error", permit)).status_code == 404


async def test_each_side_lists_its_own(desk: Desk) -> None:
    made = [await desk.refer() for _ in range(3)]
    await desk.moves(made[1], "receive")

    async def listed(permit: Any, query: str) -> list[str]:
        answered = await desk.call("GET", f"/v1/referrals?{query}", permit)
        assert answered.status_code == 200, answered.text
        return [item["referral_id"] for item in answered.json()["items"]]

    assert await listed(referrer(), "role=referrer") == made[::-1]
    assert await listed(partner(), "role=partner") == made[::-1]
    assert await listed(partner(), "role=partner&status=received") == [made[1]]
    assert await listed(partner(), "role=referrer") == []
    assert await listed(referrer(), "role=partner") == []
    first = (await desk.call("GET", "/v1/referrals?limit=2", partner())).json()
    second = await desk.call("GET", f"/v1/referrals?limit=2&cursor={first['next']}", partner())
    assert [item["referral_id"] for item in second.json()["items"]] == made[:1]
    assert second.json()["next"] is None


async def test_a_preview_tells_of_duplicates_outcomes_and_the_service(desk: Desk) -> None:
    await desk.enter(other := uuid4(), capacity={"available": 0}, assured_date="2026-06-01")
    anchor = an_anchor()
    permit = referrer(action=Action.REFER, about=(anchor,))

    async def preview(service_id: Any) -> dict[str, Any]:
        answered = await desk.call("POST", "/v1/referrals/preview", permit, json={"service_id": str(service_id)})
        assert answered.status_code == 200, answered.text
        told: dict[str, Any] = answered.json()
        return told

    assert (await preview(desk.service_id))["duplicates"] is False
    referral = await desk.refer(about=anchor)
    assert (await preview(desk.service_id))["duplicates"] is True
    await desk.moves(referral, "receive", "accept", "start", "complete", outcome="partly-met")
    told = await preview(desk.service_id)
    assert (told["duplicates"], told["earlier_outcomes"], told["partner"]) == (False, ["partly-met"], "shelter-west")
    assert told["service"]["stale"] is True
    told = await preview(other)
    assert (told["earlier_outcomes"], told["service"]["stale"]) == ([], False)
    assert told["service"]["capacity"] == {"available": 0, "maximum": None, "description": None}


@pytest.mark.parametrize("status", ["inactive", "defunct", "temporarily closed"])
async def test_a_service_that_takes_nobody_gets_no_referral(desk: Desk, status: str) -> None:
    await desk.enter(closed := uuid4(), status=status)

    refused = await desk.ask_to_refer(service_id=str(closed))

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/service-not-taking")
    assert (await desk.call("GET", "/v1/referrals", referrer())).json()["items"] == []


async def test_a_value_the_referrer_may_not_see_is_not_frozen(desk: Desk) -> None:
    hidden = {"field": "nhs_number", "category": "identifiers", "scope": "wcc/housing", "form": "value", "value": "x"}

    refused = await desk.ask_to_refer(payload=[hidden])

    assert refused.status_code == 401
    assert (await desk.call("GET", "/v1/referrals", referrer())).json()["items"] == []


async def test_the_same_key_and_body_make_one_referral(desk: Desk) -> None:
    anchor = an_anchor()

    first = await desk.ask_to_refer(key="k-1", about=anchor)
    again = await desk.ask_to_refer(key="k-1", about=anchor)
    other = await desk.ask_to_refer(key="k-1", about=anchor, fingerprint="1" * 64)

    assert first.json() == again.json()
    assert other.status_code == 422
    assert len((await desk.call("GET", "/v1/referrals", referrer())).json()["items"]) == 1


async def test_what_was_not_received_in_time_expires_and_nothing_else(desk: Desk) -> None:
    late, taken = await desk.refer(), await desk.refer()
    await desk.moves(taken, "receive")

    await desk.look_at_clocks()
    assert (await desk.view(late, referrer()))["status"] == "sent"
    desk.at += timedelta(hours=24)
    await desk.look_at_clocks()

    expired = await desk.view(late, referrer())
    assert (expired["status"], expired["history"][-1]["by"]) == ("expired", "platform")
    assert (await desk.view(taken, referrer()))["status"] == "received"
    assert [item["status"] for item in (await desk.feed())["items"]][-1] == "expired"


async def test_events_tell_each_step_once_and_the_partner_hears_from_the_sending_on(desk: Desk) -> None:
    referral = await desk.refer()
    await desk.moves(referral, "receive")
    await desk.publish()

    ours = [one for one in desk.heard if one.topic == "scv.referrals"]
    assert [(one.aggregate_version, one.data["action"], one.data["status"]) for one in ours] == [
        (1, "create", "draft"),
        (2, "authorise", "authorised"),
        (3, "send", "sent"),
        (4, "receive", "received"),
    ]
    theirs = [one for one in desk.heard if one.topic == partner_topic("shelter-west")]
    assert [(one.subject, one.aggregate_version, one.data) for one in theirs] == [
        ("shelter-west", 1, {"referral_id": referral, "sequence": 1, "status": "sent"}),
        ("shelter-west", 2, {"referral_id": referral, "sequence": 2, "status": "received"}),
    ]


async def test_a_referral_withdrawn_before_it_was_sent_is_never_sent(desk: Desk) -> None:
    made = await desk.ask_to_refer()
    referral = made.json()["referral_id"]
    withdrawn = await desk.move(referral, "withdraw", referrer(), reason="moved in with family")
    assert withdrawn.status_code == 200

    await desk.publish()

    assert (await desk.view(referral, referrer()))["status"] == "withdrawn"
    assert (await desk.feed())["items"] == []


async def test_the_referrals_of_a_person_are_shown_as_far_as_granted(desk: Desk) -> None:
    anchor, elsewhere = an_anchor(), an_anchor(scope="lbhf/parking")
    referral = await desk.refer(about=anchor)
    await desk.refer(about=replace(elsewhere, person_id=anchor.person_id), payload=[])
    await desk.refer()
    about = (replace(anchor, record_id=None, scope=None),)
    path = f"/v1/people/{anchor.person_id}/referrals"

    own = await desk.call("GET", path, a_permit("lbhf", about=about))
    exists = granting(HOUSING, categories=FLOW | {Category.REFERRALS: Form.EXISTS})
    theirs = await desk.call("GET", path, a_permit("wcc", about=about, grants=exists))
    none = await desk.call("GET", path, a_permit("wcc", about=about, grants=granting(HOUSING, categories=FLOW)))
    stranger = await desk.call("GET", path, a_permit("lbhf"))

    assert [(item["service_area"], item["status"]) for item in own.json()["items"]] == [
        ("parking", "sent"),
        ("housing", "sent"),
    ]
    assert own.json()["items"][1]["referral_id"] == referral
    assert theirs.json()["items"] == [{"exists": True, "owner": "lbhf", "service_area": "housing"}]
    assert none.json()["items"] == []
    assert stranger.status_code == 401
