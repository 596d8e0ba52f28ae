"""Calls for personal data: what is decided, permitted, passed on, recorded and only then answered."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.categories import Action, Category, Form
from shared.permit import DISCLOSED_HEADER, Permit
from single_node.postgres import Server
from tests.builders import AT
from tests.gateway.conftest import as_superuser, serving
from tests.gateway.platform import Platform, StandIn

CRM, ADA, WILL = "lbhf/crm/system", "lbhf/ada/caseworker", "wcc/will/caseworker"
RECORD = "/v1/sources/crm/records/r-1"
PERSON, LINKED, SHOWN = (UUID(int=number, version=4) for number in (1, 2, 3))
CANARY = "Zebedee-Canary"


def disclosing(scopes: dict[str, list[str]], persons: dict[UUID, str], body: Any, status: int = 200) -> Response:
    """Answer as an inner service that accounts for what left."""
    account = {
        "scopes": scopes,
        "records": [f"lbhf/{SHOWN}@3"],
        "persons": {str(person_id): owner for person_id, owner in persons.items()},
    }
    return JSONResponse(body, status, headers={DISCLOSED_HEADER: json.dumps(account)})


async def a_person(_: Permit, request: Request) -> Response:
    """Answer with one person of lbhf, or with persons found."""
    scopes, persons = {"lbhf/housing": ["existence", "identity"]}, {PERSON: "lbhf"}
    if request.url.path.endswith("/known"):
        return JSONResponse({"person_id": str(PERSON), "owner": "lbhf", "survivor": None, "formerly": []})
    return disclosing(scopes, persons, {"items": [], "household": None})


async def test_a_write_goes_with_a_permit_for_that_source_between_intent_and_outcome(platform: Platform) -> None:
    seen: list[list[dict[str, Any]]] = []

    async def store(_: Permit, __: Request) -> Response:
        seen.append(await platform.audited("lbhf", subject="crm"))
        return disclosing({"lbhf/customer-services": ["existence"]}, {PERSON: "lbhf"}, {"record_id": "x"}, 201)

    platform.behind.answer = store
    answered = await platform.call("PUT", RECORD, CRM, purpose="data-stewardship", json={"family_name": CANARY})

    assert (answered.status_code, answered.json()) == (201, {"record_id": "x"})
    assert DISCLOSED_HEADER not in answered.headers
    [permit] = platform.behind.permits
    assert (permit.action, permit.org, permit.subject, permit.roles) == (Action.WRITE, "lbhf", "crm", ("system",))
    assert permit.source is not None
    assert (permit.source.source, permit.source.service_area) == ("crm", "customer-services")
    assert {scope.partition("/")[0] for scope in permit.grants} == {"lbhf"}
    assert [row["outcome"] for row in seen[0]] == ["intent"], "committed before the inner call"
    rows = await platform.audited("lbhf", subject="crm")
    assert [(row["outcome"], row["status"], row["audit_id"]) for row in rows] == [
        ("done", 201, str(permit.txn)),
        ("intent", None, str(permit.txn)),
    ]
    assert rows[0]["route"] == "/v1/sources/{source}/records/{local_id}"
    assert rows[0]["person_ids"] == [str(PERSON)]


async def test_unknown_and_foreign_sources_are_alike(platform: Platform) -> None:
    for source in ("nothing", "parking", "..%2Fcrm"):
        path = f"/v1/sources/{source}/records/1"
        refused = await platform.call("PUT", path, CRM, purpose="data-stewardship", json={})
        assert refused.status_code == 404
        assert refused.json()["type"] in ("/problems/unknown-source", "/problems/not-found")
    assert platform.behind.permits == []


async def test_a_refusal_says_what_would_be_needed(platform: Platform) -> None:
    no_role = await platform.call("PUT", RECORD, ADA, purpose="housing", json={})
    no_purpose = await platform.call("GET", RECORD, CRM, purpose="insight")
    no_agreement = await platform.call(
        "POST", "/v1/people/search", "shelter-west/front/frontline", purpose="housing", json={}
    )

    assert [one.status_code for one in (no_role, no_purpose, no_agreement)] == [403, 403, 403]
    assert no_role.json()["type"] == "/problems/role-not-permitted"
    assert no_purpose.json()["needed"]
    assert no_agreement.json()["type"] == "/problems/not-covered-by-agreement"
    assert platform.behind.permits == []
    denied = [row for row in await platform.audited("lbhf") if row["outcome"] == "denied"]
    assert {row["reason"] for row in denied} >= {"/problems/role-not-permitted"}


async def test_a_search_is_permitted_exactly_what_the_agreement_grants(platform: Platform) -> None:
    await platform.agree()
    platform.behind.answer = a_person

    await platform.call("POST", "/v1/people/search", WILL, purpose="homelessness", json={"family_name": CANARY})

    [permit] = platform.behind.permits
    granted = {
        Category.EXISTENCE: Form.VALUE,
        Category.IDENTITY: Form.VALUE,
        Category.CONTACT_DETAILS: Form.VALUE,
        Category.CASES: Form.EXISTS,
    }
    assert {scope: told for scope, told in permit.grants.items() if scope.startswith("lbhf/")} == {
        "lbhf/housing": granted,
        "lbhf/customer-services": granted,
    }
    assert [(pair.first, pair.second) for pair in permit.linkages] == [("lbhf", "wcc")]
    rows = await platform.audited("lbhf", owner="lbhf")
    [row] = [row for row in rows if row["action"] == "search"]
    assert (row["organisation"], row["subject"], row["roles"]) == ("wcc", "will", ["caseworker"]), "who, and as what"
    assert (row["person_ids"], row["records"]) == ([str(PERSON)], [f"lbhf/{SHOWN}@3"]), "which of lbhf's"
    assert row["scopes"] == {"lbhf/housing": ["existence", "identity"]}
    [own] = [row for row in await platform.audited("wcc", subject="will") if row["action"] == "search"]
    assert (own["subject"], own["person_ids"]) == ("will", [str(PERSON)])
    assert [clause.partition("/")[2] for clause in own["clauses"]] == ["f1"]
    assert [row for row in await platform.audited("rbkc") if row["action"] == "search"] == []


async def test_an_answer_decided_before_a_suspension_is_thrown_away(platform: Platform) -> None:
    path = f"/v1/agreements/{await platform.agree()}/transitions"

    async def suspend_while_answering(permit: Permit, request: Request) -> Response:
        if len(platform.behind.permits) == 1:
            await platform.move(path, "lbhf/ig/ig-lead", action="suspend")
            return disclosing({"lbhf/housing": ["identity"]}, {PERSON: "lbhf"}, {"items": [CANARY]})
        return JSONResponse({"items": []})

    platform.behind.answer = suspend_while_answering
    answered = await platform.call("POST", "/v1/people/search", WILL, purpose="homelessness", json={"limit": 1})

    assert answered.json() == {"items": []}
    first, second = platform.behind.permits
    assert any(scope.startswith("lbhf/") for scope in first.grants)
    assert not any(scope.startswith("lbhf/") for scope in second.grants)
    assert platform.behind.bodies == [b'{"limit":1}'] * 2
    assert not [row for row in await platform.audited("lbhf") if row["action"] == "search"]


async def test_a_change_made_through_one_replica_holds_for_the_next_answer_of_every_other(
    platform: Platform, founded: Server
) -> None:
    async with serving(founded, behind=StandIn(AT)) as other:
        path = f"/v1/agreements/{await platform.agree()}/transitions"
        search = ("POST", "/v1/people/search", WILL)
        await other.call(*search, purpose="homelessness", json={})
        await platform.move(path, "lbhf/ig/ig-lead", action="suspend")
        await other.call(*search, purpose="homelessness", json={})
        await platform.enter("lbhf/late/system")
        accepted = await other.call("PUT", RECORD, "lbhf/late/system", purpose="data-stewardship", json={})

    first, stale, decided_again, write = other.behind.permits
    seen = ["lbhf/customer-services" in permit.grants for permit in (first, stale, decided_again)]
    assert seen == [True, True, False]
    assert (accepted.status_code, write.action) == (200, Action.WRITE)


async def test_a_worker_struck_off_while_its_write_is_decided_writes_nothing(platform: Platform) -> None:
    staff = "/v1/organisations/lbhf/staff/crm"
    etag = (await platform.call("GET", staff, "lbhf/boss/admin")).headers["ETag"]
    await platform.call("GET", "/v1/organisations", CRM)
    await platform.call("PUT", staff, "lbhf/boss/admin", json={"roles": []}, headers={"If-Match": etag})

    refused = await platform.call("PUT", RECORD, CRM, purpose="data-stewardship", json={})

    assert refused.status_code == 403
    assert platform.behind.permits == []


async def test_nothing_is_answered_that_the_audit_does_not_hold(platform: Platform, founded: Server) -> None:
    platform.behind.answer = a_person
    await as_superuser(founded, "REVOKE INSERT ON audit FROM gateway_app")
    try:
        read = await platform.call("GET", f"/v1/people/{PERSON}/household", ADA, purpose="housing")
        reads = len(platform.behind.permits)
        write = await platform.call("PUT", RECORD, CRM, purpose="data-stewardship", json={})
        change = await platform.call(
            "PUT", "/v1/organisations/lbhf/staff/late", "lbhf/boss/admin", json={"roles": ["frontline"]}
        )
        refusal = await platform.call("PUT", RECORD, ADA, purpose="housing", json={})
    finally:
        await as_superuser(founded, "GRANT INSERT ON audit TO gateway_app")

    for answered in (read, write, change, refusal):
        assert (answered.status_code, answered.json()["type"]) == (503, "/problems/audit-unavailable")
    assert len(platform.behind.permits) == reads, "no write without its intent"
    missing = await platform.call("GET", "/v1/organisations/lbhf/staff/late", "lbhf/boss/admin")
    assert missing.status_code == 404


async def test_an_inner_service_that_fails_is_a_503_and_the_outcome_of_a_write_says_so(platform: Platform) -> None:
    async def fail(_: Permit, __: Request) -> Response:
        return JSONResponse({"detail": CANARY}, 500)

    platform.behind.answer = fail
    answered = await platform.call("PUT", RECORD, CRM, purpose="data-stewardship", json={})

    assert (answered.status_code, answered.json()["type"]) == (503, "/problems/service-unreachable")
    assert CANARY not in answered.text
    rows = await platform.audited("lbhf", subject="crm")
    assert [row["outcome"] for row in rows] == ["failed", "intent"]


async def test_an_inner_problem_passes_through_under_this_requests_id(platform: Platform) -> None:
    async def refuse(_: Permit, __: Request) -> Response:
        problem = {"type": "/problems/unknown-person", "status": 404, "request_id": "inner"}
        return JSONResponse(problem, 404, media_type="application/problem+json")

    platform.behind.answer = refuse
    answered = await platform.call("GET", f"/v1/people/{PERSON}/household", ADA, purpose="housing")

    assert answered.status_code == 404
    assert answered.json()["request_id"] == answered.headers["X-Request-Id"]
    [row] = [row for row in await platform.audited("lbhf", subject="ada") if row["action"] == "read"]
    assert (row["outcome"], row["reason"]) == ("denied", "/problems/unknown-person")


async def test_an_account_that_makes_no_sense_discloses_nothing(platform: Platform) -> None:
    async def mumble(_: Permit, __: Request) -> Response:
        return JSONResponse({"value": CANARY}, headers={DISCLOSED_HEADER: "nonsense"})

    platform.behind.answer = mumble
    answered = await platform.call("GET", f"/v1/people/{PERSON}/household", ADA, purpose="housing")

    assert answered.status_code == 503
    assert CANARY not in answered.text


async def test_a_load_streams_through_up_to_its_own_limit(peopled: Server) -> None:
    async with serving(peopled, behind=StandIn(AT), settings={"max_load_bytes": 3_000_000}) as platform:

        async def lines(count: int) -> Any:
            for _ in range(count):
                yield b"x" * 100_000

        path = "/v1/sources/crm/loads"
        large = await platform.call("POST", path, CRM, purpose="data-stewardship", content=lines(20))
        too_large = await platform.call("POST", path, CRM, purpose="data-stewardship", content=lines(40))
        announced = await platform.call("POST", path, CRM, purpose="data-stewardship", content=b"x" * 3_000_001)
        ordinary = await platform.call("PUT", RECORD, CRM, purpose="data-stewardship", content=b"x" * 2_000_000)

        assert (large.status_code, len(platform.behind.bodies[0])) == (200, 2_000_000)
        assert [one.status_code for one in (too_large, announced, ordinary)] == [413, 413, 413]


async def test_a_body_that_would_have_to_be_decoded_is_refused_and_never_passed_on(platform: Platform) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    for method, path in (("PUT", RECORD), ("POST", "/v1/sources/crm/loads")):
        sent: dict[str, Any] = {"purpose": "data-stewardship", "content": b"{}", "headers": headers}
        refused = await platform.call(method, path, CRM, **sent)
        assert (refused.status_code, refused.json()["type"]) == (415, "/problems/unsupported-media-type"), path

    assert platform.behind.bodies == []
    [load, _, record] = (await platform.audited("lbhf", subject="crm"))[:3]
    assert [(row["outcome"], row["status"]) for row in (load, record)] == [("failed", 415)] * 2


async def test_no_value_of_a_resident_reaches_a_log(platform: Platform, capfd: pytest.CaptureFixture[str]) -> None:
    async def fail(_: Permit, __: Request) -> Response:
        return JSONResponse({"detail": CANARY}, 500)

    platform.behind.answer = fail
    for body in ({"family_name": CANARY}, [CANARY]):
        await platform.call("PUT", RECORD, CRM, purpose="data-stewardship", json=body)
        await platform.call("POST", "/v1/people/search", ADA, purpose="housing", json=body)
    await platform.call("POST", "/v1/decisions", ADA, json={"subject": CANARY})
    await platform.call("POST", "/v1/agreements", "lbhf/ig/ig-lead", json={CANARY: CANARY})

    said = capfd.readouterr()
    assert CANARY not in said.out + said.err


async def test_calls_at_once_each_get_their_own_permit(platform: Platform) -> None:
    platform.behind.answer = a_person
    paths = [f"/v1/people/{uuid4()}/household" for _ in range(20)]

    answers = await asyncio.gather(*(platform.call("GET", path, ADA, purpose="housing") for path in paths))

    assert {one.status_code for one in answers} == {200}
    assert len({permit.txn for permit in platform.behind.permits}) == 20
