"""The Idempotency-Key of a load: handed over twice, an extract is taken in once."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.builders import write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.loading import hand_over, ndjson, people


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def test_the_same_key_and_extract_are_one_load(index: Index, admin: AsyncEngine) -> None:
    body = ndjson(people(2))
    first = await hand_over(index, "lbhf", "crm", body, key="monday")
    again = await hand_over(index, "lbhf", "crm", body, key="monday")
    await index.finish_loads()
    later = await hand_over(index, "lbhf", "crm", body, key="monday")

    assert again.json() == first.json()
    assert later.json() == {**first.json(), "status": "done"}
    assert await behind.count(admin, "loads") == 1


async def test_the_same_key_for_another_load_is_refused(index: Index, admin: AsyncEngine) -> None:
    await hand_over(index, "lbhf", "crm", ndjson(people(2)), key="monday")

    others = [
        await hand_over(index, "lbhf", "crm", ndjson(people(3)), key="monday"),
        await hand_over(index, "lbhf", "housing", ndjson(people(2)), key="monday"),
    ]

    for answer in others:
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await behind.count(admin, "loads") == 1


async def test_a_key_belongs_to_its_caller(index: Index, admin: AsyncEngine) -> None:
    for permit in (write_permit("lbhf"), write_permit("wcc"), replace(write_permit("lbhf"), subject="another")):
        answer = await hand_over(index, permit.org, "crm", ndjson(people(1)), permit=permit, key="monday")
        assert answer.status_code == 202

    assert await behind.count(admin, "loads") == 3


async def test_two_at_once_with_one_key_are_one_load(index: Index, admin: AsyncEngine) -> None:
    body = ndjson(people(5))

    answers = await asyncio.gather(*(hand_over(index, "lbhf", "crm", body, key="monday") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["load_id"] for answer in answers}) == 1
    assert await behind.count(admin, "loads") == 1
