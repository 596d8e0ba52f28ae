"""Emergency access: what it opens, for how long, who is told, and who must look at why."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.emergency import read_emergency
from gateway.jobs import look_at_reviews
from shared.categories import WHEREABOUTS, Category, Form
from shared.db import Database
from shared.permit import Permit
from single_node.postgres import Server
from tests.builders import AT
from tests.conftest import url
from tests.gateway.conftest import as_superuser, serving
from tests.gateway.platform import AGREEMENT, Platform, StandIn
from tests.gateway.test_api_calls import PERSON, disclosing
from tests.gateway.test_clearance import IN_EMERGENCY

IG, NEW = "lbhf/ig/ig-lead", "wcc/new/caseworker"
NOTE = "Rang from a roof; her sister asked us to find her."
HEADER = {"SCV-Emergency": f"risk-to-life; {NOTE}"}
BREAK_GLASS: dict[str, Any] = {
    "allowed": True,
    "reasons": ["risk-to-life", "safeguarding"],
    "roles": ["caseworker"],
    "max_minutes": 5,
    "categories": ["existence", "identity", "address", "linkage", "accessibility"],
    "review_within_hours": 24,
}
SEARCH = ("POST", "/v1/people/search")
LIST = "/v1/emergency-access"


def an_agreement(flows: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Make the agreement between lbhf and wcc with emergency access; `flows` are changes to what lbhf shows."""
    first, *others = AGREEMENT["flows"]
    return AGREEMENT | {"break_glass": BREAK_GLASS | changes, "flows": [first | (flows or {}), *others]}


async def shown(_: Permit, request: Request) -> Response:
    """Answer with a person of lbhf."""
    if request.url.path.endswith("/known"):
        return JSONResponse({"person_id": str(PERSON), "owner": "lbhf", "survivor": None, "formerly": []})
    return disclosing({"lbhf/housing": ["existence", "address"]}, {PERSON: "lbhf"}, {"items": []})


async def look(platform: Platform, who: str = NEW, *, purpose: str = "council-tax", **headers: str) -> Any:
    """Search in an emergency, for a purpose that no agreement knows."""
    return await platform.call(*SEARCH, who, purpose=purpose, json={"family_name": "Vale"}, headers=HEADER | headers)


async def listed(platform: Platform, org: str) -> list[dict[str, Any]]:
    """List the emergency accesses as an organisation's information-governance lead reads them."""
    told = await platform.call("GET", LIST, f"{org}/ig/ig-lead")
    assert told.status_code == 200, told.text
    items: list[dict[str, Any]] = told.json()["items"]
    return items


def later(platform: Platform, minutes: float) -> None:
    """Let time pass for the platform."""
    at = AT + timedelta(minutes=minutes)
    platform.app.state.clock = lambda: at
    platform.behind.at = at


async def test_an_emergency_opens_what_is_listed_whatever_purpose_training_and_commitment(platform: Platform) -> None:
    await platform.agree(an_agreement())
    ordinary = await platform.call(*SEARCH, NEW, purpose="council-tax", json={})
    answered = await look(platform)

    assert (ordinary.status_code, answered.status_code) == (200, 200)
    before, permit = platform.behind.permits
    assert not [scope for scope in before.grants if scope.startswith("lbhf/")]
    opened = dict.fromkeys([Category.EXISTENCE, Category.IDENTITY, Category.ADDRESS], Form.VALUE)
    assert {scope: told for scope, told in permit.grants.items() if scope.startswith("lbhf/")} == {
        "lbhf/housing": opened,
        "lbhf/customer-services": opened,
    }, "never linkage, and nothing special without its legal condition"
    assert {one for one in permit.cleared if one.startswith("lbhf/")} == {f"lbhf/{one}" for one in IN_EMERGENCY}
    assert before.cleared == ()


