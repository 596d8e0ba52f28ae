"""Acting for another organisation: who a worker is then, what it may see, and who reads of it afterwards."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.mandate import Mandate, under_mandate
from gateway.organisation import OrganisationKind
from gateway.standing import Caller, Standing
from shared.categories import Purpose, Role
from shared.permit import Permit
from single_node.postgres import Server
from tests.builders import AT
from tests.gateway.conftest import serving
from tests.gateway.platform import TRAINED, Platform, StandIn
from tests.gateway.test_api_calls import PERSON, a_person, disclosing

GIVER, RUTH, ROB = "wcc/ig/ig-lead", "rbkc/ruth/caseworker", "rbkc/rob/caseworker"
MANDATES = "/v1/organisations/wcc/mandates"
MANDATE: dict[str, Any] = {
    "to_org": "rbkc",
    "roles": ["caseworker"],
    "purposes": ["homelessness"],
    "from": "2026-06-01",
    "until": "2026-12-31",
}
SEARCH = ("POST", "/v1/people/search")
FOR_WCC = {"SCV-Acting-For": "wcc"}
TODAY = AT.date()


@pytest.fixture
async def mandated(platform: Platform) -> Platform:
    """A platform on which wcc lets caseworkers of rbkc act for it against homelessness; ruth is trained, rob is not."""
    await platform.enter(RUTH, **TRAINED)
    await platform.enter(ROB)
    given = await platform.call("PUT", f"{MANDATES}/m1", GIVER, json=MANDATE)
    assert given.status_code == 201, given.text
    platform.behind.answer = a_person
    return platform


async def acting(platform: Platform, who: str, purpose: str = "homelessness") -> Any:
    """Search, acting for wcc."""
    return await platform.call(*SEARCH, who, purpose=purpose, json={"family_name": "Vale"}, headers=FOR_WCC)


async def test_a_worker_under_a_mandate_sees_as_the_organisation_it_acts_for(mandated: Platform) -> None:
    await mandated.agree()
    answered = await acting(mandated, RUTH)

    assert answered.status_code == 200
    [permit] = mandated.behind.permits
    assert (permit.org, permit.subject, permit.roles) == ("wcc", "rbkc/ruth", ("caseworker",))
    owners = {scope.partition("/")[0] for scope in permit.grants}
    assert owners == {"wcc", "lbhf"}, "wcc's own and what lbhf grants wcc; nothing of the employer's"


async def test_training_counts_as_the_employer_has_it_on_record(mandated: Platform) -> None:
    await mandated.agree()
    await mandated.enter("wcc/rob/caseworker", **TRAINED)

    await acting(mandated, ROB)

    [permit] = mandated.behind.permits
    assert {scope.partition("/")[0] for scope in permit.grants} == {"wcc"}


async def test_only_roles_that_the_mandate_names_and_the_worker_holds_count(mandated: Platform) -> None:
    await mandated.enter("rbkc/both/caseworker,social-worker")
    await acting(mandated, "rbkc/both/caseworker,social-worker")
    lacking = await acting(mandated, "rbkc/front/frontline")

    [permit] = mandated.behind.permits
    assert permit.roles == ("caseworker",)
    assert (lacking.status_code, lacking.json()["type"]) == (403, "/problems/role-not-permitted")


@pytest.mark.parametrize(
    "changed",
    [
        {"purposes": ["housing"]},
        {"from": str(TODAY + timedelta(days=1))},
        {"until": str(TODAY - timedelta(days=1))},
        {"to_org": "lbhf"},
    ],
    ids=["another purpose", "not yet", "no longer", "another organisation's workers"],
)
async def test_outside_its_purposes_and_days_there_is_no_mandate(mandated: Platform, changed: dict[str, Any]) -> None:
    before = await acting(mandated, RUTH)
    etag = (await mandated.call("GET", f"{MANDATES}/m1", GIVER)).headers["ETag"]
    body = MANDATE | changed
    changed_to = await mandated.call("PUT", f"{MANDATES}/m1", GIVER, json=body, headers={"If-Match": etag})
    after = await acting(mandated, RUTH)

    assert (before.status_code, changed_to.status_code) == (200, 200)
    assert (after.status_code, after.json()["type"]) == (403, "/problems/no-mandate")
    assert len(mandated.behind.permits) == 1


async def test_the_last_and_the_first_day_are_in_it(mandated: Platform) -> None:
    body = MANDATE | {"from": str(TODAY), "until": str(TODAY), "purposes": ["housing"]}
    await mandated.call("PUT", f"{MANDATES}/today", GIVER, json=body)

    assert (await acting(mandated, RUTH, "housing")).status_code == 200


async def test_nobody_governs_for_another_and_nobody_acts_for_one_unknown(mandated: Platform) -> None:
    await mandated.enter("rbkc/iris/ig-lead")
    body = MANDATE | {"roles": ["ig-lead", "caseworker"]}
    await mandated.call("PUT", f"{MANDATES}/m2", GIVER, json=body)
    refused = [
        await mandated.call("GET", "/v1/audit", "rbkc/iris/ig-lead", purpose="homelessness", headers=FOR_WCC),
        await mandated.call("POST", "/v1/agreements", "rbkc/iris/ig-lead", json={}, headers=FOR_WCC),
        await mandated.call("GET", "/v1/catalogue", RUTH, headers=FOR_WCC),
        await mandated.call(*SEARCH, RUTH, purpose="homelessness", json={}, headers={"SCV-Acting-For": "nobody"}),
        await mandated.call(*SEARCH, RUTH, purpose="homelessness", json={}, headers={"SCV-Acting-For": "lbhf"}),
    ]

    assert [(one.status_code, one.json()["type"]) for one in refused] == [(403, "/problems/no-mandate")] * 5


async def test_both_organisations_and_the_owner_read_who_acted_for_whom(mandated: Platform) -> None:
    async def of_wcc(_: Permit, request: Request) -> Response:
        if request.url.path.endswith("/known"):
            return JSONResponse({"person_id": str(PERSON), "owner": "wcc", "survivor": None, "formerly": []})
        return disclosing({"wcc/housing": ["existence"]}, {PERSON: "wcc"}, {"items": []})

    mandated.behind.answer = of_wcc
    await acting(mandated, RUTH)

    for org in ("wcc", "rbkc"):
        [row] = [row for row in await mandated.audited(org, subject="ruth") if row["action"] == "search"]
        assert (row["organisation"], row["acting_for"], row["subject"]) == ("rbkc", "wcc", "ruth")
        assert row["person_ids"] == [str(PERSON)]
    assert [row for row in await mandated.audited("lbhf") if row["action"] == "search"] == []
    path = f"/v1/people/{PERSON}/access-log"
    log = (await mandated.call("GET", path, GIVER, purpose="subject-rights")).json()["items"]
    assert [(one["organisation"], one["acting_for"], one["emergency"]) for one in log] == [("rbkc", "wcc", False)]


async def test_a_cursor_is_of_one_worker_even_where_two_have_one_name(mandated: Platform) -> None:
    await mandated.enter("wcc/ruth/caseworker")
    for _ in range(2):
        await acting(mandated, RUTH)
    path = f"/v1/people/{PERSON}/access-log?limit=1"
    own = (await mandated.call("GET", path, "wcc/ruth/caseworker", purpose="homelessness")).json()
    mine = (await mandated.call("GET", path, RUTH, purpose="homelessness", headers=FOR_WCC)).json()
    ask = ("GET", f"{path}&cursor={own['next']}")

    assert own["next"]
    assert mine["next"] not in (None, own["next"])
    assert (await mandated.call(*ask, "wcc/ruth/caseworker", purpose="homelessness")).status_code == 200
    assert (await mandated.call(*ask, RUTH, purpose="homelessness", headers=FOR_WCC)).status_code == 400
    assert (await mandated.call(*ask, RUTH, purpose="homelessness")).status_code == 400


async def test_a_worker_has_one_allowance_whomever_it_acts_for(peopled: Server) -> None:
    async with serving(peopled, behind=StandIn(AT)) as generous:
        await generous.enter(RUTH, **TRAINED)
        await generous.call("PUT", f"{MANDATES}/m1", GIVER, json=MANDATE)
    async with serving(peopled, behind=StandIn(AT), settings={"requests_per_second": 1}) as sparing:
        for _ in range(5):  # a pair that two seconds part says nothing
            await asyncio.sleep(1.1)
            own = await sparing.call("GET", "/v1/organisations", RUTH)
            other = await acting(sparing, RUTH)
            if other.status_code == 429:
                break

    assert (own.status_code, other.status_code) == (200, 429)


async def test_a_mandate_is_given_by_its_own_organisation_and_changed_only_as_it_was_read(mandated: Platform) -> None:
    path = f"{MANDATES}/m1"
    stranger = await mandated.call("PUT", path, "rbkc/ig/ig-lead", json=MANDATE)
    worker = await mandated.call("PUT", path, "wcc/will/caseworker", json=MANDATE)
    blind = await mandated.call("PUT", path, GIVER, json=MANDATE)
    stale = await mandated.call("PUT", path, GIVER, json=MANDATE, headers={"If-Match": '"7"'})
    changes: list[dict[str, Any]] = [
        {"to_org": "wcc"},
        {"to_org": "nobody"},
        {"roles": ["operator"]},
        {"roles": []},
        {"purposes": ["fun"]},
        {"until": "2026-05-31"},
    ]
    wrong = [await mandated.call("PUT", f"{MANDATES}/m9", GIVER, json=MANDATE | change) for change in changes]
    told = (await mandated.call("GET", MANDATES, "wcc/boss/admin")).json()

    assert stranger.json()["type"] == "/problems/other-organisation"
    assert [one.status_code for one in (stranger, worker, blind, stale)] == [403, 403, 428, 412]
    assert [one.status_code for one in wrong] == [422] * 6
    assert wrong[1].json()["errors"][0]["pointer"] == "/to_org"
    assert told["items"] == [{"org": "wcc", "id": "m1", **MANDATE}]
    assert (await mandated.call("GET", f"{MANDATES}/m9", GIVER)).status_code == 404


days = st.integers(-3, 3).map(lambda number: date(2026, 6, 15) + timedelta(days=number))
some_mandates = st.lists(
    st.builds(
        Mandate,
        org=st.sampled_from(["wcc", "lbhf"]),
        to_org=st.sampled_from(["rbkc", "lbhf"]),
        roles=st.frozensets(st.sampled_from(Role), max_size=3),
        purposes=st.frozensets(st.sampled_from([Purpose.HOUSING, Purpose.BENEFITS])),
        first_day=days,
        last_day=days,
    ),
    max_size=5,
)


@given(mandates=some_mandates, on=days, purpose=st.sampled_from([Purpose.HOUSING, Purpose.BENEFITS]))
def test_roles_are_united_over_the_mandates_that_cover_the_call(
    mandates: list[Mandate], on: date, purpose: Purpose
) -> None:
    held = frozenset({Role.CASEWORKER, Role.STEWARD, Role.FRONTLINE})
    ruth = Caller(
        org="rbkc",
        org_kind=OrganisationKind.BOROUGH,
        subject="ruth",
        roles=held,
        standing=Standing(roles=held, training={}, commitments={}),
    )
    caller = under_mandate(
        ruth, org="wcc", org_kind=OrganisationKind.BOROUGH, mandates=mandates, purpose=purpose, on=on
    )
    covering = [
        one
        for one in mandates
        if one.org == "wcc" and one.to_org == "rbkc" and purpose in one.purposes and one.first_day <= on <= one.last_day
    ]

    if not covering:
        assert caller is None
        return
    assert caller is not None
    assert (caller.org, caller.employer, caller.worker) == ("wcc", "rbkc", "rbkc/ruth")
    assert caller.held_roles == {role for role in held if any(role in one.roles for one in covering)}
    assert caller.standing is ruth.standing
