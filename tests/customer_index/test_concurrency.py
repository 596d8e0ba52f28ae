"""Many at once: one human being stays one person, one record one record, and nobody is told to try again."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.builders import a_record, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed
from tests.customer_index.loading import hand_over, ndjson, people
from tests.customer_index.test_corrections import assert_told_without_gaps
from tests.customer_index.test_records import SOMEBODY_ELSE

AT_ONCE = 40
"""Calls under way at a time: four for each connection of the pool."""


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def all_at_once(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """Run many calls, `AT_ONCE` at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(call: Awaitable[Any]) -> Any:
        async with room:
            return await call

    return await asyncio.gather(*map(one, calls))


async def put(index: Index, local_id: str, record: dict[str, Any], *, source: str = "crm") -> httpx.Response:
    return await index.call(
        "PUT", f"/v1/sources/{source}/records/{local_id}", write_permit("lbhf", source), json=record
    )


def without_id(line: dict[str, Any]) -> dict[str, Any]:
    """Make a record of a line of an extract."""
    return {name: value for name, value in line.items() if name != "local_id"}


async def withdraw(index: Index, local_id: str) -> httpx.Response:
    return await index.call("DELETE", f"/v1/sources/crm/records/{local_id}", write_permit("lbhf"))


async def test_twenty_records_of_one_human_at_once_make_one_person(index: Index, admin: AsyncEngine) -> None:
    answers = await all_at_once(put(index, f"c-{number}", a_record()) for number in range(20))

    assert {answer.status_code for answer in answers} == {201}
    assert Counter(answer.json()["outcome"] for answer in answers) == {"created": 1, "linked": 19}
    assert len({answer.json()["person_id"] for answer in answers}) == 1
    assert await behind.count(admin, "persons") == 1
    await assert_told_without_gaps(admin)


async def test_one_record_sent_twenty_times_at_once_is_one_record(index: Index, admin: AsyncEngine) -> None:
    answers = await all_at_once(put(index, "c-1", a_record()) for _ in range(20))

    assert Counter(answer.json()["outcome"] for answer in answers) == {"created": 1, "unchanged": 19}
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.json()["record_id"] for answer in answers}) == 1
    assert await behind.count(admin, "records") == 1


async def test_of_three_hundred_pairs_at_once_none_is_split(index: Index, admin: AsyncEngine) -> None:
    calls = [
        put(index, str(record["local_id"]), without_id(record) | {"title": title}, source=source)
        for record in people(300)
        for source, title in (("crm", "Ms"), ("housing", "Dr"))
    ]

    answers = await all_at_once(calls)

    assert {answer.status_code for answer in answers} == {201}
    by_pair = [answers[place : place + 2] for place in range(0, len(answers), 2)]
    split = [pair for pair in by_pair if len({answer.json()["person_id"] for answer in pair}) != 1]
    assert len(split) == 0
    assert await behind.count(admin, "persons") == 300


async def test_a_load_and_single_records_at_once_agree_on_who_is_who(index: Index, admin: AsyncEngine) -> None:
    records = people(120)
    await hand_over(index, "lbhf", "housing", ndjson(records))
    singles = [put(index, str(one["local_id"]), without_id(one)) for one in records]

    *answers, _ = await asyncio.gather(all_at_once(singles), index.finish_loads())

    assert {answer.status_code for answer in answers[0]} == {201}
    found = await behind.partition(admin, "lbhf")
    assert found == {frozenset({f"crm/{one['local_id']}", f"housing/{one['local_id']}"}) for one in records}
    await assert_told_without_gaps(admin)


async def test_corrections_and_withdrawals_racing_leave_every_record_in_one_person(
    index: Index, admin: AsyncEngine
) -> None:
    names = [f"c-{number}" for number in range(8)]
    for name in names:
        await put(index, name, a_record())
    calls: list[Awaitable[httpx.Response]] = []
    for turn in range(6):
        for place, name in enumerate(names):
            said = (a_record, lambda **more: {**SOMEBODY_ELSE, **more})[(place + turn) % 2](title=f"T{turn}")
            calls.append(withdraw(index, name) if (place + turn) % 5 == 4 else put(index, name, said))

    answers = await all_at_once(calls)

    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}
    # What was last said of each record is what its person now has to follow from.
    for name in names:
        assert (await put(index, name, a_record(title="Ms"))).status_code in (200, 201)
    assert await behind.partition(admin, "lbhf") == {frozenset(f"crm/{name}" for name in names)}
    orphans = await behind.ask(
        admin,
        "SELECT person_id FROM persons WHERE merged_into IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM members WHERE members.person_id = persons.person_id)",
    )
    assert orphans == []


async def test_doubtful_matches_and_withdrawals_at_once_never_fail(index: Index, admin: AsyncEngine) -> None:
    twins = [a_record(given_names=[name], nhs_number=None) for name in ("Adaeze", "Chidi", "Obinna")]
    calls: list[Awaitable[httpx.Response]] = []
    for turn in range(12):
        for place, record in enumerate(twins):
            calls.append(put(index, f"c-{place}", {**record, "title": f"T{turn}"}))
            calls.append(withdraw(index, f"c-{(place + turn) % 3}"))

    answers = await all_at_once(calls)

    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}


async def test_linking_beside_assertions_keeps_nobody_waiting(index: Index, admin: AsyncEngine) -> None:
    await index.consume(agreement_changed(("lbhf", "wcc"), ("wcc", "lbhf")))
    records = people(20)

    async def owner(name: str) -> list[int]:
        statuses = []
        for turn in range(2):
            for one in records:
                said = without_id(one) | {"title": f"T{turn}"}
                path = f"/v1/sources/crm/records/{one['local_id']}"
                statuses.append((await index.call("PUT", path, write_permit(name), json=said)).status_code)
        return statuses

    async def link() -> None:
        for _ in range(20):
            await index.link()
            await asyncio.sleep(0.02)

    ours, theirs, _ = await asyncio.gather(owner("lbhf"), owner("wcc"), link())
    await index.link()

    assert set(ours) | set(theirs) == {200, 201}
    assert await behind.count(admin, "links") == 20