async def test_what_another_clause_shows_of_whereabouts_is_never_of_the_protected(platform: Platform) -> None:
    await platform.agree(an_agreement({"categories": [{"category": "existence"}, {"category": "contact_details"}]}))
    await platform.agree(an_agreement(categories=["existence"], reasons=["fire"]))
    opens_address = await look(platform, "wcc/will/caseworker", purpose="homelessness")
    opens_none = await look(
        platform, "wcc/will/caseworker", purpose="homelessness", **{"SCV-Emergency": "fire; It burns."}
    )

    assert (opens_address.status_code, opens_none.status_code) == (200, 200)
    with_address, without = platform.behind.permits
    assert {one for one in with_address.cleared if one.startswith("lbhf/")} == {f"lbhf/{one}" for one in IN_EMERGENCY}
    assert set(with_address.grants["lbhf/housing"]) & WHEREABOUTS == {Category.ADDRESS}  # type: ignore[index]
    assert without.cleared == ()
    assert set(without.grants["lbhf/housing"]) & WHEREABOUTS == {Category.CONTACT_DETAILS}  # type: ignore[index]


async def test_a_special_category_is_opened_where_its_condition_is_named(platform: Platform) -> None:
    condition = {"article9": ["h"], "schedule1": ["2"], "service_areas": ["housing", "adult-social-care"]}
    await platform.agree(an_agreement(condition))
    await look(platform)

    [permit] = platform.behind.permits
    assert Category.ACCESSIBILITY in permit.grants["lbhf/housing"]  # type: ignore[index]
    assert "lbhf/adult-social-care" in permit.grants
    assert "lbhf/concessions:special" not in permit.grants


async def test_without_existence_an_emergency_shows_nothing_and_with_a_clause_that_has_it_all(
    platform: Platform,
) -> None:
    await platform.agree(an_agreement(categories=["address"]))
    alone = await look(platform)
    with_clause = await look(platform, "wcc/will/caseworker", purpose="homelessness")

    assert (alone.status_code, alone.json()["type"]) == (403, "/problems/emergency-not-permitted")
    assert with_clause.status_code == 200
    assert Category.ADDRESS in platform.behind.permits[0].grants["lbhf/housing"]  # type: ignore[index]
    assert len(await listed(platform, "lbhf")) == 1


async def test_a_statutory_bar_stands_in_an_emergency(platform: Platform) -> None:
    source = {"service_area": "housing", "statutory_bar": "Social Security Administration Act 1992"}
    await platform.call("PUT", "/v1/organisations/lbhf/sources/barred", "lbhf/boss/admin", json=source)
    await platform.agree(an_agreement())
    await look(platform)

    [permit] = platform.behind.permits
    assert {scope for scope in permit.grants if scope.startswith("lbhf/")} == {"lbhf/customer-services"}
    assert "lbhf/barred" in permit.barred


@pytest.mark.parametrize(
    ("changes", "who", "needed"),
    [
        ({"allowed": False}, NEW, "an active agreement that lets"),
        ({"reasons": ["safeguarding"]}, NEW, "one of the reasons safeguarding"),
        ({}, "wcc/front/frontline", "one of the roles caseworker"),
        ({}, "rbkc/front/frontline", "an active agreement that lets"),
    ],
    ids=["not allowed", "another reason", "another role", "another organisation"],
)
async def test_where_no_agreement_allows_it_the_refusal_says_what_would(
    platform: Platform, changes: dict[str, Any], who: str, needed: str
) -> None:
    await platform.agree(an_agreement(**changes))
    refused = await look(platform, who)

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/emergency-not-permitted")
    assert refused.json()["needed"].startswith(needed)
    assert platform.behind.permits == []
    assert await listed(platform, "lbhf") == []
    [row] = [row for row in await platform.audited(who.partition("/")[0]) if row["action"] == "search"]
    assert (row["outcome"], row["emergency"]) == ("denied", None), "a reason nobody agreed on is not kept"


async def test_a_suspension_ends_it_at_once(platform: Platform) -> None:
    path = f"/v1/agreements/{await platform.agree(an_agreement())}/transitions"

    async def suspend_while_answering(_: Permit, __: Request) -> Response:
        await platform.move(path, IG, action="suspend")
        return disclosing({"lbhf/housing": ["address"]}, {PERSON: "lbhf"}, {"items": ["secret"]})

    first = await look(platform)
    platform.behind.answer = suspend_while_answering
    meanwhile = await look(platform)
    after = await look(platform)

    assert [one.status_code for one in (first, meanwhile, after)] == [200, 403, 403]
    assert after.json()["needed"] == "the agreement resumed by those who suspended it"


