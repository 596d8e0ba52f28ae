"""Protected people: their whereabouts are for those who are cleared, and to others as if there had never been any."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index.jobs import lift_ended
from shared.categories import SEALS, Action, Category, Form, Protection
from shared.permit import Permit
from tests.builders import AT, a_record, granting, write_permit
from tests.conftest import empty
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.loading import load, ndjson, people
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

MILD = sorted(set(Protection) - SEALS)
WHEREABOUTS = {"addresses", "address", "phones", "phone", "emails", "email", "preferred_channel", "relationships"}
NAMED = {"given_names": ["Adaeze"], "family_name": "Okonjo-Vale", "date_of_birth": "1984-03-09"}
NOWHERE = a_record(addresses=None, phones=None, emails=None)


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def events_of(admin: AsyncEngine, person_id: str) -> list[tuple[bool, bool, set[str]]]:
    """Give what was told of a person's protection, in order: protected, sealed, of which records."""
    rows = await behind.ask(
        admin,
        "SELECT data FROM outbox WHERE type = 'person.protected.v1' AND subject = :person ORDER BY id",
        person=person_id,
    )
    return [(data["protected"], data["sealed"], set(data["records"])) for (data,) in rows]


@pytest.mark.parametrize("scheme", MILD)
@pytest.mark.parametrize("org", ["lbhf", "wcc"])
async def test_whereabouts_are_gone_for_who_is_not_cleared(org: str, scheme: str, index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id, scheme)

    answer = await index.call("GET", f"/v1/people/{person_id}", caller(org, "lbhf"))
    seen = answer.json()

    assert seen["golden"]["family_name"]["value"] == "Okonjo-Vale"
    assert not WHEREABOUTS & (seen["golden"].keys() | seen["records"][0].keys())
    assert seen["household"] == {"members": [], "basis": []}
    assert seen["records"][0].get("protected", False) is (org == "lbhf")
    assert "999900000017" not in answer.text
    assert "W6" not in answer.text
    assert not {"address", "contact_details", "household"} & set(answer.headers["SCV-Disclosed"].split('"'))


