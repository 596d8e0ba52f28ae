"""What partners were asked comes back to its episode, with the outcome, and goes where its record goes."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Category, Form
from shared.events import (
    PersonMerged,
    PersonProtected,
    PersonRecordLinked,
    PersonRecordUnlinked,
    PersonSplit,
    ReferralChanged,
)
from shared.permit import Anchor
from tests.builders import ORDINARY_AREAS, granting
from tests.case_episodes.conftest import (
    COUNCIL_TAX,
    Episodes,
    a_contact,
    a_referral,
    looking,
    somebody,
    writing,
)
from tests.customer_index import behind

WITHOUT: dict[Category, Form] = {category: Form.VALUE for category in Category if category is not Category.REFERRALS}
AREAS = tuple(f"lbhf/{area}" for area in ORDINARY_AREAS)


async def asked(episodes: Episodes, episode_id: str, **changes: Any) -> list[dict[str, Any]]:
    """Give what an episode tells of referrals."""
    answer = await episodes.call("GET", f"/v1/episodes/{episode_id}", looking("lbhf", **changes))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["referrals"]
    return found


def next_step(referral: ReferralChanged, **changes: Any) -> ReferralChanged:
    return referral.model_copy(update=changes)


async def test_the_outcome_of_a_referral_comes_back_to_the_episode(
    episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    ada = somebody()
    opened = await episodes.open(ada)
    referral = a_referral(ada)
    await episodes.hear(referral, version=1)
    tag = (await episodes.call("GET", f"/v1/episodes/{opened['episode_id']}", looking())).headers["ETag"]
    done = next_step(referral, action="complete", status="completed", outcome="need-met")
    for _ in range(2):
        await episodes.hear(done, version=2)

    (told,) = await asked(episodes, opened["episode_id"])
    assert told.pop("made_at") == told.pop("changed_at")
    assert told == {
        "referral_id": str(referral.referral_id),
        "service_id": str(UUID(int=1)),
        "status": "completed",
        "outcome": "need-met",
    }
    answer = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", looking("lbhf", ada))
    assert [one["outcome"] for one in answer.json()["episodes"][0]["referrals"]] == ["need-met"]
    assert str(referral.referral_id) in answer.headers["SCV-Disclosed"]
    seen = await episodes.call("GET", f"/v1/episodes/{opened['episode_id']}", looking())
    assert seen.headers["ETag"] != tag
    assert str(referral.referral_id) in seen.headers["SCV-Disclosed"]
    query = "SELECT aggregate_version FROM outbox WHERE type = 'episode.changed.v1' ORDER BY id"
    changes = await behind.ask(admins["case_episodes"], query)
    assert changes == [(2,), (3,)], "one for each step, however often it is told"


async def test_it_comes_to_the_episode_that_was_at_work_last(episodes: Episodes) -> None:
    ada = somebody()
    earlier = await episodes.open(ada)
    episodes.at += timedelta(days=1)
    later = await episodes.open(ada, lgsl=COUNCIL_TAX)
    await episodes.hear(a_referral(ada), version=1)

    assert earlier["episode_id"] != later["episode_id"]
    assert await asked(episodes, earlier["episode_id"]) == []
    assert len(await asked(episodes, later["episode_id"])) == 1


async def test_with_no_episode_yet_the_next_step_looks_again(episodes: Episodes) -> None:
    ada, ben = somebody(), somebody()
    referral = a_referral(ada)
    await episodes.hear(referral, version=1)
    of_ben = await episodes.open(ben)
    of_ada = await episodes.open(ada)
    assert await asked(episodes, of_ada["episode_id"]) == []

    await episodes.hear(next_step(referral, action="authorise", status="authorised"), version=2)

    assert [one["status"] for one in await asked(episodes, of_ada["episode_id"])] == ["authorised"]
    assert await asked(episodes, of_ben["episode_id"]) == []


async def test_a_closed_episode_takes_none_in_and_keeps_those_it_has(episodes: Episodes) -> None:
    ada = somebody()
    opened = await episodes.open(ada)
    kept = a_referral(ada)
    await episodes.hear(kept, version=1)
    path = f"/v1/episodes/{opened['episode_id']}/transitions"
    await episodes.call("POST", path, writing(about=(ada,)), json={"to": "closed"}, headers={"If-Match": "*"})
    await episodes.hear(a_referral(ada), version=1)
    await episodes.hear(next_step(kept, status="completed", outcome="need-met"), version=2)

    assert [one["outcome"] for one in await asked(episodes, opened["episode_id"])] == ["need-met"]


async def test_what_was_told_before_records_were_named_changes_nothing(episodes: Episodes) -> None:
    ada = somebody()
    opened = await episodes.open(ada)
    await episodes.hear(a_referral(ada, scope=None, record_id=None, person_id=None), version=1)

    assert await asked(episodes, opened["episode_id"]) == []


@pytest.mark.parametrize(
    "grants",
    [
        pytest.param(granting(*AREAS, categories=WITHOUT), id="not granted"),
        pytest.param(granting(*(one for one in AREAS if one != "lbhf/housing")), id="granted elsewhere"),
        pytest.param(
            {scope: {**told, Category.REFERRALS: Form.EXISTS} for scope, told in granting(*AREAS).items()},
            id="that there are any",
        ),
    ],
)
async def test_without_the_category_where_the_referral_was_made_it_does_not_show(
    grants: Any, episodes: Episodes
) -> None:
    ada = somebody()
    opened = await episodes.open(ada)
    referral = a_referral(ada)
    await episodes.hear(referral, version=1)

    assert await asked(episodes, opened["episode_id"], grants=grants) == []
    permit = looking("lbhf", ada, grants=grants)
    file = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", permit)
    assert [one["referrals"] for one in file.json()["episodes"]] == [[]]
    assert str(referral.referral_id) not in f"{file.text}{file.headers}"


async def test_referrals_follow_their_record(episodes: Episodes) -> None:
    ada, other, survivor = somebody(), uuid4(), uuid4()
    ben = Anchor("lbhf", ada.person_id, uuid4(), ada.scope)
    assert ada.record_id is not None
    assert ben.record_id is not None
    first = await episodes.open(ada)
    second = await episodes.open(ben)
    assert first["episode_id"] == second["episode_id"]
    for_ada, for_ben = a_referral(ada), a_referral(ben)
    await episodes.hear(for_ada, version=1)
    await episodes.hear(for_ben, version=1)

    await episodes.tell(ada.person_id, PersonSplit(into=other, records=[ben.record_id]))
    await episodes.tell(other, PersonRecordLinked(record_id=ben.record_id))
    moved = (await episodes.call("GET", f"/v1/cases/{second['case_id']}", looking())).json()["episode_id"]
    assert [one["referral_id"] for one in await asked(episodes, first["episode_id"])] == [str(for_ada.referral_id)]
    assert [one["referral_id"] for one in await asked(episodes, moved)] == [str(for_ben.referral_id)]

    await episodes.tell(other, PersonMerged(into=survivor, records=[ben.record_id]))
    file = await episodes.call("GET", f"/v1/people/{survivor}/case-file", looking("lbhf", survivor))
    assert [len(one["referrals"]) for one in file.json()["episodes"]] == [1]


async def test_a_protected_person_s_referral_parts_from_the_household_with_its_case(episodes: Episodes) -> None:
    ada, ben = somebody(), somebody()
    assert ada.record_id is not None
    home = Anchor("lbhf", ada.person_id), Anchor("lbhf", ben.person_id)
    together = writing(about=(ben, *home))
    first = await episodes.open(ben, permit=together, household=True)
    second = await episodes.open(ada, permit=writing(about=(ada, *home)), household=True)
    assert first["episode_id"] == second["episode_id"]
    referral = a_referral(ada)
    await episodes.hear(referral, version=1)

    await episodes.tell(ada.person_id, PersonProtected(records=[ada.record_id], protected=True, sealed=False))

    parted = (await episodes.call("GET", f"/v1/cases/{second['case_id']}", looking())).json()["episode_id"]
    assert parted != first["episode_id"]
    assert await asked(episodes, first["episode_id"]) == []
    assert [one["referral_id"] for one in await asked(episodes, parted)] == [str(referral.referral_id)]


async def test_what_is_about_a_withdrawn_record_joins_nobody_else_s_episode(episodes: Episodes) -> None:
    ada, gone = somebody(), somebody()
    opened = await episodes.open(ada)
    for one in (ada, gone):
        assert one.record_id is not None
        await episodes.tell(one.person_id, PersonRecordLinked(record_id=one.record_id))
        await episodes.tell(one.person_id, PersonRecordUnlinked(record_id=one.record_id))

    await episodes.hear(a_referral(gone), version=1)
    recorded = await episodes.call("POST", "/v1/contacts", writing(about=(gone,)), json=a_contact())

    assert recorded.json()["episode_id"] is None
    assert await asked(episodes, opened["episode_id"]) == []