@pytest.mark.parametrize(
    "header",
    ["risk-to-life", "risk-to-life;", "; a note", ";", "risk-to-life; " + "x" * 501, "x" * 101 + "; note"],
    ids=["no note", "empty note", "no reason", "nothing", "long note", "long reason"],
)
async def test_a_reason_and_a_note_are_both_needed(platform: Platform, header: str) -> None:
    await platform.agree(an_agreement())
    refused = await look(platform, **{"SCV-Emergency": header})

    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/malformed-emergency")
    assert "SCV-Emergency" in refused.json()["title"]
    assert platform.behind.permits == []


def test_a_note_is_read_as_utf_8() -> None:
    assert read_emergency("fire; Café".encode().decode("latin-1")).note == "Café"
    for wrong in ("fire; \x07", "fire; \xff"):
        with pytest.raises(ValueError):  # noqa: PT011  one kind of wrong
            read_emergency(wrong)


@pytest.mark.parametrize(
    ("method", "path", "who"),
    [
        ("PUT", "/v1/sources/crm/records/r-1", "lbhf/crm/system"),
        ("GET", "/v1/sources/crm/records/r-1", "lbhf/crm/system"),
        ("GET", "/v1/referrals", "lbhf/ada/caseworker"),
        ("POST", "/v1/referrals/preview", "lbhf/ada/caseworker"),
        ("GET", "/v1/organisations", "lbhf/ada/caseworker"),
        ("POST", "/v1/decisions", "lbhf/ada/caseworker"),
    ],
)
async def test_an_emergency_is_for_looking_at_people_only(platform: Platform, method: str, path: str, who: str) -> None:
    body: dict[str, Any] | None = (
        {"service_id": str(uuid4()), "source": "crm", "local_id": "1"} if method == "POST" else None
    )
    if path.endswith("decisions"):
        body = {"subject": "ada", "roles": ["caseworker"], "purpose": "housing", "action": "read"}
    refused = await platform.call(method, path, who, purpose="housing", json=body, headers=HEADER)

    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/malformed-emergency")
    assert platform.behind.permits == []


async def test_both_sides_read_who_took_it_and_why_and_the_event_names_nobody(
    platform: Platform, founded: Server
) -> None:
    agreement_id = await platform.agree(an_agreement())
    platform.behind.answer = shown
    await look(platform)

    for org in ("lbhf", "wcc"):
        [row] = await listed(platform, org)
        assert row.pop("id")
        assert row == {
            "agreement_id": agreement_id,
            "provider": "lbhf",
            "organisation": "wcc",
            "acting_for": None,
            "subject": "new",
            "reason": "risk-to-life",
            "note": NOTE,
            "started_at": "2026-07-01T09:00:00Z",
            "expires_at": "2026-07-01T09:05:00Z",
            "review_due": "2026-07-02T09:00:00Z",
            "status": "open",
            "reviewed_by": None,
            "reviewed_at": None,
            "outcome": None,
            "review_note": None,
        }
        [entry] = [row for row in await platform.audited(org) if row["action"] == "search"]
        assert (entry["emergency"], entry["subject"]) == ("risk-to-life", "new")
        assert [clause.partition("/")[2] for clause in entry["clauses"]] == ["f1"]
    assert await listed(platform, "rbkc") == []
    log = await platform.call("GET", f"/v1/people/{PERSON}/access-log", IG, purpose="subject-rights")
    [told] = log.json()["items"]
    assert (told["organisation"], told["emergency"], told["reason"]) == ("wcc", True, "risk-to-life")
    assert NOTE not in log.text
    [event] = await as_superuser(founded, "SELECT subject, data, owner FROM outbox WHERE type LIKE 'emergency.%'")
    assert event.owner == "lbhf"
    assert event.data == {
        "provider": "lbhf",
        "organisation": "wcc",
        "reason": "risk-to-life",
        "expires_at": "2026-07-01T09:05:00Z",
        "review_due": "2026-07-02T09:00:00Z",
    }


