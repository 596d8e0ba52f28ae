"""Assessments: established once, reused instead of asked again."""

from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Category, Form, Grants
from tests.builders import granting
from tests.case_episodes.conftest import CARE_NEEDS, MEALS, Episodes, an_assessment, looking, somebody, writing
from tests.customer_index import behind


def seeing(form: Form = Form.VALUE) -> Grants:
    """Let wcc see lbhf's benefits assessments, and its own of education."""
    seen = granting("lbhf/benefits", categories={Category.EXISTENCE: Form.VALUE, Category.ASSESSMENTS: form})
    return {**seen, **granting("wcc/education")}


async def test_what_was_established_is_listed_for_the_persons_resolved_only(episodes: Episodes) -> None:
    ada = somebody()
    recorded = [
        (await episodes.call("POST", "/v1/assessments", writing(about=(ada,)), json=an_assessment())).json()
        for _ in range(3)
    ]
    await episodes.call("POST", "/v1/assessments", writing(about=(somebody(),)), json=an_assessment())
    path = f"/v1/people/{ada.person_id}/assessments"

    first = await episodes.call("GET", path + "?limit=2", looking("lbhf", ada))
    after = path + "?limit=2&cursor=" + first.json()["next"]
    rest = await episodes.call("GET", after, looking("lbhf", ada))
    stranger = await episodes.call("GET", path, looking("lbhf", somebody()))

    listed = [*first.json()["items"], *rest.json()["items"]]
    assert rest.json()["next"] is None
    assert {one["assessment_id"] for one in listed} == {one["assessment_id"] for one in recorded}
    assert listed[0]["facts"] == recorded[0]["facts"] or len(listed[0]["facts"]) == 2
    assert stranger.status_code == 404


async def test_an_assessment_moves_only_as_its_life_allows(episodes: Episodes) -> None:
    recorded = (
        await episodes.call("POST", "/v1/assessments", writing(about=(somebody(),)), json=an_assessment())
    ).json()
    path = f"/v1/assessments/{recorded['assessment_id']}/transitions"

    asked = await episodes.call("POST", path, writing(), json={"to": "evidence-requested"})
    decided = await episodes.call("POST", path, writing(), json={"to": "eligible", "outcome": "Entitled in part."})
    refused = await episodes.call("POST", path, writing(), json={"to": "not-eligible"})
    overturned = await episodes.call("POST", path, writing(), json={"to": "overturned", "reason": "Appeal upheld."})

    assert [one.json()["status"] for one in (asked, decided, overturned)] == [
        "evidence-requested",
        "eligible",
        "overturned",
    ]
    assert decided.json()["outcome"] == "Entitled in part."
    assert (refused.status_code, refused.json()["legal"]) == (409, ["expired", "overturned", "superseded", "withdrawn"])


async def test_another_borough_reuses_what_it_may_see_and_leaves_it_as_it_is(
    episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    ada = somebody()
    recorded = (await episodes.call("POST", "/v1/assessments", writing(about=(ada,)), json=an_assessment())).json()
    path = f"/v1/assessments/{recorded['assessment_id']}/reuse"
    wanted = {"decision": "accepted", "for_lgsl": MEALS}
    permit = looking("wcc", grants=seeing())
    key = {"Idempotency-Key": "reuse-once"}

    reused = await episodes.call("POST", path, permit, json=wanted, headers=key)
    again = await episodes.call("POST", path, permit, json=wanted, headers=key)
    barely = await episodes.call("POST", path, looking("wcc", grants=seeing(Form.EXISTS)), json=wanted)
    unfit = await episodes.call("POST", path, permit, json={**wanted, "for_lgsl": CARE_NEEDS})
    rejected = await episodes.call("POST", path, permit, json={**wanted, "decision": "rejected"})

    assert (reused.status_code, reused.json()["re_asks_avoided"]) == (201, 2)
    assert again.json() == reused.json()
    assert (barely.status_code, unfit.status_code, rejected.status_code) == (404, 403, 422)
    rows = await behind.ask(
        admins["case_episodes"], "SELECT owner, scope, assessment_owner, re_asks_avoided FROM reuses"
    )
    assert rows == [("wcc", "wcc/education", "lbhf", 2)]
    told = await behind.ask(
        admins["case_episodes"],
        "SELECT owner, subject, aggregate_version FROM outbox WHERE type = 'assessment.reused.v1'",
    )
    assert told == [("wcc", reused.json()["reuse_id"], 1)]


async def test_facts_out_of_date_are_topped_up_and_what_was_set_aside_is_done_anew(episodes: Episodes) -> None:
    stale = an_assessment(
        facts=[{"attribute": "a", "value": 1, "valid_until": "2026-06-30"}, {"attribute": "b", "band": "c"}]
    )
    recorded = (await episodes.call("POST", "/v1/assessments", writing(about=(somebody(),)), json=stale)).json()
    path = f"/v1/assessments/{recorded['assessment_id']}"

    accepted = await episodes.call("POST", path + "/reuse", looking(), json={"decision": "accepted", "for_lgsl": MEALS})
    topped_up = await episodes.call(
        "POST", path + "/reuse", looking(), json={"decision": "topped-up", "for_lgsl": MEALS}
    )
    await episodes.call("POST", path + "/transitions", writing(), json={"to": "withdrawn"})
    too_late = await episodes.call(
        "POST", path + "/reuse", looking(), json={"decision": "topped-up", "for_lgsl": MEALS}
    )

    assert (accepted.status_code, accepted.json()["type"]) == (409, "/problems/not-reusable")
    assert (topped_up.status_code, topped_up.json()["re_asks_avoided"]) == (201, 1)
    assert too_late.status_code == 409


@pytest.mark.parametrize(
    ("fact", "pointer"),
    [
        ({"attribute": "a", "value": "x" * 201}, "/facts/0/value"),
        ({"attribute": "a"}, "/facts/0"),
        ({"attribute": "a", "value": 1, "band": "b"}, "/facts/0"),
        (
            {"attribute": "a", "value": 1, "valid_from": "2026-07-02", "valid_until": "2026-07-01"},
            "/facts/0/valid_until",
        ),
    ],
)
async def test_a_fact_says_something_and_one_thing(
    fact: dict[str, object], pointer: str, episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    answer = await episodes.call(
        "POST", "/v1/assessments", writing(about=(somebody(),)), json=an_assessment(facts=[fact])
    )

    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [pointer])
    assert await behind.count(admins["case_episodes"], "assessments") == 0


async def test_an_assessment_nobody_may_see_is_not_there_to_be_reused(episodes: Episodes) -> None:
    answer = await episodes.call(
        "POST", f"/v1/assessments/{uuid4()}/reuse", looking(), json={"decision": "accepted", "for_lgsl": MEALS}
    )

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
