"""Exclusions: for a worker who may not see somebody that person does not exist, on any route, from the next call on."""

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import gateway
from shared.permit import Permit, PermitGate
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEYS
from tests.gateway.conftest import serving
from tests.gateway.platform import TRAINED, Platform, StandIn

IG, ADA, WILL = "lbhf/ig/ig-lead", "lbhf/ada/caseworker", "wcc/will/caseworker"
EXCLUSIONS = "/v1/organisations/lbhf/exclusions"
PERSON, RECORD, HIDDEN, SOMETHING = (UUID(int=number, version=4) for number in (1, 2, 3, 4))
EXCLUSION: dict[str, Any] = {
    "subject": "ada",
    "record": {"source": "housing", "local_id": "h-1"},
    "reason": "is a neighbour",
    "review_on": "2027-01-01",
}
SEARCH = ("POST", "/v1/people/search")


async def index(permit: Permit, request: Request) -> Response:
    """Answer as customer-index would for one person of lbhf."""
    if request.url.path == "/v1/hidden":
        return JSONResponse({"records": [str(HIDDEN)]})
    if request.url.path == "/v1/anchors":
        if b"h-1" not in await request.body():
            return JSONResponse({"type": "/problems/unknown-record"}, 404)
        anchor = {"owner": "lbhf", "person_id": str(PERSON), "record_id": str(RECORD), "scope": "lbhf/housing"}
        return JSONResponse(anchor | {"household": []})
    if request.url.path.endswith("/known") and HIDDEN in permit.hidden:
        problem = {"type": "/problems/unknown-person", "status": 404, "request_id": "inner"}
        return JSONResponse(problem, 404, media_type="application/problem+json")
    person = {"person_id": str(PERSON), "owner": "lbhf", "golden": {}, "records": [], "linked": [], "entries": []}
    return JSONResponse(person | {"items": [], "survivor": None, "formerly": []})


@pytest.fixture
async def excluded(platform: Platform) -> Platform:
    """A platform on which somebody does not exist for ada."""
    platform.behind.answer = index
    entered = await platform.call("PUT", f"{EXCLUSIONS}/e1", IG, json=EXCLUSION)
    assert entered.status_code == 201, entered.text
    platform.behind.permits.clear()
    platform.behind.bodies.clear()
    return platform


async def test_an_exclusion_is_entered_for_a_record_that_there_is(platform: Platform) -> None:
    platform.behind.answer = index
    entered = await platform.call("PUT", f"{EXCLUSIONS}/e1", IG, json=EXCLUSION)
    unknown = await platform.call(
        "PUT", f"{EXCLUSIONS}/e2", IG, json=EXCLUSION | {"record": {"source": "housing", "local_id": "h-2"}}
    )

    assert entered.json() == EXCLUSION | {"org": "lbhf", "id": "e1", "employer": "lbhf"}
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/record")
    asked = platform.behind.permits[0]
    assert (asked.org, {category for told in asked.grants.values() for category in told}) == ("lbhf", {"existence"})
    assert {scope.partition("/")[0] for scope in asked.grants} == {"lbhf"}
    async with platform.app.state.database.transaction({"scv.org": "lbhf"}) as tx:
        assert (await tx.execute(text("SELECT person_id FROM exclusions"))).scalar_one() == PERSON


async def test_customer_index_says_first_who_is_hidden_and_only_where_somebody_is(excluded: Platform) -> None:
    await excluded.call(*SEARCH, ADA, purpose="housing", json={"family_name": "Vale"})
    asked, search = excluded.behind.permits
    await excluded.call(*SEARCH, "lbhf/front/frontline", purpose="housing", json={"family_name": "Vale"})

    assert excluded.behind.bodies[0] == (
        b'{"records":[{"source":"housing","local_id":"h-1","person_id":"' + str(PERSON).encode() + b'"}]}'
    )
    assert (asked.org, asked.action, asked.hidden) == ("lbhf", "read", ())
    assert (search.action, search.hidden) == ("search", (HIDDEN,))
    assert [permit.hidden for permit in excluded.behind.permits[2:]] == [()]


