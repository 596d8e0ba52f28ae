"""A protection goes with the records it is anchored on: withdrawn, asserted again, joined, parted, moved in."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index.jobs import lift_ended
from tests.builders import AT, a_record, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put
from tests.customer_index.loading import load, ndjson
from tests.customer_index.protecting import caller, protect, steward, unprotect, view
from tests.customer_index.test_household import AMBER, BRYN
from tests.customer_index.test_protection import events_of

ELSEWHERE = [{"lines": ["4 Cinder Wharf"], "town": "London", "postcode": "NW1 9ZZ", "uprn": "999900000044"}]
OTHER = a_record(given_names=["Leopold"], family_name="Quickfall", date_of_birth="1951-11-30", nhs_number="9990000026",
                 addresses=ELSEWHERE, phones=None, emails=None)  # fmt: skip


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def withdraw(index: Index, owner: str, name: str) -> None:
    source, _, local_id = name.partition("/")
    answer = await index.call("DELETE", f"/v1/sources/{source}/records/{local_id}", write_permit(owner, source))
    assert answer.status_code == 204


async def is_kept(index: Index, person_id: str) -> bool:
    """Tell whether a person's whereabouts are kept from who is not cleared, on each of its records."""
    seen = await view(index, person_id, caller())
    kept = {record.get("protected", False) for record in seen["records"]}
    assert len(kept) == 1, "what holds for one record of a person holds for all"
    return bool(kept.pop())


async def holds(admin: AsyncEngine, record_id: str) -> tuple[bool, bool]:
    """Give what other services were last told of a record: protected, sealed."""
    told = await behind.ask(admin, "SELECT data FROM outbox WHERE type = 'person.protected.v1' ORDER BY id")
    said = [(data["protected"], data["sealed"]) for (data,) in told if record_id in data["records"]]
    return said[-1] if said else (False, False)


async def test_a_record_asserted_again_is_protected_at_once(index: Index, admin: AsyncEngine) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    await protect(index, first["person_id"])
    await withdraw(index, "lbhf", "crm/c-1")

    again = await put(index, "lbhf", "crm/c-1")

    assert again["record_id"] != first["record_id"]
    assert await is_kept(index, again["person_id"])
    assert await holds(admin, again["record_id"]) == (True, False)


async def test_a_record_that_a_load_brings_back_is_protected_too(index: Index) -> None:
    first = await put(index, "lbhf", "crm/c-1")
    await protect(index, first["person_id"])
    await withdraw(index, "lbhf", "crm/c-1")

    await load(index, "lbhf", "crm", ndjson([a_record() | {"local_id": "c-1"}, OTHER | {"local_id": "c-2"}]))

    again = await put(index, "lbhf", "crm/c-1")
    assert again["outcome"] == "unchanged"
    assert await is_kept(index, again["person_id"])
    assert not await is_kept(index, (await put(index, "lbhf", "crm/c-2", OTHER))["person_id"])


