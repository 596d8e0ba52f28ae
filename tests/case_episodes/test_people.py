"""Rows stay with their record and follow it from person to person, whatever the order events come in."""

import asyncio
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events import Event, PersonMerged, PersonRecordLinked, PersonRecordUnlinked, PersonSplit
from shared.permit import Anchor
from tests.case_episodes.conftest import Episodes, a_contact, an_assessment, looking, somebody, writing
from tests.customer_index import behind


async def person_of(episodes: Episodes, case_id: str) -> str | None:
    """Give whom a case shows."""
    found: str | None = (await episodes.call("GET", f"/v1/cases/{case_id}", looking())).json()["person_id"]
    return found


def record_of(anchor: Anchor) -> UUID:
    assert anchor.record_id is not None
    return anchor.record_id


async def test_everything_about_a_record_follows_a_merge(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    ada, survivor = somebody(), uuid4()
    await episodes.tell(ada.person_id, PersonRecordLinked(record_id=record_of(ada)))
    opened = await episodes.open(ada)
    await episodes.call("POST", "/v1/contacts", writing(about=(ada,)), json=a_contact())
    await episodes.call("POST", "/v1/assessments", writing(about=(ada,)), json=an_assessment())

    await episodes.tell(ada.person_id, PersonMerged(into=survivor, records=[record_of(ada)]))
    await episodes.tell(survivor, PersonRecordLinked(record_id=record_of(ada)))

    assert await person_of(episodes, opened["case_id"]) == str(survivor)
    for table in ("cases", "contacts", "assessments", "episodes"):
        assert await behind.ask(admins["case_episodes"], f"SELECT person_id FROM {table}") == [(survivor,)]
    file = await episodes.call("GET", f"/v1/people/{survivor}/case-file", looking("lbhf", survivor))
    assert [one["person_id"] for one in file.json()["cases"]] == [str(survivor)]


async def test_a_split_parts_an_episode_by_person(episodes: Episodes) -> None:
    ada, other = somebody(), uuid4()
    ben = Anchor("lbhf", ada.person_id, uuid4(), ada.scope)
    first = await episodes.open(ada)
    second = await episodes.open(ben)
    assert first["episode_id"] == second["episode_id"]

    await episodes.tell(ada.person_id, PersonSplit(into=other, records=[record_of(ben)]))
    await episodes.tell(other, PersonRecordLinked(record_id=record_of(ben)))

    assert await person_of(episodes, first["case_id"]) == str(ada.person_id)
    assert await person_of(episodes, second["case_id"]) == str(other)
    moved = (await episodes.call("GET", f"/v1/cases/{second['case_id']}", looking())).json()["episode_id"]
    assert moved != first["episode_id"]
    kept = (await episodes.call("GET", f"/v1/episodes/{first['episode_id']}", looking())).json()
    assert (kept["cases"], kept["person_id"]) == ([first["case_id"]], str(ada.person_id))
    parted = (await episodes.call("GET", f"/v1/episodes/{moved}", looking())).json()
    assert (parted["cases"], parted["person_id"]) == ([second["case_id"]], str(other))


async def test_a_withdrawn_record_s_cases_stay_and_show_nobody(episodes: Episodes) -> None:
    ada = somebody()
    await episodes.tell(ada.person_id, PersonRecordLinked(record_id=record_of(ada)))
    opened = await episodes.open(ada)

    await episodes.tell(ada.person_id, PersonRecordUnlinked(record_id=record_of(ada)))

    assert await person_of(episodes, opened["case_id"]) is None
    file = await episodes.call("GET", f"/v1/people/{ada.person_id}/case-file", looking("lbhf", ada))
    assert file.json()["cases"] == []


@pytest.mark.parametrize("order", sorted(set(permutations("aabb"))))
async def test_events_of_two_persons_end_alike_in_any_order(order: tuple[str, ...], episodes: Episodes) -> None:
    ada, other = somebody(), uuid4()
    opened = await episodes.open(ada)
    record = record_of(ada)
    told: dict[str, list[tuple[UUID, Event]]] = {
        "a": [
            (ada.person_id, PersonRecordLinked(record_id=record)),
            (ada.person_id, PersonSplit(into=other, records=[record])),
        ],
        "b": [(other, PersonRecordLinked(record_id=record)), (other, PersonRecordLinked(record_id=uuid4()))],
    }

    for whose in order:
        await episodes.tell(*told[whose].pop(0))

    assert await person_of(episodes, opened["case_id"]) == str(other)


async def test_a_case_opened_with_a_permit_that_events_have_overtaken_shows_the_right_person(
    episodes: Episodes,
) -> None:
    ada, survivor = somebody(), uuid4()
    await episodes.tell(ada.person_id, PersonRecordLinked(record_id=record_of(ada)))
    await episodes.tell(ada.person_id, PersonMerged(into=survivor, records=[record_of(ada)]))
    await episodes.tell(survivor, PersonRecordLinked(record_id=record_of(ada)))

    opened = await episodes.open(ada)

    assert opened["person_id"] == str(survivor)


async def test_cases_opened_while_a_merge_arrives_are_none_of_them_left_behind(
    episodes: Episodes, admins: dict[str, AsyncEngine]
) -> None:
    ada, survivor = somebody(), uuid4()
    await episodes.tell(ada.person_id, PersonRecordLinked(record_id=record_of(ada)))

    async def merge() -> None:
        await asyncio.sleep(0.01)
        await episodes.tell(ada.person_id, PersonMerged(into=survivor, records=[record_of(ada)]))
        await episodes.tell(survivor, PersonRecordLinked(record_id=record_of(ada)))

    await asyncio.gather(merge(), *(episodes.open(ada) for _ in range(20)))

    assert await behind.ask(admins["case_episodes"], "SELECT DISTINCT person_id FROM cases") == [(survivor,)]


async def test_an_event_handed_over_twice_changes_nothing(episodes: Episodes, admins: dict[str, AsyncEngine]) -> None:
    ada, other = somebody(), uuid4()
    await episodes.open(ada)
    split = PersonSplit(into=other, records=[record_of(ada)])
    await episodes.tell(ada.person_id, PersonRecordLinked(record_id=record_of(ada)))
    await episodes.tell(ada.person_id, split)
    before = await behind.contents(admins["case_episodes"])

    await episodes.tell(ada.person_id, split, version=2)

    assert await behind.contents(admins["case_episodes"]) == before