@pytest.fixture
async def whole(peopled: Server) -> AsyncIterator[tuple[Platform, dict[str, StandIn]]]:
    """A platform with a stand-in for every inner service, on which somebody does not exist for ada."""

    async def other(_: Permit, request: Request) -> Response:
        if request.url.path.startswith("/v1/services/"):
            return JSONResponse({"org": "shelter-west", "accepted_categories": None})
        concerned = {"persons": [str(PERSON)], "owner": "lbhf"}
        return JSONResponse(concerned | {"items": [], "contacts": [], "cases": [], "episodes": [], "assessments": []})

    behind = {
        name: StandIn(AT, gate=PermitGate(PERMIT_KEYS, audience=name), answer=other)
        for name in ("case-episodes", "referrals")
    }
    behind["customer-index"] = StandIn(AT, answer=index)
    others = {name: one for name, one in behind.items() if name != "customer-index"}
    async with serving(peopled, behind=behind["customer-index"], others=others) as platform:
        entered = await platform.call("PUT", f"{EXCLUSIONS}/e1", IG, json=EXCLUSION)
        assert entered.status_code == 201, entered.text
        behind["customer-index"].permits.clear()
        yield platform, behind


CASE = {"source": "housing", "local_id": "h-1", "lgsl": 1, "lgil": 0}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/people/search", {}),
        ("GET", f"/v1/people/{PERSON}", None),
        ("GET", f"/v1/people/{PERSON}/timeline", None),
        ("GET", f"/v1/people/{PERSON}/household", None),
        ("GET", f"/v1/people/{PERSON}/access-log", None),
        ("GET", f"/v1/people/{PERSON}/assessments", None),
        ("GET", "/v1/sources/housing/records/h-1", None),
        ("POST", "/v1/cases", CASE),
        ("POST", "/v1/contacts", CASE),
        ("POST", "/v1/assessments", CASE),
        ("GET", f"/v1/cases/{SOMETHING}", None),
        ("PATCH", f"/v1/cases/{SOMETHING}", {}),
        ("GET", "/v1/work-queue", None),
        ("GET", "/v1/referrals", None),
        ("GET", f"/v1/referrals/{SOMETHING}", None),
        ("POST", f"/v1/referrals/{SOMETHING}/transitions", {}),
    ],
)
async def test_no_route_forgets_who_is_hidden(
    whole: tuple[Platform, dict[str, StandIn]], method: str, path: str, body: Any
) -> None:
    platform, behind = whole
    await platform.call(method, path, ADA, purpose="housing", json=body)

    first, *others = behind["customer-index"].permits
    others += behind["case-episodes"].permits + behind["referrals"].permits
    assert others, "the call reached a service"
    assert {permit.hidden for permit in others} == {(HIDDEN,)}
    assert first.hidden == ()