async def test_calls_within_its_time_are_one_access_and_a_later_one_another(platform: Platform) -> None:
    await platform.agree(an_agreement())
    await platform.enter("wcc/nina/caseworker")
    await asyncio.gather(*(platform.call("GET", "/v1/organisations", NEW) for _ in range(6)))  # connections are open
    await asyncio.gather(*(look(platform) for _ in range(6)))
    later(platform, 4)
    await look(platform)
    assert len(await listed(platform, "lbhf")) == 1
    later(platform, 5)
    await look(platform)
    await look(platform, "wcc/nina/caseworker")
    await look(platform, **{"SCV-Emergency": "safeguarding; a child alone"})

    taken = [(row["subject"], row["reason"]) for row in await listed(platform, "lbhf")]
    assert sorted(taken) == [
        ("new", "risk-to-life"),
        ("new", "risk-to-life"),
        ("new", "safeguarding"),
        ("nina", "risk-to-life"),
    ]


async def test_it_is_on_record_before_any_data_are_asked_for(platform: Platform, founded: Server) -> None:
    await platform.agree(an_agreement())
    taken: list[int] = []

    async def count(_: Permit, __: Request) -> Response:
        taken.append(len(await listed(platform, "lbhf")))
        return JSONResponse({"items": []})

    platform.behind.answer = count
    await look(platform)
    asked = len(platform.behind.permits)
    later(platform, 6)
    await as_superuser(founded, "REVOKE INSERT ON emergency_accesses FROM gateway_app")
    try:
        failed = await look(platform)
    finally:
        await as_superuser(founded, "GRANT INSERT ON emergency_accesses TO gateway_app")

    assert taken == [1]
    assert failed.status_code >= 500
    assert len(platform.behind.permits) == asked


async def test_the_owner_reviews_it_once_and_nobody_else_may(platform: Platform) -> None:
    await platform.agree(an_agreement())
    await look(platform)
    [row] = await listed(platform, "lbhf")
    path, verdict = f"{LIST}/{row['id']}/review", {"outcome": "not-justified", "note": "No call is on record."}

    others = [await platform.call("POST", path, f"{org}/ig/ig-lead", json=verdict) for org in ("wcc", "rbkc")]
    unknown = await platform.call("POST", f"{LIST}/{uuid4()}/review", IG, json=verdict)
    worker = await platform.call("POST", path, "lbhf/ada/caseworker", json=verdict)
    reviewed = await platform.call("POST", path, IG, json=verdict)
    again = await platform.call("POST", path, IG, json=verdict | {"outcome": "justified"})

    assert [one.status_code for one in (*others, unknown, worker)] == [404, 404, 404, 403]
    assert (reviewed.status_code, reviewed.json()["status"]) == (200, "reviewed")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/already-reviewed")
    [row] = await listed(platform, "wcc")
    assert (row["reviewed_by"], row["outcome"], row["review_note"]) == ("ig", "not-justified", verdict["note"])
    done = [row for row in await platform.audited("lbhf") if row["outcome"] == "done" and "review" in row["route"]]
    assert len(done) == 1


async def test_a_review_that_is_late_is_told_of_once_and_can_still_be_made(platform: Platform, founded: Server) -> None:
    await platform.agree(an_agreement())
    await look(platform)
    worker = Database(url(founded, "gateway", "worker"), pool_size=1, name="jobs")
    try:
        await look_at_reviews(worker, at=AT + timedelta(hours=23))
        early = (await listed(platform, "lbhf"))[0]["status"]
        for _ in range(2):
            await look_at_reviews(worker, at=AT + timedelta(hours=24))
    finally:
        await worker.close()
    [row] = await listed(platform, "lbhf")
    told = await as_superuser(
        founded,
        "SELECT subject, aggregate_version, data FROM outbox WHERE type LIKE 'emergency.%' ORDER BY id",
    )
    reviewed = await platform.call("POST", f"{LIST}/{row['id']}/review", IG, json={"outcome": "justified"})

    assert (early, row["status"], reviewed.json()["status"]) == ("open", "overdue", "reviewed")
    assert [(one.subject, one.aggregate_version) for one in told] == [(row["id"], 1), (row["id"], 2)]
    assert told[1].data == {"provider": "lbhf", "organisation": "wcc"}


