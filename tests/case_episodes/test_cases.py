"""Cases: opened, grouped into episodes, worked on, and shown as far as they are granted."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from case_episodes.case import LEGAL
from shared.categories import Category, Form
from shared.permit import Anchor
from tests.builders import AT, granting
from tests.case_episodes.conftest import (
    BUS_PASS,
    CARE_NEEDS,
    COUNCIL_TAX,
    MEALS,
    Episodes,
    a_case,
    looking,
    somebody,
    writing,
)
from tests.customer_index import behind


async def test_a_case_is_opened_about_the_subject_that_was_resolved(episodes: Episodes) -> None:
    ada = somebody()

    opened = await episodes.open(ada, source=None, local_id=None, person_id=str(uuid4()))

    assert opened.keys() == {"case_id", "episode_id", "person_id", "status", "due_at"}
    assert (opened["person_id"], opened["status"], opened["due_at"]) == (str(ada.person_id), "open", None)
    read = await episodes.call("GET", f"/v1/cases/{opened['case_id']}", looking())
    assert read.status_code == 200
    assert read.json()["description"] == "Claims housing benefit for the first time."
    assert (read.json()["service_area"], read.json()["speed"]) == ("benefits", "slow")


async def test_a_discontinued_service_is_accepted_mapped_and_warned_about(episodes: Episodes) -> None:
    permit = writing(about=(somebody(),), grants=granting("lbhf/concessions:special"))

    answer = await episodes.call("POST", "/v1/cases", permit, json=a_case(lgsl=273))

    assert answer.status_code == 201
    assert [one["pointer"] for one in answer.json()["warnings"]] == ["/lgsl"]
    read = await episodes.call(
        "GET", f"/v1/cases/{answer.json()['case_id']}", looking(grants=granting("lbhf/concessions:special"))
    )
    assert read.json()["lgsl"] == BUS_PASS


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"lgsl": 99_998}, "/lgsl"),
        ({"lgil": 18}, "/lgil"),
        ({"lgsl": "69"}, "/lgsl"),
        ({"description": ""}, "/description"),
        ({"postcode_sector": "W6 9ZZ"}, "/postcode_sector"),
        ({"channel": "pigeon"}, "/channel"),
        ({"person_id": str(uuid4())}, ""),
        ({"local_id": None}, ""),
        ({"urgent": True}, "/urgent"),
    ],
)
async def test_what_is_wrong_with_a_case_is_named_and_nothing_is_kept(
    wrong: dict[str, object], pointer: str, episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    answer = await episodes.call("POST", "/v1/cases", writing(about=(somebody(),)), json=a_case(**wrong))

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert await behind.count(admins["case_episodes"], "cases") == 0


async def test_a_permit_without_a_subject_of_its_own_organisation_opens_no_case(
    episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    for about in ((), (somebody("wcc"),), (Anchor("lbhf", uuid4()),)):
        answer = await episodes.call("POST", "/v1/cases", writing(about=about), json=a_case())
        assert answer.status_code == 401
    assert await behind.count(admins["case_episodes"], "cases") == 0


async def test_work_outside_purpose_and_role_is_refused_by_name(episodes: Episodes) -> None:
    only_existence = granting("lbhf/adult-social-care", categories={Category.EXISTENCE: Form.VALUE})
    asked = a_case(lgsl=CARE_NEEDS)

    unfit = await episodes.call("POST", "/v1/cases", writing(about=(somebody(),)), json=asked)
    too_low = await episodes.call("POST", "/v1/cases", writing(about=(somebody(),), grants=only_existence), json=asked)

    assert (unfit.status_code, unfit.json()["type"]) == (403, "/problems/purpose-not-permitted")
    assert (too_low.status_code, too_low.json()["type"]) == (403, "/problems/role-not-permitted")


async def test_cases_of_one_person_and_cluster_share_an_episode_within_ninety_days(episodes: Episodes) -> None:
    ada = somebody()
    first = await episodes.open(ada)
    episodes.at = AT + timedelta(days=90)
    second = await episodes.open(ada, lgsl=MEALS)
    episodes.at = AT + timedelta(days=181)
    third = await episodes.open(ada)

    assert second["episode_id"] == first["episode_id"]
    assert third["episode_id"] != first["episode_id"]


async def test_the_ninety_days_are_counted_from_the_latest_case(episodes: Episodes) -> None:
    ada = somebody()
    opened = []
    for days in (0, 80, 160):
        episodes.at = AT + timedelta(days=days)
        opened.append(await episodes.open(ada))

    assert len({one["episode_id"] for one in opened}) == 1


async def test_another_cluster_person_or_owner_has_another_episode(episodes: Episodes) -> None:
    ada = somebody()
    namesake = somebody("wcc", person_id=ada.person_id)
    opened = [
        await episodes.open(ada),
        await episodes.open(ada, lgsl=COUNCIL_TAX),
        await episodes.open(somebody()),
        await episodes.open(namesake, permit=writing("wcc", about=(namesake,))),
    ]

    assert len({one["episode_id"] for one in opened}) == 4


async def test_a_household_shares_an_episode_when_its_cases_are_about_it(episodes: Episodes) -> None:
    ada, ben = somebody(), somebody()
    whole = await episodes.open(ada, permit=writing(about=(ada, Anchor("lbhf", ben.person_id))), household=True)
    joined = await episodes.open(ben, permit=writing(about=(ben, Anchor("lbhf", ada.person_id))), household=True)
    alone = await episodes.open(ben, permit=writing(about=(ben, Anchor("lbhf", ada.person_id))))

    assert joined["episode_id"] == whole["episode_id"]
    assert alone["episode_id"] != whole["episode_id"]


async def test_a_case_joins_an_episode_its_opener_may_not_see(episodes: Episodes) -> None:
    ada = somebody()
    cares = granting("lbhf/adult-social-care")
    first = await episodes.open(ada, permit=writing(about=(ada,), grants=cares), lgsl=CARE_NEEDS)
    second = await episodes.open(ada)

    assert second["episode_id"] == first["episode_id"]
    shown = (await episodes.call("GET", f"/v1/episodes/{first['episode_id']}", looking())).json()
    assert shown["cases"] == [second["case_id"]]
    assert shown["service_area"] == "benefits"
    assert (shown["trigger"], shown["opened_at"]) == (None, None)


async def test_twenty_first_cases_at_once_make_one_episode(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    ada = somebody()

    opened = await asyncio.gather(*(episodes.open(ada) for _ in range(20)))

    assert len({one["episode_id"] for one in opened}) == 1
    assert await behind.count(admins["case_episodes"], "episodes") == 1
    assert await behind.count(admins["case_episodes"], "cases") == 20


async def test_first_cases_at_once_about_two_records_of_one_person_make_one_episode(episodes: Episodes) -> None:
    ada = somebody()
    records = [ada, Anchor("lbhf", ada.person_id, uuid4(), ada.scope)]

    opened = await asyncio.gather(*(episodes.open(records[number % 2]) for number in range(20)))

    assert len({one["episode_id"] for one in opened}) == 1


async def test_the_same_key_and_body_open_one_case(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    permit = writing(about=(somebody(),))
    key = {"Idempotency-Key": "open-once"}

    answers = await asyncio.gather(
        *(episodes.call("POST", "/v1/cases", permit, json=a_case(), headers=key) for _ in range(20))
    )

    done = {answer.json()["case_id"] for answer in answers if answer.status_code == 201}
    assert len(done) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await behind.count(admins["case_episodes"], "cases") == 1
    again = await episodes.call("POST", "/v1/cases", permit, json=a_case(), headers=key)
    other = await episodes.call("POST", "/v1/cases", permit, json=a_case(lgil=8), headers=key)
    assert (again.status_code, again.json()["case_id"]) == (201, *done)
    assert other.status_code == 422


async def test_a_case_moves_only_as_its_life_allows(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    path = f"/v1/cases/{opened['case_id']}/transitions"
    for status in ("in-progress", "waiting", "in-progress", "resolved", "closed", "reopened", "in-progress"):
        moved = await episodes.call("POST", path, writing(), json={"to": status})
        assert (moved.status_code, moved.json()["status"]) == (200, status)

    refused = await episodes.call("POST", path, writing(), json={"to": "closed"})

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
    assert refused.json()["legal"] == sorted(LEGAL[next(one for one in LEGAL if one == "in-progress")])


async def test_a_reason_is_kept_as_a_note(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    path = f"/v1/cases/{opened['case_id']}"

    await episodes.call("POST", path + "/transitions", writing(), json={"to": "in-progress", "reason": "Papers came."})
    written = await episodes.call("POST", path + "/notes", writing(), json={"text": "Called back."})

    assert written.status_code == 201
    notes = (await episodes.call("GET", path, looking())).json()["notes"]
    assert [(one["text"], one["status"]) for one in notes] == [("Papers came.", "in-progress"), ("Called back.", None)]


async def test_notes_show_to_nobody_without_their_category(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    path = f"/v1/cases/{opened['case_id']}"
    await episodes.call("POST", path + "/notes", writing(), json={"text": "Called back."})
    told = {Category.EXISTENCE: Form.VALUE, Category.CASES: Form.VALUE}

    without = await episodes.call("GET", path, looking(grants=granting("lbhf/benefits", categories=told)))
    told[Category.CASE_NOTES] = Form.EXISTS
    barely = await episodes.call("GET", path, looking(grants=granting("lbhf/benefits", categories=told)))

    assert without.json()["notes"] is None
    assert barely.json()["notes"] == {"exists": True}
    assert "Called back" not in without.text + barely.text


async def test_a_change_names_the_version_it_replaces(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    path = f"/v1/cases/{opened['case_id']}"
    etag = (await episodes.call("GET", path, looking())).headers["ETag"]

    unnamed = await episodes.call("PATCH", path, writing(), json={"handled_by": "jo"})
    changed = await episodes.call("PATCH", path, writing(), json={"handled_by": "jo"}, headers={"If-Match": etag})
    stale = await episodes.call("PATCH", path, writing(), json={"handled_by": "al"}, headers={"If-Match": etag})
    emptied = await episodes.call(
        "PATCH", path, writing(), json={"description": None}, headers={"If-Match": changed.headers["ETag"]}
    )

    assert [one.status_code for one in (unnamed, changed, stale, emptied)] == [428, 200, 412, 422]
    read = await episodes.call("GET", path, looking())
    assert (read.json()["handled_by"], read.headers["ETag"]) == ("jo", changed.headers["ETag"])


async def test_a_case_of_a_scope_that_is_not_granted_does_not_exist(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    path = f"/v1/cases/{opened['case_id']}"
    exists = {Category.EXISTENCE: Form.VALUE, Category.CASES: Form.EXISTS}
    blind = {Category.CASES: Form.VALUE}

    answers = [
        await episodes.call("GET", path, looking(grants=granting("lbhf/housing"))),
        await episodes.call("GET", path, looking("wcc")),
        await episodes.call("GET", path, looking(grants=granting("lbhf/benefits", categories=exists))),
        await episodes.call("GET", path, looking(grants=granting("lbhf/benefits", categories=blind))),
        await episodes.call("GET", f"/v1/cases/{uuid4()}", looking()),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str(sorted((answer.json() | {"request_id": ""}).items())) for answer in answers}) == 1


async def test_nobody_changes_another_owner_s_case(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())
    path = f"/v1/cases/{opened['case_id']}"
    permit = writing("wcc", grants=granting("lbhf/benefits", "wcc/benefits"))

    moved = await episodes.call("POST", path + "/transitions", permit, json={"to": "in-progress"})
    noted = await episodes.call("POST", path + "/notes", permit, json={"text": "Ours now."})

    assert (moved.status_code, noted.status_code) == (404, 404)
    assert (await episodes.call("GET", path, looking())).json()["status"] == "open"


async def test_fast_and_slow_cases_stand_in_queues_of_their_own_the_earliest_due_first(episodes: Episodes) -> None:
    slow = [await episodes.open(somebody()) for _ in range(3)]
    fast = await episodes.open(somebody(), lgsl=COUNCIL_TAX)
    path = f"/v1/cases/{slow[2]['case_id']}"
    etag = (await episodes.call("GET", path, looking())).headers["ETag"]
    yesterday = (AT - timedelta(days=1)).isoformat()
    await episodes.call("PATCH", path, writing(), json={"due_at": yesterday}, headers={"If-Match": etag})

    async def queue(query: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            answer = await episodes.call("GET", f"/v1/work-queue?limit=2{query}{cursor}", looking())
            assert answer.status_code == 200, answer.text
            found += [item["case_id"] for item in answer.json()["items"]]
            if answer.json()["next"] is None:
                return found
            cursor = "&cursor=" + answer.json()["next"]

    assert await queue("&speed=fast") == [fast["case_id"]]
    slow_queue = await queue("&speed=slow")
    assert slow_queue[0] == slow[2]["case_id"]
    assert set(slow_queue) == {one["case_id"] for one in slow}
    assert await queue("&overdue=true") == [slow[2]["case_id"]]
    assert len(await queue("")) == 4
    await episodes.call("POST", f"/v1/cases/{fast['case_id']}/transitions", writing(), json={"to": "in-progress"})
    await episodes.call("POST", f"/v1/cases/{fast['case_id']}/transitions", writing(), json={"to": "resolved"})
    assert await queue("&speed=fast") == []


async def test_the_queue_names_nobody_and_shows_only_the_own_organisation_s(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())

    own = await episodes.call("GET", "/v1/work-queue", looking())
    other = await episodes.call("GET", "/v1/work-queue", looking("wcc", grants=granting("lbhf/benefits")))

    assert opened["person_id"] not in own.text + own.headers["SCV-Disclosed"]
    assert "Claims" not in own.text
    assert other.json()["items"] == []


async def test_every_change_tells_of_itself_without_a_gap(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    ada = somebody()
    opened = await episodes.open(ada)
    await episodes.open(ada)
    path = f"/v1/cases/{opened['case_id']}"
    await episodes.call("POST", path + "/transitions", writing(), json={"to": "in-progress"})
    await episodes.call("POST", path + "/notes", writing(), json={"text": "Called back."})
    await episodes.call("POST", f"/v1/episodes/{opened['episode_id']}/transitions", writing(), json={"to": "dormant"})
    new = await episodes.call(
        "POST", f"/v1/episodes/{opened['episode_id']}/regroup", writing(), json={"cases": [opened["case_id"]]}
    )
    assert new.status_code == 200

    told = await behind.events(admins["case_episodes"])

    assert [kind for kind, subject, _ in told if subject == opened["case_id"]] == [
        "case.opened.v1",
        "case.changed.v1",
        "case.changed.v1",
        "case.changed.v1",
    ]
    by_subject: dict[str, list[int]] = {}
    for _, subject, version in told:
        by_subject.setdefault(subject, []).append(version)
    assert all(versions == list(range(1, len(versions) + 1)) for versions in by_subject.values())
    assert {UUID(subject) for subject in by_subject} >= {UUID(new.json()["episode_id"])}
