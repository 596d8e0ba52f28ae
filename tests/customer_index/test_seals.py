"""Sealed people: to other owners there is nobody, and nobody outside their side is ever compared with them."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index.jobs import lift_ended
from shared.categories import SEALS, Action
from tests.builders import AT, a_record
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, linked_boroughs, put
from tests.customer_index.protecting import (
    alike,
    caller,
    clearance,
    found,
    protect,
    searcher,
    steward,
    unprotect,
    view,
)
from tests.customer_index.test_household import AMBER, BRYN
from tests.customer_index.test_links import BOTH
from tests.customer_index.test_protection import NAMED, events_of
from tests.customer_index.test_protection_lasts import ELSEWHERE, OTHER, holds, withdraw

NOBODY = "00000000-0000-4000-8000-000000000009"
TWIN = a_record(given_names=["Chidi"], nhs_number=None)


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def touching(admin: AsyncEngine, person_id: str) -> int:
    """Count the links and reviews a person is in."""
    counted = await behind.ask(
        admin,
        "SELECT 1 FROM links WHERE :person IN (first_person, second_person)"
        " UNION ALL SELECT 1 FROM reviews WHERE :person IN (first_person, second_person)",
        person=person_id,
    )
    return len(counted)


async def asked(index: Index, person_id: str, org: str) -> list[httpx.Response]:
    """Ask on every route about a person."""
    path, permit = f"/v1/people/{person_id}", caller(org, "lbhf")
    steering = steward(org, grants=permit.grants)
    body = {"person_id": person_id}
    excluded = {"source": "crm", "local_id": "none", "person_id": person_id}
    return [
        *[await index.call("GET", called, permit) for called in (path, f"{path}/household", f"{path}/known")],
        await index.call("GET", f"{path}/disclosure", caller(org, "lbhf", action=Action.REFER)),
        await index.call("POST", "/v1/anchors", permit, json=body),
        await index.call("POST", "/v1/hidden", permit, json={"records": [excluded]}),
        await index.call("PUT", f"{path}/protection", steering, json={"scheme": "refuge"}),
        await index.call("DELETE", f"{path}/protection", steering),
        await index.call("POST", "/v1/people/search", searcher(org, "lbhf"), json=NAMED),
        await index.call("POST", "/v1/people/search", searcher(org, "lbhf"), json={"nhs_number": "9990000018"}),
        await index.call("POST", "/v1/people/search", searcher(org, "lbhf"), json={"postcode": "W6 9ZZ"}),
    ]


@pytest.mark.parametrize("scheme", sorted(SEALS))
async def test_to_another_owner_a_sealed_person_does_not_exist(scheme: str, index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    assert (await asked(index, person_id, "wcc"))[0].status_code == 200
    await protect(index, person_id, scheme)

    of_sealed, of_nobody = await asked(index, person_id, "wcc"), await asked(index, NOBODY, "wcc")

    assert alike(of_sealed) == alike(of_nobody)
    assert {answer.status_code for answer in of_sealed[:5]} == {404}


async def test_an_id_merged_into_a_sealed_person_leads_nowhere(index: Index) -> None:
    one = await put(index, "lbhf", "crm/c-1")
    other = await put(index, "lbhf", "housing/h-1", OTHER)
    ids = {one["person_id"], other["person_id"]}
    survivor = (await put(index, "lbhf", "housing/h-1"))["person_id"]
    (gone,) = ids - {survivor}
    assert (await index.call("GET", f"/v1/people/{gone}", caller("wcc", "lbhf"))).status_code == 308
    await protect(index, survivor, "adoption")

    of_gone, of_nobody = await asked(index, gone, "wcc"), await asked(index, NOBODY, "wcc")

    assert alike(of_gone) == alike(of_nobody)


async def test_own_workers_see_no_more_than_that_there_is_a_record(index: Index) -> None:
    known = await put(index, "lbhf", "crm/c-1")
    await put(index, "lbhf", "housing/b", BRYN)
    person_id = known["person_id"]
    await protect(index, person_id, "witness")

    seen = await view(index, person_id, caller())

    record = {"record_id": known["record_id"], "owner": "lbhf", "source": "crm", "local_id": "c-1"}
    assert seen["records"] == [record | {"service_area": "customer-services", "protected": True}]
    assert seen["golden"] == {}
    assert seen["household"] == {"members": [], "basis": []}
    assert await found(index, NAMED, searcher()) == []
    kept = (await index.call("GET", "/v1/sources/crm/records/c-1", caller())).json()
    assert kept["protected"] is True
    assert not {"family_name", "gender", "phones"} & kept.keys()
    leaving = await index.call(
        "GET", f"/v1/people/{person_id}/disclosure", caller(action=Action.REFER, cleared=clearance("lbhf"))
    )
    assert leaving.json() == {"entries": []}
    assert await found(index, NAMED, searcher(cleared=clearance("lbhf"))) == [person_id]


async def test_sealing_removes_links_and_reviews_and_unsealing_looks_again(index: Index, admin: AsyncEngine) -> None:
    ours, theirs = await linked_boroughs(index)
    await put(index, "lbhf", "benefits/t-1", TWIN)
    await index.link()
    assert await touching(admin, ours) == 2, "a link, and the twin"
    await protect(index, ours, "court-order")

    own = await view(index, ours, caller("lbhf", "wcc", cleared=clearance("lbhf")))
    assert own["linked"] == []
    there = await view(index, theirs, caller("wcc", "lbhf"))
    assert there["linked"] == []
    assert {record["owner"] for record in there["records"]} == {"wcc"}
    for _ in range(2):
        assert await touching(admin, ours) == 0
        await index.link()

    await unprotect(index, ours)
    await index.link()
    assert (await view(index, theirs, caller("wcc", "lbhf")))["linked"][0]["person_id"] == ours


@pytest.mark.parametrize("owner", ["lbhf", "wcc"])
async def test_a_review_is_gone_with_the_seal_and_comes_back_without_it(
    owner: str, index: Index, admin: AsyncEngine
) -> None:
    ours = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await put(index, owner, "housing/h-1", TWIN)
    await index.consume(agreement_changed(*BOTH))
    await index.link()
    assert await touching(admin, ours) == 1
    await protect(index, ours, "court-order")

    for _ in range(2):
        assert await touching(admin, ours) == 0
        await index.link()
    await unprotect(index, ours)
    await index.link()
    assert await touching(admin, ours) == 1


async def test_whoever_is_alike_neither_joins_nor_is_reviewed(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id, "adoption")

    same = await put(index, "lbhf", "housing/h-1")
    twin = await put(index, "lbhf", "benefits/b-1", TWIN)
    await put(index, "wcc", "crm/w-1")
    await index.consume(agreement_changed(*BOTH))
    await index.link()

    assert same["outcome"] == "created"
    assert same["person_id"] != person_id
    assert await touching(admin, person_id) == 0
    assert twin["outcome"] == "review", "of the two that are not sealed"
    linked = await behind.ask(admin, "SELECT first_person FROM links")
    assert [str(one) for (one,) in linked] == [same["person_id"]]


async def test_nothing_is_told_apart_by_a_sealed_flatmate(index: Index) -> None:
    """Residents are counted to weigh an address; one who is sealed is not among them."""
    other = (await put(index, "lbhf", "crm/b", BRYN))["person_id"]
    await protect(index, other, "witness")
    await put(index, "lbhf", "crm/c-1")
    joined = await put(index, "lbhf", "housing/h-1")

    assert joined["outcome"] == "linked"


async def test_a_sealed_person_is_not_parted_by_what_its_source_now_says(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await put(index, "lbhf", "housing/h-1")
    await put(index, "lbhf", "benefits/b-1", a_record())
    await protect(index, person_id, "gender-recognition")
    new_name = a_record(given_names=["Leopold"], gender="male", date_of_birth="1984-09-03", nhs_number="9990000026",
                        addresses=ELSEWHERE, phones=None, emails=None)  # fmt: skip

    corrected = await put(index, "lbhf", "housing/h-1", new_name)
    await withdraw(index, "lbhf", "crm/c-1")

    assert corrected["outcome"] == "updated"
    assert corrected["person_id"] == person_id
    assert await behind.partition(admin, "lbhf") == {frozenset({"housing/h-1", "benefits/b-1"})}
    again = await put(index, "lbhf", "crm/c-1", BRYN)
    assert (again["person_id"], again["outcome"]) == (person_id, "linked")


async def test_a_sealed_record_that_comes_back_starts_its_side_anew(index: Index, admin: AsyncEngine) -> None:
    sealed = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, sealed, "adoption")
    other = (await put(index, "lbhf", "housing/h-1"))["person_id"]
    await withdraw(index, "lbhf", "crm/c-1")

    again = await put(index, "lbhf", "crm/c-1")

    assert again["outcome"] == "created"
    assert again["person_id"] not in (sealed, other)
    assert await holds(admin, again["record_id"]) == (False, True)
    assert (await index.call("GET", f"/v1/people/{again['person_id']}", caller("wcc", "lbhf"))).status_code == 404


async def test_a_seal_of_a_household_keeps_its_people_apart(index: Index, admin: AsyncEngine) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    await protect(index, amber["person_id"], "witness", household_wide=True)

    newcomer = await put(index, "lbhf", "crm/n", TWIN)
    bryn_again = await put(index, "lbhf", "benefits/b", BRYN)

    assert newcomer["outcome"] == "created"
    assert bryn_again["person_id"] == bryn["person_id"]
    for one in (amber, bryn, newcomer):
        answer = await index.call("GET", f"/v1/people/{one['person_id']}", caller("wcc", "lbhf"))
        assert answer.status_code == 404


async def test_what_was_kept_apart_by_a_seal_is_compared_when_it_ends(index: Index, admin: AsyncEngine) -> None:
    sealed = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, sealed, "adoption", until="2026-07-02")
    other = (await put(index, "lbhf", "housing/h-1"))["person_id"]
    assert other != sealed

    await lift_ended(index.database, index.worker, clock=lambda: AT + timedelta(days=2))

    assert await behind.partition(admin, "lbhf") == {frozenset({"crm/c-1", "housing/h-1"})}
    assert (await view(index, sealed, caller("wcc", "lbhf")))["person_id"] == sealed
    assert [told[:2] for told in await events_of(admin, sealed)] == [(False, True), (False, False)]


async def rows_seen(index: Index, context: dict[str, str]) -> dict[str, int]:
    """Count the rows of lbhf that raw SQL of the application sees."""
    async with index.database.transaction(context) as tx:
        return {
            table: (await tx.execute(text(f"SELECT count(*) FROM {table} WHERE owner = 'lbhf'"))).scalar_one()
            for table in ("records", "members", "persons", "block_keys", "protections")
        }


async def test_raw_sql_for_another_owner_sees_no_row_of_a_sealed_person(index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await put(index, "lbhf", "housing/h-1")
    foreign, own = dict(caller("wcc", "lbhf").context()), dict(steward(grants=caller().grants).context())
    before = await rows_seen(index, foreign)
    assert before.pop("protections") == 0
    assert all(before.values())
    await protect(index, person_id, "adoption")

    assert set((await rows_seen(index, foreign)).values()) == {0}
    assert set((await rows_seen(index, {**foreign, "scv.org": ""})).values()) == {0}
    assert all((await rows_seen(index, own)).values())
    async with index.worker.transaction({"scv.link_owners": "lbhf,wcc"}) as tx:
        assert (await tx.execute(text("SELECT count(*) FROM members"))).scalar_one() == 0


@pytest.mark.parametrize("table", ["members", "records"])
async def test_the_probe_of_seals_bites(table: str, index: Index, admin: AsyncEngine) -> None:
    """The control: without the policy the same raw SQL does find rows."""
    await protect(index, (await put(index, "lbhf", "crm/c-1"))["person_id"], "adoption")
    context: dict[str, Any] = dict(caller("wcc", "lbhf").context())
    async with admin.connect() as connection:
        statement = "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy"
        bound = "WHERE polname = 'sealed' AND polrelid = CAST(:table AS regclass)"
        condition = (await connection.execute(text(f"{statement} {bound}"), {"table": table})).scalar_one()
        await connection.execute(text(f"DROP POLICY sealed ON {table}"))
        await connection.commit()
        try:
            assert (await rows_seen(index, context))[table] > 0
        finally:
            await connection.execute(
                text(
                    f"CREATE POLICY sealed ON {table} AS RESTRICTIVE FOR SELECT TO customer_index_app"
                    f" USING ({condition})"
                )
            )
            await connection.commit()
    assert (await rows_seen(index, context))[table] == 0