def test_permits_are_made_in_one_room_only() -> None:
    makers = set()
    for path in Path(gateway.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Permit", "Access"):
                makers.add(path.name)

    assert makers == {"access.py"}


async def test_an_exclusion_holds_from_the_next_call_through_any_replica_and_until_it_is_lifted(
    platform: Platform, founded: Server
) -> None:
    platform.behind.answer = index
    async with serving(founded, behind=StandIn(AT, answer=index)) as other:
        ask = ("GET", f"/v1/people/{PERSON}/access-log", ADA)
        before = await other.call(*ask, purpose="housing")
        await platform.call("PUT", f"{EXCLUSIONS}/e1", IG, json=EXCLUSION)
        during = await other.call(*ask, purpose="housing")
        lifted = await platform.call("DELETE", f"{EXCLUSIONS}/e1", IG)
        after = await other.call(*ask, purpose="housing")
        again = await platform.call("DELETE", f"{EXCLUSIONS}/e1", IG)

    answers = (before, during, lifted, after, again)
    assert [one.status_code for one in answers] == [200, 404, 204, 200, 404]


async def test_an_exclusion_is_of_one_worker_of_one_employer(excluded: Platform) -> None:
    await excluded.enter("wcc/ada/caseworker", **TRAINED)
    await excluded.agree()
    for who in ("wcc/ada/caseworker", WILL, "lbhf/front/frontline"):
        await excluded.call(*SEARCH, who, purpose="homelessness", json={})

    assert [permit.hidden for permit in excluded.behind.permits] == [()] * 3


async def test_an_exclusion_holds_for_a_worker_of_another_organisation_under_its_mandate(excluded: Platform) -> None:
    await excluded.enter("wcc/ada/caseworker", **TRAINED)
    mandate = {"to_org": "wcc", "roles": ["caseworker"], "purposes": ["housing"]}
    days = {"from": "2026-01-01", "until": "2026-12-31"}
    await excluded.call("PUT", "/v1/organisations/lbhf/mandates/m1", IG, json=mandate | days)
    acting: dict[str, Any] = {"purpose": "housing", "json": {}, "headers": {"SCV-Acting-For": "lbhf"}}
    await excluded.call(*SEARCH, "wcc/ada/caseworker", **acting)
    await excluded.call("PUT", f"{EXCLUSIONS}/e2", IG, json=EXCLUSION | {"employer": "wcc"})
    excluded.behind.permits.clear()
    await excluded.call(*SEARCH, "wcc/ada/caseworker", **acting)
    await excluded.call(*SEARCH, "wcc/ada/caseworker", purpose="housing", json={})

    asked, search, own = excluded.behind.permits
    assert (asked.org, asked.subject) == ("lbhf", "wcc/ada")
    assert search.hidden == (HIDDEN,)
    assert own.hidden == (), "at home it sees what it saw"


async def test_an_employers_exclusion_goes_with_its_worker_wherever_it_acts(excluded: Platform) -> None:
    mandate = {"to_org": "lbhf", "roles": ["caseworker"], "purposes": ["housing"]}
    days = {"from": "2026-01-01", "until": "2026-12-31"}
    await excluded.call("PUT", "/v1/organisations/wcc/mandates/m1", "wcc/ig/ig-lead", json=mandate | days)
    await excluded.call(*SEARCH, ADA, purpose="housing", json={}, headers={"SCV-Acting-For": "wcc"})

    asked, search = excluded.behind.permits
    assert (asked.org, search.org, search.hidden) == ("lbhf", "wcc", (HIDDEN,))


async def test_no_worker_is_told_of_its_own_and_no_organisation_of_anothers(excluded: Platform) -> None:
    await excluded.enter("lbhf/ivy/ig-lead")
    one = f"{EXCLUSIONS}/e2"
    about_oneself = await excluded.call("PUT", one, IG, json=EXCLUSION | {"subject": "ig"})
    entered = await excluded.call("PUT", one, "lbhf/ivy/ig-lead", json=EXCLUSION | {"subject": "ig"})
    stranger = "wcc/ig/ig-lead"
    refused = [await excluded.call("GET", path, stranger) for path in (EXCLUSIONS, one)]
    refused += [await excluded.call("DELETE", one, stranger), await excluded.call("GET", EXCLUSIONS, ADA)]
    hidden = [await excluded.call(method, one, IG) for method in ("GET", "DELETE")]
    hidden.append(await excluded.call("PUT", one, IG, json=EXCLUSION))

    assert (about_oneself.status_code, about_oneself.json()["errors"][0]["pointer"]) == (422, "/subject")
    assert entered.status_code == 201
    assert [answer.status_code for answer in refused] == [403] * 4
    assert [answer.status_code for answer in hidden] == [404] * 3
    listed = (await excluded.call("GET", EXCLUSIONS, IG)).json()["items"]
    assert [entry["subject"] for entry in listed] == ["ada"]
    listed = (await excluded.call("GET", EXCLUSIONS, "lbhf/ivy/ig-lead")).json()["items"]
    assert [entry["subject"] for entry in listed] == ["ada", "ig"]
    async with excluded.app.state.database.transaction({"scv.org": "wcc"}) as tx:
        assert (await tx.execute(text("SELECT count(*) FROM exclusions"))).scalar_one() == 0


async def test_an_exclusion_is_changed_only_as_it_was_read(excluded: Platform) -> None:
    path, changed = f"{EXCLUSIONS}/e1", EXCLUSION | {"review_on": "2027-06-01"}
    etag = (await excluded.call("GET", path, IG)).headers["ETag"]
    blind = await excluded.call("PUT", path, IG, json=changed)
    read = await excluded.call("PUT", path, IG, json=changed, headers={"If-Match": etag})
    stale = await excluded.call("DELETE", path, IG, headers={"If-Match": etag})

    assert [one.status_code for one in (blind, read, stale)] == [428, 200, 412]


async def test_an_exclusion_outlives_its_record(excluded: Platform) -> None:
    async def withdrawn(_: Permit, __: Request) -> Response:
        return JSONResponse({"type": "/problems/unknown-record"}, 404)

    excluded.behind.answer = withdrawn
    path, changed = f"{EXCLUSIONS}/e1", EXCLUSION | {"review_on": "2027-06-01"}
    other = changed | {"record": {"source": "housing", "local_id": "h-2"}}
    kept = await excluded.call("PUT", path, IG, json=changed, headers={"If-Match": '"1"'})
    moved = await excluded.call("PUT", path, IG, json=other, headers={"If-Match": '"2"'})

    assert (kept.status_code, moved.status_code) == (200, 422)
    async with excluded.app.state.database.transaction({"scv.org": "lbhf"}) as tx:
        assert (await tx.execute(text("SELECT person_id FROM exclusions"))).scalar_one() == PERSON


async def test_nothing_is_answered_while_it_cannot_be_told_who_is_hidden(excluded: Platform) -> None:
    async def broken(_: Permit, request: Request) -> Response:
        return JSONResponse({"records": ["nobody"]}) if request.url.path == "/v1/hidden" else JSONResponse({})

    excluded.behind.answer = broken
    answered = await excluded.call(*SEARCH, ADA, purpose="housing", json={})

    assert (answered.status_code, answered.json()["type"]) == (503, "/problems/service-unreachable")
    assert len(excluded.behind.permits) == 1


async def test_a_decision_about_a_person_tells_nothing_of_one_who_cannot_be_known(excluded: Platform) -> None:
    asked = {"subject": "ada", "roles": ["caseworker"], "purpose": "housing", "action": "read"}
    about = asked | {"person_id": str(PERSON)}
    own = await excluded.call("POST", "/v1/decisions", ADA, json=about)
    lead = await excluded.call("POST", "/v1/decisions", IG, json=about)
    colleague = await excluded.call(
        "POST", "/v1/decisions", IG, json=about | {"subject": "front", "roles": ["frontline"]}
    )
    general = await excluded.call("POST", "/v1/decisions", ADA, json=asked)
    viewed = await excluded.call("GET", f"/v1/people/{PERSON}/access-log", ADA, purpose="housing")
    pointless = await excluded.call("POST", "/v1/decisions", ADA, json=about | {"purpose": "insight"})

    assert [one.status_code for one in (own, lead, viewed)] == [404] * 3
    assert own.json()["type"] == viewed.json()["type"] == "/problems/unknown-person"
    assert (colleague.status_code, general.status_code) == (200, 200)
    assert colleague.json()["grants"]
    assert general.json()["grants"]
    assert (pointless.status_code, pointless.json()["grants"]) == (200, {}), "refused whoever it is about"


async def test_nobody_learns_of_one_who_is_hidden_by_asking_for_a_colleague(excluded: Platform) -> None:
    await excluded.enter("lbhf/ana/ig-lead")
    own = EXCLUSION | {"subject": "ig"}
    entered = await excluded.call("PUT", f"{EXCLUSIONS}/e2", "lbhf/ana/ig-lead", json=own)
    assert entered.status_code == 201, entered.text
    about = {"subject": "front", "roles": ["frontline"], "purpose": "housing", "action": "read"}
    asked = [
        await excluded.call("POST", "/v1/decisions", who, json=about | {"person_id": str(PERSON)})
        for who in (IG, "lbhf/ana/ig-lead")
    ]

    assert [one.status_code for one in asked] == [404, 200]
