"""Hidden people: to a worker who may not know of somebody there is nobody, on every route and in raw SQL."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Action
from shared.permit import Permit
from tests.builders import a_record, granting, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import linked_boroughs, put
from tests.customer_index.protecting import alike, caller, found, protect, searcher, steward, view
from tests.customer_index.test_household import AMBER, BRYN
from tests.customer_index.test_protection import NAMED
from tests.customer_index.test_protection_lasts import OTHER, withdraw
from tests.customer_index.test_seals import NOBODY


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def hidden(index: Index, name: str, *, person_id: str = NOBODY, permit: Permit | None = None) -> tuple[UUID, ...]:
    """Ask which records a worker may not know of who may not know of this one."""
    source, _, local_id = name.partition("/")
    body = {"records": [{"source": source, "local_id": local_id, "person_id": person_id}]}
    answer = await index.call("POST", "/v1/hidden", permit or caller("lbhf", "wcc"), json=body)
    assert answer.status_code == 200, answer.text
    return tuple(map(UUID, answer.json()["records"]))


async def records_of(admin: AsyncEngine, *person_ids: str) -> set[str]:
    rows = await behind.ask(
        admin, "SELECT record_id FROM members WHERE person_id = ANY (CAST(:persons AS uuid[]))", persons=[*person_ids]
    )
    return {str(record_id) for (record_id,) in rows}


async def test_all_records_of_a_person_and_of_whom_it_is_linked_with_are_named(
    index: Index, admin: AsyncEngine
) -> None:
    ours, theirs = await linked_boroughs(index)
    await put(index, "wcc", "adult-social-care/s-1")
    await put(index, "lbhf", "crm/other", OTHER)
    everyone = await records_of(admin, ours, theirs)
    assert len(everyone) == 4
    nothing_granted = caller("lbhf", "wcc", grants=granting("lbhf/parking"))

    for permit in (caller("lbhf", "wcc"), nothing_granted):
        assert {str(one) for one in await hidden(index, "housing/h-1", permit=permit)} == everyone
    assert await hidden(index, "crm/unknown") == ()
    assert await hidden(index, "crm/c-1", permit=caller("wcc", "lbhf")) == ()


async def test_only_links_that_the_permit_lets_be_followed_lead_on(index: Index, admin: AsyncEngine) -> None:
    ours, _ = await linked_boroughs(index)

    named = await hidden(index, "crm/c-1", permit=caller("lbhf", "wcc", linkages=()))

    assert {str(one) for one in named} == await records_of(admin, ours)


async def test_where_the_record_is_gone_the_person_it_belonged_to_is_meant(index: Index, admin: AsyncEngine) -> None:
    ours = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    joined = (await put(index, "lbhf", "housing/h-1"))["record_id"]
    moved = (await put(index, "lbhf", "benefits/b-1", OTHER))["person_id"]
    assert [str(one) for one in await hidden(index, "benefits/b-1", person_id=ours)] == list(
        await records_of(admin, moved)
    )
    await withdraw(index, "lbhf", "crm/c-1")

    assert [str(one) for one in await hidden(index, "crm/c-1", person_id=ours)] == [joined]
    theirs = (await put(index, "wcc", "crm/w-1"))["person_id"]
    assert await hidden(index, "crm/none", person_id=theirs) == ()


async def test_a_person_that_was_merged_away_is_hidden_as_it_lives_on(index: Index) -> None:
    kept = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    gone = (await put(index, "lbhf", "housing/h-1", OTHER))["person_id"]
    await put(index, "lbhf", "housing/h-1")

    named = await hidden(index, "crm/none", person_id=gone)

    assert len(named) == 2
    permit = caller(hidden=named)
    of_gone = await index.call("GET", f"/v1/people/{gone}", permit)
    of_kept = await index.call("GET", f"/v1/people/{kept}", permit)
    of_nobody = await index.call("GET", f"/v1/people/{NOBODY}", permit)
    assert alike([of_gone]) == alike([of_kept]) == alike([of_nobody])
    assert of_gone.status_code == 404


async def asked(index: Index, person_id: str, local_id: str, changes: dict[str, Any]) -> list[httpx.Response]:
    """Ask about a person as a worker and as a steward."""
    path, permit = f"/v1/people/{person_id}", caller("lbhf", "wcc", **changes)
    return [
        *[await index.call("GET", called, permit) for called in (path, f"{path}/household", f"{path}/known")],
        await index.call("GET", f"/v1/sources/crm/records/{local_id}", permit),
        await index.call("GET", f"{path}/disclosure", caller("lbhf", "wcc", action=Action.REFER, **changes)),
        await index.call("POST", "/v1/anchors", permit, json={"person_id": person_id}),
        await index.call("POST", "/v1/anchors", permit, json={"source": "crm", "local_id": local_id}),
        await index.call("PUT", f"{path}/protection", steward(**changes), json={"scheme": "refuge"}),
        await index.call("DELETE", f"{path}/protection", steward(**changes)),
        await index.call("POST", "/v1/people/search", searcher("lbhf", "wcc", **changes), json=NAMED),
        await index.call(
            "POST", "/v1/people/search", searcher("lbhf", "wcc", **changes), json={"uprn": "999900000017"}
        ),
    ]


async def test_to_the_excluded_worker_the_person_does_not_exist(index: Index) -> None:
    ours, theirs = await linked_boroughs(index)
    changes = {"hidden": await hidden(index, "crm/c-1")}

    of_nobody = alike(await asked(index, NOBODY, "none", changes))

    assert alike(await asked(index, ours, "c-1", changes)) == of_nobody
    assert alike(await asked(index, theirs, "none", changes)) == of_nobody
    everyone_else = await asked(index, ours, "c-1", {})
    assert [answer.status_code for answer in everyone_else] == [200] * 8 + [204, 200, 200]


async def test_a_hidden_person_is_in_no_household_and_no_link(index: Index) -> None:
    amber = (await put(index, "lbhf", "crm/a", AMBER))["person_id"]
    bryn = (await put(index, "lbhf", "housing/b", BRYN))["person_id"]
    named = await hidden(index, "crm/a")

    assert (await view(index, bryn, caller(hidden=named)))["household"]["members"] == []
    assert len((await view(index, bryn, caller()))["household"]["members"]) == 1
    assert await found(index, {"uprn": "999900000017"}, searcher(hidden=named)) == [bryn]
    assert set(await found(index, {"uprn": "999900000017"}, searcher())) == {amber, bryn}


async def test_matching_is_not_disturbed(index: Index) -> None:
    known = await put(index, "lbhf", "crm/c-1")
    hiding = write_permit("lbhf", "housing", hidden=await hidden(index, "crm/c-1"))

    joined = await index.call("PUT", "/v1/sources/housing/records/h-1", hiding, json=a_record())
    again = write_permit("lbhf", hidden=await hidden(index, "crm/c-1"))
    corrected = await index.call("PUT", "/v1/sources/crm/records/c-1", again, json=a_record(title="Ms"))

    assert joined.json()["person_id"] == known["person_id"]
    assert (corrected.status_code, corrected.json()["outcome"]) == (200, "updated")


async def test_raw_sql_sees_no_hidden_row(index: Index) -> None:
    ours, theirs = await linked_boroughs(index)
    await protect(index, ours)
    named = await hidden(index, "crm/c-1")
    for permit in (caller("lbhf", "wcc"), caller("lbhf", "wcc", hidden=named)):
        async with index.database.transaction(permit.context()) as tx:
            seen = {
                table: (await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
                for table in ("records", "members", "persons", "block_keys")
            }
        assert all(seen.values()) if not permit.hidden else set(seen.values()) == {0}
    assert ours != theirs
