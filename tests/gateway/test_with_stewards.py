"""Stewards at the gateway: who may, what the audit holds of it, and how the other services follow."""

from typing import Any

import pytest

from tests.builders import a_record
from tests.gateway.platform import AGREEMENT, TRAINED
from tests.gateway.test_with_case_episodes import Council, council

__all__ = ["council"]

STEWARD, THEIRS = "lbhf/stella/steward", "wcc/stig/steward"
PURPOSE = "data-stewardship"
TWIN: dict[str, Any] = {"given_names": ["Chidi"], "nhs_number": None}
FOR_STEWARDS = {
    **AGREEMENT,
    "type": "isp",
    "flows": [
        {
            **AGREEMENT["flows"][0],
            "id": f"s-{provider}",
            "from": provider,
            "to": recipient,
            "purposes": [PURPOSE],
            "recipient_roles": ["steward"],
            "categories": [{"category": "existence"}, {"category": "identity"}],
        }
        for provider, recipient in (("lbhf", "wcc"), ("wcc", "lbhf"))
    ]
    + AGREEMENT["flows"][1:],
}


@pytest.fixture
async def stewards(council: Council) -> Council:
    """The services, with a steward in two boroughs."""
    for who in (STEWARD, THEIRS):
        await council.platform.enter(who, **TRAINED)
    return council


async def act(council: Council, path: str, who: str = STEWARD, **body: Any) -> Any:
    return await council.platform.call("POST", path, who, purpose=PURPOSE, json=body)


async def reviews(council: Council, who: str = STEWARD) -> list[dict[str, Any]]:
    answer = await council.platform.call("GET", "/v1/reviews", who, purpose=PURPOSE)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_case_follows_its_record_through_merge_and_undoing(stewards: Council) -> None:
    first = await stewards.assert_record("lbhf", "crm", "r-0")
    second = await stewards.assert_record("lbhf", "housing", "r-1", **TWIN)
    case = (await stewards.open_case()).json()
    assert case["person_id"] == second

    async def subject_of_case() -> str:
        await stewards.settle()
        read = await stewards.call("GET", f"/v1/cases/{case['case_id']}", purpose="benefits")
        return str(read.json()["person_id"])

    for _ in range(2):
        merged = await act(stewards, f"/v1/people/{second}/merge", other=first, reason="one woman")
        assert merged.status_code == 200, merged.text
        assert await subject_of_case() == first
        undone = await act(stewards, f"/v1/stewardship/{merged.json()['stewardship_id']}/undo")
        assert undone.status_code == 200, undone.text
        assert await subject_of_case() == second


async def test_the_audit_holds_intent_and_outcome_with_the_records(stewards: Council) -> None:
    first = await stewards.assert_record("lbhf", "crm", "r-0")
    second = await stewards.assert_record("lbhf", "housing", "r-1", **TWIN)

    merged = await act(stewards, f"/v1/people/{first}/merge", other=second, reason="Canary: one woman")

    rows = [row for row in await stewards.platform.audited("lbhf") if row["action"] == "steward"]
    assert [row["outcome"] for row in rows] == ["done", "intent"]
    records = [record for one in merged.json()["before"] for record in one["records"]]
    assert sorted(name.split("/")[1].split("@")[0] for name in rows[0]["records"]) == sorted(records)
    assert "Canary" not in str(rows)
    await reviews(stewards)
    looked = (await stewards.platform.audited("lbhf"))[0]
    assert (looked["action"], looked["route"]) == ("read", "/v1/reviews")


@pytest.mark.parametrize("who", ["lbhf/ada/caseworker", "lbhf/ig/ig-lead", "lbhf/boss/admin", "platform/root/operator"])
async def test_nobody_but_a_steward_stewards(who: str, stewards: Council) -> None:
    first = await stewards.assert_record("lbhf", "crm", "r-0")

    refused = await act(stewards, f"/v1/people/{first}/split", who, records=[first], reason="x")

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-not-permitted")
    wrong = await stewards.platform.call("GET", "/v1/reviews", STEWARD, purpose="benefits")
    assert (wrong.status_code, wrong.json()["type"]) == (403, "/problems/purpose-not-permitted")
    assert wrong.json()["needed"] == "one of the purposes data-stewardship"
    missing = await stewards.platform.call("GET", "/v1/reviews", STEWARD)
    assert missing.json()["type"] == "/problems/purpose-required"


async def test_a_link_is_decided_under_a_clause_for_stewards_and_shows_at_once(stewards: Council) -> None:
    ours = await stewards.assert_record("lbhf", "housing")
    theirs = await stewards.assert_record("wcc", "housing", **TWIN)
    assert await reviews(stewards) == []
    await stewards.platform.agree(FOR_STEWARDS)
    await stewards.settle()

    (review,) = await reviews(stewards)

    assert [side["person_id"] for side in review["sides"]] == [ours, theirs]
    assert {row["comparison"] for row in review["waterfall"]} <= {"forename", "surname", "birth", "gender"}
    decided = await act(stewards, f"/v1/reviews/{review['review_id']}/decision", decision="match", note="seen")
    assert decided.status_code == 200, decided.text
    view = await stewards.platform.call("GET", f"/v1/people/{ours}", STEWARD, purpose=PURPOSE)
    assert [(one["person_id"], one["link"]) for one in view.json()["linked"]] == [(theirs, "steward")]
    await act(stewards, f"/v1/stewardship/{decided.json()['stewardship_id']}/undo")
    view = await stewards.platform.call("GET", f"/v1/people/{ours}", STEWARD, purpose=PURPOSE)
    assert view.json()["linked"] == []
    shown = [row for row in await stewards.platform.audited("wcc") if row["organisation"] == "lbhf"]
    assert shown, "wcc reads who of lbhf saw its records"


async def test_a_note_is_not_repeated_and_unknown_fields_are_refused(stewards: Council) -> None:
    first = await stewards.assert_record("lbhf", "crm", "r-0")

    refused = await act(stewards, f"/v1/people/{first}/merge", other="nobody", reason="Canary", more=a_record())

    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/other", "/more"}
    assert "Canary" not in refused.text


async def test_the_residents_log_is_whole_after_a_merge(stewards: Council) -> None:
    survivor = await stewards.assert_record("lbhf", "crm", "r-0")
    merged = await stewards.assert_record("lbhf", "housing", "r-1", **TWIN)
    seen = await stewards.call("GET", f"/v1/people/{merged}?include=household", purpose="housing")
    assert seen.status_code == 200
    done = await act(stewards, f"/v1/people/{survivor}/merge", other=merged, reason="one human being")
    assert done.status_code == 200, done.text

    log = await stewards.call("GET", f"/v1/people/{survivor}/access-log", purpose="housing")
    assert ("lbhf", "housing", "read") in [
        (one["organisation"], one["purpose"], one["action"]) for one in log.json()["items"]
    ]
    for asked, leads_to in (
        ("access-log", f"/v1/people/{survivor}/access-log"),
        ("timeline", f"/v1/people/{survivor}/timeline"),
        ("?include=household", f"/v1/people/{survivor}?include=household"),
    ):
        path = f"/v1/people/{merged}{asked}" if asked.startswith("?") else f"/v1/people/{merged}/{asked}"
        answer = await stewards.call("GET", path, purpose="housing")
        assert (answer.status_code, answer.headers.get("location")) == (308, leads_to)