@pytest.mark.parametrize("scheme", Protection)
async def test_who_is_cleared_for_the_scheme_sees_everything(scheme: Protection, index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    before = await view(index, person_id, caller())
    await protect(index, person_id, scheme)

    async def seen(*cleared: str) -> dict[str, Any]:
        told = await view(index, person_id, caller(cleared=cleared))
        signs = [record.pop("protected", False) for record in told["records"]]
        assert signs == [True], "whoever sees it is told not to pass it on"
        return told

    assert await seen(*clearance("lbhf", scheme)) == before
    others = [one for one in Protection if one is not scheme]
    assert await seen(*clearance("lbhf", *others)) != before
    assert await seen(*clearance("wcc")) != before


async def test_two_schemes_take_two_clearances(index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id, "refuge")
    await protect(index, person_id, "marac")

    for held in (Protection.REFUGE, Protection.MARAC):
        assert "address" not in (await view(index, person_id, caller(cleared=clearance("lbhf", held))))["golden"]
    both = caller(cleared=clearance("lbhf", Protection.REFUGE, Protection.MARAC))
    assert "address" in (await view(index, person_id, both))["golden"]


async def test_the_record_itself_is_kept_from_own_workers_too(index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id)

    kept = (await index.call("GET", "/v1/sources/crm/records/c-1", caller())).json()
    cleared = (await index.call("GET", "/v1/sources/crm/records/c-1", caller(cleared=clearance("lbhf")))).json()

    assert kept["protected"] is True
    assert not WHEREABOUTS & kept.keys()
    assert cleared["protected"] is True, "so that nobody passes on what it sees"
    assert cleared["phones"] == ["07700 900123"]


async def test_nothing_protected_leaves_with_a_referral_even_for_who_is_cleared(index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id)

    permit = caller(action=Action.REFER, cleared=clearance("lbhf"))
    entries = (await index.call("GET", f"/v1/people/{person_id}/disclosure", permit)).json()["entries"]

    assert "family_name" in {one["field"] for one in entries}
    assert not WHEREABOUTS & {one["field"] for one in entries}


async def asked_by_wcc(index: Index, person_id: str, permit: Permit) -> list[httpx.Response]:
    """Ask all that another owner's caller can ask about a person."""
    path = f"/v1/people/{person_id}"
    answers = [
        await index.call("GET", called, permit)
        for called in (path, f"{path}?include=household", f"{path}/household", f"{path}/known")
    ]
    for wanted in (NAMED, {"nhs_number": "9990000018"}):
        searching = searcher("wcc", "lbhf", grants=permit.grants)
        answers.append(await index.call("POST", "/v1/people/search", searching, json=wanted))
    return answers


@pytest.mark.parametrize("form", Form)
async def test_another_owner_cannot_tell_a_protected_person_from_one_who_lives_nowhere(
    form: Form, index: Index, admin: AsyncEngine
) -> None:
    granted = granting("lbhf/customer-services", "lbhf/housing", categories=dict.fromkeys(Category, form))
    if form is not Form.VALUE:
        granted = {scope: {**cells, Category.IDENTITY: Form.VALUE} for scope, cells in granted.items()}
    permit = caller("wcc", "lbhf", grants=granted)
    written = []
    for record, is_protected in ((a_record(), True), (NOWHERE, False)):
        await empty(admin)
        person_id = (await put(index, "lbhf", "crm/c-1", record))["person_id"]
        await put(index, "lbhf", "housing/b", BRYN)
        if is_protected:
            await protect(index, person_id)
        written.append(alike(await asked_by_wcc(index, person_id, permit)))

    assert written[0] == written[1]


@pytest.mark.parametrize(
    "wanted",
    [{"postcode": "W6 9ZZ"}, {"uprn": "999900000017"}, {"phone": "07700 900123"}, {"email": "adaeze@example.org"}],
    ids=lambda one: next(iter(one)),
)
async def test_nobody_protected_is_found_where_whereabouts_are_given(wanted: dict[str, str], index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    other = (
        await put(
            index, "lbhf", "housing/h-1", AMBER | {"phones": ["07700 900123"]} | {"emails": ["adaeze@example.org"]}
        )
    )["person_id"]
    await protect(index, person_id)

    for permit in (searcher(), searcher("wcc", "lbhf")):
        assert await found(index, wanted, permit) == [other]
        assert person_id not in await found(index, NAMED | wanted, permit)
        assert await found(index, NAMED, permit) == [person_id]
        assert await found(index, wanted | {"limit": 1}, permit) == [other]
    assert person_id in await found(index, wanted, searcher(cleared=clearance("lbhf")))


async def test_protected_people_use_up_no_room_among_candidates(index: Index) -> None:
    homes = [[{"postcode": "W6 9ZZ", "uprn": uprn}] for uprn in ("999900000018", "999900000019")]
    crowd = [one | {"addresses": homes[place % 2]} for place, one in enumerate(people(320))]
    await load(index, "lbhf", "crm", ndjson(crowd))
    for local_id in ("p-0", "p-1"):
        record = (await index.call("GET", f"/v1/sources/crm/records/{local_id}", caller())).json()
        await protect(index, record["person_id"], household_wide=True)
    seen = (await put(index, "lbhf", "housing/h-1", AMBER))["person_id"]

    assert await found(index, {"postcode": "W6 9ZZ"}, searcher()) == [seen]


async def test_a_protected_person_is_in_nobodys_household(index: Index) -> None:
    amber = (await put(index, "lbhf", "crm/a", AMBER))["person_id"]
    bryn = (await put(index, "lbhf", "housing/b", BRYN))["person_id"]
    await protect(index, amber)

    assert (await view(index, bryn, caller()))["household"]["members"] == []
    cleared = await view(index, bryn, caller(cleared=clearance("lbhf")))
    assert [one["person_id"] for one in cleared["household"]["members"]] == [amber]
    asked = await index.call("POST", "/v1/anchors", caller(), json={"person_id": bryn, "household": True})
    assert asked.json()["household"] == []


async def test_linked_records_of_another_owner_are_kept_back_as_well(index: Index) -> None:
    ours = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    theirs = (await put(index, "wcc", "crm/w-1"))["person_id"]
    await index.consume(agreement_changed(*BOTH))
    await index.link()
    await protect(index, ours)
    await index.link()

    seen = await view(index, theirs, caller("wcc", "lbhf", cleared=clearance("wcc")))

    assert [one["person_id"] for one in seen["linked"]] == [ours]
    (kept,) = [record for record in seen["records"] if record["owner"] == "lbhf"]
    assert not WHEREABOUTS & kept.keys()
    assert seen["golden"]["address"]["source"]["owner"] == "wcc"


async def test_each_change_tells_what_holds_for_all_records(index: Index, admin: AsyncEngine) -> None:
    one, other = await put(index, "lbhf", "crm/c-1"), await put(index, "lbhf", "housing/h-1")
    person_id, records = one["person_id"], {one["record_id"], other["record_id"]}
    before = await behind.ask(admin, "SELECT version FROM persons")
    await protect(index, person_id, "refuge")
    await protect(index, person_id, "adoption")
    await unprotect(index, person_id, query="?scheme=refuge")
    await unprotect(index, person_id)

    told = await events_of(admin, person_id)
    assert told == [(True, False, records), (True, True, records), (False, True, records), (False, False, records)]
    assert await behind.ask(admin, "SELECT version FROM persons") == [(before[0][0] + 4,)]
    versions = [version for *_, version in await behind.events(admin)]
    assert versions == list(range(1, before[0][0] + 5))


async def test_a_protection_is_answered_replaced_and_lifted(index: Index) -> None:
    known = await put(index, "lbhf", "crm/c-1")
    person_id = known["person_id"]
    plain = {"scheme": "refuge", "until": None, "review_on": None, "household_wide": False}
    assert await protect(index, person_id) == {"person_id": person_id, "protections": [plain]}
    dated: dict[str, Any] = {
        "scheme": "refuge",
        "until": "2026-12-31",
        "review_on": "2026-09-01",
        "household_wide": True,
    }
    assert (await protect(index, person_id, **dated))["protections"] == [dated]
    both = await protect(index, person_id, "marac")
    assert [one["scheme"] for one in both["protections"]] == ["marac", "refuge"]

    await unprotect(index, person_id, query="?scheme=refuge")
    assert "address" not in (await view(index, person_id, caller()))["golden"]
    lifted = await index.call("DELETE", f"/v1/people/{person_id}/protection", steward())
    assert (lifted.status_code, lifted.text) == (204, "")
    assert f"lbhf/{known['record_id']}@1" in lifted.headers["SCV-Disclosed"], "the audit names whom it was about"
    assert "address" in (await view(index, person_id, caller()))["golden"]


@pytest.mark.parametrize(("day", "status"), [("2026-06-30", 422), ("2026-07-01", 200)])
async def test_a_last_day_cannot_have_passed(day: str, status: int, index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    path = f"/v1/people/{person_id}/protection"

    answer = await index.call("PUT", path, steward(), json={"scheme": "refuge", "until": day})

    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["pointer"] == "/until"
        assert day not in answer.text


async def test_a_protection_holds_until_its_last_day_has_passed(index: Index, admin: AsyncEngine) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    await protect(index, person_id, until="2026-07-03")

    await lift_ended(index.database, index.worker, clock=lambda: AT + timedelta(days=2))
    assert "address" not in (await view(index, person_id, caller()))["golden"]
    await lift_ended(index.database, index.worker, clock=lambda: AT + timedelta(days=3))
    assert "address" in (await view(index, person_id, caller()))["golden"]
    assert [told[:2] for told in await events_of(admin, person_id)] == [(True, False), (False, False)]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_only_stewards_protect_only_their_own_people(method: str, index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    path = f"/v1/people/{person_id}/protection"
    body: dict[str, Any] = {"json": {"scheme": "refuge"}} if method == "PUT" else {}

    for refused in (caller(), searcher(), write_permit("lbhf")):
        assert (await index.call(method, path, refused, **body)).status_code == 401
    for unknown in (steward("wcc"), steward("wcc", grants=steward().grants), steward(grants={})):
        assert (await index.call(method, path, unknown, **body)).status_code == 404
    nobody = path.replace(person_id, "00000000-0000-4000-8000-000000000009")
    assert (await index.call(method, nobody, steward(), **body)).status_code == 404
    assert "address" in (await view(index, person_id, caller()))["golden"]


async def test_what_protects_a_person_can_be_read_back_by_its_own_organisation_alone(index: Index) -> None:
    person_id = (await put(index, "lbhf", "crm/c-1"))["person_id"]
    path = f"/v1/people/{person_id}/protection"
    assert (await index.call("GET", path, caller())).json()["protections"] == []
    await protect(index, person_id, "refuge")

    own, others = await index.call("GET", path, caller()), await index.call("GET", path, caller("wcc"))

    assert [one["scheme"] for one in own.json()["protections"]] == ["refuge"]
    assert others.status_code == 404
    nobody = await index.call("GET", f"/v1/people/{uuid4()}/protection", caller("wcc"))
    assert others.json() | {"request_id": ""} == nobody.json() | {"request_id": ""}