async def test_a_lifted_protection_does_not_wait_for_a_withdrawn_record(index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await put(index, "lbhf", "housing/h-1")
    await protect(index, person_id)
    await withdraw(index, "lbhf", "crm/c-1")
    await protect(index, person_id, until="2026-12-31")
    await put(index, "lbhf", "crm/c-1")
    assert await is_kept(index, person_id)
    await withdraw(index, "lbhf", "crm/c-1")
    await unprotect(index, person_id)

    again = await put(index, "lbhf", "crm/c-1")

    assert again["person_id"] == person_id
    assert not await is_kept(index, person_id)


async def test_a_record_that_joins_a_protected_person_is_protected(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id)

    joining = await put(index, "lbhf", "housing/h-1")

    assert joining["person_id"] == person_id
    assert await is_kept(index, person_id)
    assert await holds(admin, joining["record_id"]) == (True, False)


async def test_what_remains_of_a_person_stays_protected(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id)
    joined = await put(index, "lbhf", "housing/h-1")

    await withdraw(index, "lbhf", "crm/c-1")

    assert await is_kept(index, person_id)
    assert await holds(admin, joined["record_id"]) == (True, False)


async def test_a_record_found_to_be_somebody_else_is_protected_no_longer(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id)
    joined = await put(index, "lbhf", "housing/h-1")
    assert await holds(admin, joined["record_id"]) == (True, False)

    parted = await put(index, "lbhf", "housing/h-1", OTHER)

    assert parted["person_id"] != person_id
    assert not await is_kept(index, parted["person_id"])
    assert await is_kept(index, person_id)
    assert await holds(admin, joined["record_id"]) == (False, False)


async def test_persons_found_to_be_one_are_protected_as_one(index: Index, admin: AsyncEngine) -> None:
    kept = await put(index, "lbhf", "crm/c-1", a_record(nhs_number=None, addresses=None, phones=None, emails=None))
    plain = await put(index, "lbhf", "housing/h-1", OTHER)
    await protect(index, kept["person_id"])

    merged = await put(index, "lbhf", "housing/h-1", a_record())
    joined = await put(index, "lbhf", "benefits/b-1", a_record())

    assert merged["person_id"] in (kept["person_id"], plain["person_id"])
    assert await is_kept(index, joined["person_id"])


async def test_a_protection_goes_through_merge_split_and_undo(index: Index, admin: AsyncEngine) -> None:
    kept, plain = await put(index, "lbhf", "crm/c-1"), await put(index, "lbhf", "housing/h-1", OTHER)
    await protect(index, kept["person_id"])

    path, merging = f"/v1/people/{kept['person_id']}", {"other": plain["person_id"], "reason": "one human being"}
    merged = await index.call("POST", f"{path}/merge", steward(), json=merging)
    assert merged.status_code == 200, merged.text
    assert await is_kept(index, kept["person_id"])
    assert await holds(admin, plain["record_id"]) == (True, False)

    undo = f"/v1/stewardship/{merged.json()['stewardship_id']}/undo"
    assert (await index.call("POST", undo, steward(), json={"reason": "two after all"})).status_code == 200
    assert await is_kept(index, kept["person_id"])
    assert not await is_kept(index, plain["person_id"])
    assert await holds(admin, plain["record_id"]) == (False, False)

    joined = await put(index, "lbhf", "benefits/b-1")
    await protect(index, kept["person_id"], "marac")
    splitting = {"records": [joined["record_id"]], "reason": "somebody else"}
    assert (await index.call("POST", f"{path}/split", steward(), json=splitting)).status_code == 200
    for record in (kept, joined):
        assert await holds(admin, record["record_id"]) == (True, False)


async def test_events_of_a_person_stay_in_unbroken_order(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id)
    await put(index, "lbhf", "housing/h-1")
    await put(index, "lbhf", "housing/h-1", OTHER)
    await withdraw(index, "lbhf", "crm/c-1")
    await put(index, "lbhf", "crm/c-1")

    versions: dict[str, list[int]] = {}
    for _, subject, version in await behind.events(admin):
        versions.setdefault(subject, []).append(version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values()), versions


async def test_a_household_is_protected_with_whom_it_is_for(index: Index, admin: AsyncEngine) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    relation = {"addresses": [], "relationships": [{"kind": "child", "local_id": "a"}]}
    parent = await put(index, "lbhf", "crm/p", OTHER | relation)
    far = await put(index, "lbhf", "housing/f", OTHER | {"nhs_number": "9990000034", "given_names": ["Otto"]})
    await protect(index, amber["person_id"], household_wide=True)

    for one in (amber, bryn, parent):
        assert await is_kept(index, one["person_id"])
        assert await holds(admin, one["record_id"]) == (True, False)
    assert not await is_kept(index, far["person_id"])
    assert await events_of(admin, far["person_id"]) == []

    await unprotect(index, amber["person_id"])
    for one in (amber, bryn, parent):
        assert not await is_kept(index, one["person_id"])


async def test_of_a_household_one_alone_can_be_let_go(index: Index) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    await protect(index, amber["person_id"], household_wide=True)

    await unprotect(index, bryn["person_id"])

    assert await is_kept(index, amber["person_id"])
    assert not await is_kept(index, bryn["person_id"])


@pytest.mark.parametrize("then", ["lifted", "narrowed"])
async def test_a_household_protected_for_two_stays_so_for_the_other(then: str, index: Index) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    child = await put(index, "lbhf", "crm/c", OTHER | {"addresses": AMBER["addresses"]})
    for one in (amber, bryn):
        await protect(index, one["person_id"], household_wide=True)

    if then == "lifted":
        await unprotect(index, amber["person_id"])
    else:
        await protect(index, amber["person_id"], household_wide=False)

    assert await is_kept(index, bryn["person_id"])
    assert await is_kept(index, child["person_id"])
    await unprotect(index, bryn["person_id"])
    assert not await is_kept(index, child["person_id"])


async def test_a_protection_of_ones_own_takes_nothing_from_that_of_the_household(index: Index) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    await protect(index, amber["person_id"], household_wide=True)

    await protect(index, bryn["person_id"], until=AT.date().isoformat())
    await lift_ended(index.database, index.worker, clock=lambda: AT + timedelta(days=1))

    assert await is_kept(index, bryn["person_id"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"addresses": [], "relationships": [{"kind": "parent", "local_id": "a"}]},
    ],
    ids=["the same home", "a relative"],
)
@pytest.mark.parametrize("moves", [False, True], ids=["new", "known before"])
async def test_who_comes_to_a_protected_household_is_protected(
    changes: dict[str, Any], moves: bool, index: Index, admin: AsyncEngine
) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    await protect(index, amber["person_id"], household_wide=True)
    if moves:
        away = await put(index, "lbhf", "crm/b", BRYN | {"addresses": ELSEWHERE})
        assert not await is_kept(index, away["person_id"])

    bryn = await put(index, "lbhf", "crm/b", BRYN | changes)

    assert await is_kept(index, bryn["person_id"])
    assert await holds(admin, bryn["record_id"]) == (True, False)
    further = await put(index, "lbhf", "crm/c", OTHER)
    assert not await is_kept(index, further["person_id"])
    theirs = await put(index, "wcc", "crm/b", BRYN)
    assert "protected" not in str(await view(index, theirs["person_id"], caller("wcc")))


async def test_a_relative_named_by_the_protected_person_is_protected_on_arrival(index: Index) -> None:
    naming = AMBER | {"relationships": [{"kind": "child", "local_id": "b"}]}
    amber = await put(index, "lbhf", "crm/a", naming)
    await protect(index, amber["person_id"], household_wide=True)

    bryn = await put(index, "lbhf", "crm/b", BRYN | {"addresses": ELSEWHERE})

    assert await is_kept(index, bryn["person_id"])


async def test_a_steward_who_may_not_know_a_relative_protects_it_all_the_same(index: Index) -> None:
    amber = await put(index, "lbhf", "crm/a", AMBER)
    bryn = await put(index, "lbhf", "housing/b", BRYN)
    path = f"/v1/people/{amber['person_id']}/protection"
    permit = steward(hidden=(bryn["record_id"],))

    answer = await index.call("PUT", path, permit, json={"scheme": "refuge", "household_wide": True})

    assert answer.status_code == 200
    assert bryn["person_id"] not in answer.text
    assert await is_kept(index, bryn["person_id"])