async def test_the_list_is_read_page_by_page(platform: Platform) -> None:
    await platform.agree(an_agreement())
    for minutes in (0, 10, 20):
        later(platform, minutes)
        await look(platform)
    first = (await platform.call("GET", f"{LIST}?limit=2", IG)).json()
    rest = (await platform.call("GET", f"{LIST}?limit=2&cursor={first['next']}", IG)).json()

    started = [row["started_at"] for row in first["items"] + rest["items"]]
    assert started == sorted(started, reverse=True)
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


async def test_a_change_in_another_replica_is_noticed_before_it_is_opened(platform: Platform, founded: Server) -> None:
    path = f"/v1/agreements/{await platform.agree(an_agreement())}/transitions"
    async with serving(founded, behind=StandIn(AT)) as other:
        await other.call("GET", "/v1/organisations", NEW)
        await platform.move(path, IG, action="suspend")
        refused = await look(other)

    assert refused.status_code == 403
    assert other.behind.permits == []
    assert await listed(platform, "lbhf") == [], "what nobody could take is on no record"


async def test_a_worker_acting_for_another_organisation_takes_it_in_its_name(platform: Platform) -> None:
    await platform.agree(an_agreement())
    await platform.enter("rbkc/rob/caseworker")
    mandate = {"to_org": "rbkc", "roles": ["caseworker"], "purposes": ["council-tax"]}
    days = {"from": "2026-01-01", "until": "2026-12-31"}
    await platform.call("PUT", "/v1/organisations/wcc/mandates/m1", "wcc/ig/ig-lead", json=mandate | days)
    await look(platform, "rbkc/rob/caseworker", **{"SCV-Acting-For": "wcc"})

    for org in ("lbhf", "wcc", "rbkc"):
        [row] = await listed(platform, org)
        assert (row["organisation"], row["acting_for"], row["subject"]) == ("rbkc", "wcc", "rob")


async def test_nobody_reviews_an_access_of_its_own(platform: Platform) -> None:
    await platform.agree(an_agreement())
    await platform.enter("lbhf/max/caseworker,ig-lead")
    mandate = {"to_org": "lbhf", "roles": ["caseworker"], "purposes": ["council-tax"]}
    days = {"from": "2026-01-01", "until": "2026-12-31"}
    await platform.call("PUT", "/v1/organisations/wcc/mandates/m1", "wcc/ig/ig-lead", json=mandate | days)
    await look(platform, "lbhf/max/caseworker", **{"SCV-Acting-For": "wcc"})
    [row] = await listed(platform, "lbhf")
    path = f"{LIST}/{row['id']}/review"
    own = await platform.call("POST", path, "lbhf/max/ig-lead", json={"outcome": "justified"})
    colleague = await platform.call("POST", path, IG, json={"outcome": "justified"})

    assert (own.status_code, colleague.status_code) == (403, 200)


async def test_a_boroughs_policy_may_keep_an_emergency_out(platform: Platform) -> None:
    await platform.agree(an_agreement())
    policy = """
        @id("no-addresses") forbid (principal, action, resource) when { resource.category == "address" };
        @id("housing-keeps-out") forbid (principal, action, resource)
        when { context.emergency && resource.service_area == "housing" };
    """
    path, text = "/v1/organisations/lbhf/policy", {"Content-Type": "text/plain"}
    first = await platform.call("PUT", path, IG, content=policy, headers=text)
    narrowed = await look(platform)
    nothing = '@id("none") forbid (principal, action, resource) when { context.emergency };'
    await platform.call("PUT", path, IG, content=nothing, headers=text | {"If-Match": first.headers["ETag"]})
    refused = await look(platform)

    assert (first.status_code, narrowed.status_code) == (201, 200)
    [permit] = platform.behind.permits
    opened = {scope: set(told) for scope, told in permit.grants.items() if scope.startswith("lbhf/")}
    assert opened == {"lbhf/customer-services": {Category.EXISTENCE, Category.IDENTITY}}
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/emergency-not-permitted")
    assert len(await listed(platform, "lbhf")) == 1
