"""Episodes and the contacts in them: moved on, regrouped, and never of two people."""

from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.permit import Anchor
from tests.builders import granting
from tests.case_episodes.conftest import (
    CARE_NEEDS,
    COUNCIL_TAX,
    Episodes,
    a_contact,
    looking,
    somebody,
    writing,
)
from tests.customer_index import behind


async def test_an_episode_that_is_not_open_is_joined_by_no_case(episodes: Episodes) -> None:
    ada = somebody()
    first = await episodes.open(ada)
    path = f"/v1/episodes/{first['episode_id']}/transitions"

    dormant = await episodes.call("POST", path, writing(), json={"to": "dormant"})
    second = await episodes.open(ada)
    closed = await episodes.call("POST", path, writing(), json={"to": "closed", "reason": "Settled."})
    refused = await episodes.call("POST", path, writing(), json={"to": "dormant"})

    assert (dormant.json()["status"], closed.json()["status"]) == ("dormant", "closed")
    assert second["episode_id"] != first["episode_id"]
    assert (refused.status_code, refused.json()["legal"]) == (409, ["open"])


async def test_cases_are_regrouped_into_a_new_episode_and_back(episodes: Episodes) -> None:
    ada = somebody()
    first, second = await episodes.open(ada), await episodes.open(ada)
    path = f"/v1/episodes/{first['episode_id']}"

    apart = await episodes.call("POST", path + "/regroup", writing(), json={"cases": [second["case_id"]]})
    away = apart.json()["episode_id"]
    back = await episodes.call(
        "POST",
        f"/v1/episodes/{away}/regroup",
        writing(),
        json={"cases": [second["case_id"]], "into": first["episode_id"]},
    )

    assert apart.json()["cases"] == [second["case_id"]]
    assert away != first["episode_id"]
    assert set(back.json()["cases"]) == {first["case_id"], second["case_id"]}
    assert [step["status"] for step in back.json()["steps"]] == ["open", "open"]
    assert (await episodes.call("GET", f"/v1/episodes/{away}", looking())).status_code == 404


