"""Anchors: whom another service's call is about, and only of the caller's own organisation."""

from uuid import uuid4

import pytest

from shared.categories import Action
from tests.builders import a_permit, a_record, granting, write_permit
from tests.customer_index.conftest import Index


async def assert_record(index: Index, org: str, source: str, local_id: str, **changes: object) -> dict[str, str]:
    path = f"/v1/sources/{source}/records/{local_id}"
    answer = await index.call("PUT", path, write_permit(org, source), json=a_record(**changes))
    assert answer.status_code == 201, answer.text
    asserted: dict[str, str] = answer.json()
    return asserted


@pytest.mark.parametrize("action", [Action.READ, Action.WRITE, Action.REFER])
async def test_a_subject_is_found_by_record_and_by_person(action: Action, index: Index) -> None:
    asserted = await assert_record(index, "lbhf", "housing", "h-1")
    permit = a_permit("lbhf", action=action)

    by_record = await index.call("POST", "/v1/anchors", permit, json={"source": "housing", "local_id": "h-1"})
    by_person = await index.call("POST", "/v1/anchors", permit, json={"person_id": asserted["person_id"]})

    expected = {"owner": "lbhf", "scope": "lbhf/housing", "household": []}
    expected |= {name: asserted[name] for name in ("record_id", "person_id")}
    assert by_record.json() == by_person.json() == expected


async def test_of_a_person_only_records_the_permit_opens_are_anchors(index: Index) -> None:
    await assert_record(index, "lbhf", "adult-social-care", "a-1")
    asserted = await assert_record(index, "lbhf", "housing", "h-1")
    wanted = {"person_id": asserted["person_id"]}

    seen = await index.call("POST", "/v1/anchors", a_permit("lbhf", grants=granting("lbhf/housing")), json=wanted)
    unseen = await index.call("POST", "/v1/anchors", a_permit("lbhf", grants=granting("lbhf/parking")), json=wanted)

    assert seen.json()["record_id"] == asserted["record_id"]
    assert unseen.status_code == 404


async def test_who_is_not_the_organisation_s_own_is_like_nobody(index: Index) -> None:
    theirs = await assert_record(index, "wcc", "housing", "h-1")
    permit = a_permit("lbhf", grants=granting("lbhf/housing", "wcc/housing"))

    answers = [
        await index.call("POST", "/v1/anchors", permit, json={"person_id": one})
        for one in (theirs["person_id"], str(uuid4()))
    ]
    unknown = await index.call("POST", "/v1/anchors", permit, json={"source": "housing", "local_id": "h-1"})

    assert [answer.status_code for answer in (*answers, unknown)] == [404] * 3
    assert answers[0].json() | {"request_id": ""} == answers[1].json() | {"request_id": ""}


async def test_who_lives_with_a_subject_is_told_when_asked(index: Index) -> None:
    ada = await assert_record(index, "lbhf", "housing", "h-1")
    ben = await assert_record(
        index, "lbhf", "housing", "h-2", given_names=["Ben"], date_of_birth="1999-01-02", nhs_number=None,
        phones=[], emails=[], gender="male",
    )  # fmt: skip
    assert ada["person_id"] != ben["person_id"]

    wanted = {"source": "housing", "local_id": "h-1", "household": True}
    answer = await index.call("POST", "/v1/anchors", a_permit("lbhf"), json=wanted)

    assert answer.json()["household"] == [ben["person_id"]]


@pytest.mark.parametrize(
    "body", [{}, {"source": "crm"}, {"local_id": "c-1"}, {"source": "crm", "person_id": str(uuid4())}]
)
async def test_a_subject_is_named_in_one_way(body: dict[str, str], index: Index) -> None:
    answer = await index.call("POST", "/v1/anchors", a_permit("lbhf"), json=body)

    assert answer.status_code == 422