async def test_nobody_s_cases_are_put_with_another_s(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    ada, ben = await episodes.open(somebody()), await episodes.open(somebody())
    before = await behind.contents(admins["case_episodes"])
    path = f"/v1/episodes/{ada['episode_id']}/regroup"

    mixed = await episodes.call("POST", path, writing(), json={"cases": [ada["case_id"]], "into": ben["episode_id"]})
    foreign = await episodes.call("POST", path, writing(), json={"cases": [ben["case_id"]]})
    nowhere = await episodes.call("POST", path, writing(), json={"cases": [ada["case_id"]], "into": str(uuid4())})
    same = await episodes.call("POST", path, writing(), json={"cases": [ada["case_id"]], "into": ada["episode_id"]})

    assert [one.status_code for one in (mixed, foreign, nowhere, same)] == [422, 404, 404, 422]
    assert mixed.json()["type"] == "/problems/not-the-same-people"
    assert await behind.contents(admins["case_episodes"]) == before


async def test_a_household_s_case_is_put_into_no_stranger_s_episode(episodes: Episodes) -> None:
    ada, ben = somebody(), somebody()
    home = await episodes.open(ada, household=True)
    own, stranger_s = await episodes.open(ada), await episodes.open(ben)
    assert own["episode_id"] == home["episode_id"]
    path = f"/v1/episodes/{home['episode_id']}/regroup"

    mixed = await episodes.call(
        "POST", path, writing(), json={"cases": [home["case_id"]], "into": stranger_s["episode_id"]}
    )
    assert (mixed.status_code, mixed.json()["type"]) == (422, "/problems/not-the-same-people")

    apart = await episodes.call("POST", path, writing(), json={"cases": [home["case_id"]]})
    back = await episodes.call(
        "POST",
        f"/v1/episodes/{apart.json()['episode_id']}/regroup",
        writing(),
        json={"cases": [home["case_id"]], "into": home["episode_id"]},
    )

    assert set(back.json()["cases"]) == {home["case_id"], own["case_id"]}


async def test_an_episode_s_tag_changes_only_with_what_is_shown(episodes: Episodes) -> None:
    ada = somebody()
    opened = await episodes.open(ada)
    path = f"/v1/episodes/{opened['episode_id']}"
    before = (await episodes.call("GET", path, looking())).headers["ETag"]

    cares = writing(about=(ada,), grants=granting("lbhf/adult-social-care"))
    hidden = await episodes.open(ada, permit=cares, lgsl=CARE_NEEDS)
    unchanged = (await episodes.call("GET", path, looking())).headers["ETag"]
    moved = await episodes.call(
        "POST", path + "/transitions", writing(), json={"to": "dormant"}, headers={"If-Match": before}
    )
    stale = await episodes.call(
        "POST", path + "/transitions", writing(), json={"to": "open"}, headers={"If-Match": before}
    )

    assert hidden["episode_id"] == opened["episode_id"]
    assert unchanged == before
    assert (moved.status_code, stale.status_code) == (200, 412)


async def test_a_contact_does_not_end_before_it_begins(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    moments = {"started_at": "2026-07-01T10:00:00Z", "ended_at": "2026-07-01T10:59:59+01:00"}

    answer = await episodes.call("POST", "/v1/contacts", writing(about=(somebody(),)), json=a_contact(**moments))

    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, ["/ended_at"])
    assert await behind.count(admins["case_episodes"], "contacts") == 0


async def test_a_contact_belongs_to_its_case_s_episode_or_to_the_open_one(episodes: Episodes) -> None:
    ada = somebody()
    by = writing(about=(ada,))
    alone = await episodes.call("POST", "/v1/contacts", by, json=a_contact())
    opened = await episodes.open(ada)
    tax = await episodes.open(ada, lgsl=COUNCIL_TAX)

    near = await episodes.call("POST", "/v1/contacts", by, json=a_contact())
    about = await episodes.call("POST", "/v1/contacts", by, json=a_contact(case_id=tax["case_id"]))

    assert alone.json() == {
        "contact_id": alone.json()["contact_id"],
        "episode_id": None,
        "person_id": str(ada.person_id),
    }
    assert near.json()["episode_id"] == opened["episode_id"]
    assert about.json()["episode_id"] == tax["episode_id"]
    shown = await episodes.call("GET", f"/v1/episodes/{opened['episode_id']}", looking())
    assert shown.json()["contacts"] == [near.json()["contact_id"]]


async def test_a_contact_about_another_s_case_is_refused(episodes: Episodes) -> None:
    opened = await episodes.open(somebody())

    answer = await episodes.call(
        "POST", "/v1/contacts", writing(about=(somebody(),)), json=a_contact(case_id=opened["case_id"])
    )

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel", "pigeon"),
        ("needs_met", "perhaps"),
        ("satisfaction", {"score": 6}),
        ("hand_offs", -1),
        ("started_at", "2026-07-01T09:00:00"),
        ("started_at", "9999-12-31T23:59:59-12:00"),
        ("ended_at", "0001-01-01T00:00:00+12:00"),
        ("postcode_sector", "W6 9ZZ"),
    ],
)
async def test_what_is_wrong_with_a_contact_is_named(field: str, value: object, episodes: Episodes) -> None:
    answer = await episodes.call("POST", "/v1/contacts", writing(about=(somebody(),)), json=a_contact(**{field: value}))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")


async def test_an_episode_of_a_household_shows_whom_each_case_is_about(episodes: Episodes) -> None:
    ada, ben = somebody(), somebody()
    whole = await episodes.open(ada, permit=writing(about=(ada, Anchor("lbhf", ben.person_id))), household=True)
    await episodes.open(ben, permit=writing(about=(ben, Anchor("lbhf", ada.person_id))), household=True)

    concerned = await episodes.call("GET", f"/v1/episodes/{whole['episode_id']}/concerned", looking())
    file = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", looking("lbhf", ada))

    assert concerned.json() == {"owner": "lbhf", "persons": sorted([str(ada.person_id), str(ben.person_id)])}
    assert file.json()["episodes"][0]["cases"] == [whole["case_id"]]
