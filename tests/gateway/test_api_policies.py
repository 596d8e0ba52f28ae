"""A borough's policy over HTTP: written by its information-governance lead, kept by version, in force at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.borough_policy import SCHEMA
from shared.categories import split_scope
from shared.permit import Permit
from single_node.postgres import Server
from tests.gateway.conftest import as_superuser
from tests.gateway.platform import Platform

NO_IDENTITY = '@id("no-identity") forbid (principal, action, resource) when { resource.category == "identity" };'
NOTHING_LEAVES = (
    '@id("ours-alone") forbid (principal, action, resource) when { context.acting_for != Organisation::"lbhf" };'
)
PERSON = "/v1/people/9e2f3c6d-6d5c-4a44-9f0c-0d8a4c1f2a10"


async def nobody(_permit: Permit, _request: Request) -> Response:
    return JSONResponse({}, status_code=404)


async def put(platform: Platform, org: str, text: str, **headers: str) -> httpx.Response:
    """Put a borough's policy as its lead; a header's name is written with underscores."""
    sent = {"Content-Type": "text/plain"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await platform.call(
        "PUT", f"/v1/organisations/{org}/policy", f"{org}/ig/ig-lead", content=text, headers=sent
    )


async def decided(platform: Platform, who: str, **asked: Any) -> Mapping[str, Any]:
    """Explain what a caseworker would see for homelessness."""
    body = {"subject": who.split("/")[1], "roles": who.split("/")[2].split(","), "purpose": "homelessness"}
    answered = await platform.call("POST", "/v1/decisions", who, json=body | {"action": "read"} | asked)
    assert answered.status_code == 200, answered.text
    told: Mapping[str, Any] = answered.json()
    return told


def owners_in(told: Mapping[str, Any]) -> set[str]:
    return {split_scope(scope)[0] for scope in told["grants"]}


async def test_the_schema_is_told_to_anyone_who_is_let_in(platform: Platform) -> None:
    told = await platform.call("GET", "/v1/policy-schema", "shelter-west/boss/admin")

    assert told.status_code == 200
    assert told.headers["Content-Type"].startswith("text/plain")
    assert told.text == SCHEMA
    assert (await platform.client.get("/v1/policy-schema")).status_code == 401


async def test_a_policy_never_written_is_empty_and_the_first_needs_no_version(platform: Platform) -> None:
    before = await platform.call("GET", "/v1/organisations/lbhf/policy", "lbhf/ada/caseworker")
    assert (before.status_code, before.text, before.headers["ETag"]) == (200, "", '"0"')

    first = await put(platform, "lbhf", NO_IDENTITY)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')

    after = await platform.call("GET", "/v1/organisations/lbhf/policy", "lbhf/ada/caseworker")
    assert (after.text, after.headers["ETag"]) == (NO_IDENTITY, '"1"')
    assert (await put(platform, "wcc", NO_IDENTITY, If_Match='"0"')).status_code == 201


async def test_a_policy_is_replaced_by_naming_the_version_it_replaces(platform: Platform, founded: Server) -> None:
    await put(platform, "lbhf", NO_IDENTITY)

    assert (await put(platform, "lbhf", "")).status_code == 428
    stale = await put(platform, "lbhf", "", If_Match='"2"')
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/version-changed")
    second = await put(platform, "lbhf", "", If_Match='"1"')
    assert (second.status_code, second.headers["ETag"], second.text) == (200, '"2"', "")

    kept = await as_superuser(founded, 'SELECT version, text, "by" FROM borough_policy_versions ORDER BY version')
    assert [tuple(row) for row in kept] == [(1, NO_IDENTITY, "ig"), (2, "", "ig")]


async def test_only_a_boroughs_own_lead_changes_its_policy_and_only_its_own_read_it(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/policy"

    by_admin = await platform.call("PUT", path, "lbhf/boss/admin", content="")
    assert (by_admin.status_code, by_admin.json()["type"]) == (403, "/problems/role-not-permitted")
    by_another = await platform.call("PUT", path, "wcc/ig/ig-lead", content="")
    assert (by_another.status_code, by_another.json()["type"]) == (403, "/problems/other-organisation")
    by_operator = await platform.call("GET", path, "platform/root/operator")
    assert (by_operator.status_code, by_operator.json()["type"]) == (403, "/problems/other-organisation")
    assert (await put(platform, "shelter-west", "")).status_code == 422


async def test_a_change_of_policy_is_on_record_and_changes_the_hash_of_the_rules(platform: Platform) -> None:
    before = await rules(platform)
    await put(platform, "lbhf", NO_IDENTITY)
    after = await rules(platform)

    made = next(row for row in await platform.audited("lbhf") if row["method"] == "PUT")
    assert (made["route"], made["outcome"], made["subject"]) == ("/v1/organisations/{org}/policy", "done", "ig")
    assert before != after


async def rules(platform: Platform) -> str:
    """Give the hash of what decisions are made from."""
    snapshot = await platform.app.state.register.snapshot()
    return str(snapshot.policy)


async def test_a_text_with_faults_is_refused_and_the_one_before_stays(platform: Platform) -> None:
    await put(platform, "lbhf", NO_IDENTITY)
    text = f'{NO_IDENTITY}\n@id("open") permit (principal, action, resource);\nforbid (principal, action;'

    refused = await put(platform, "lbhf", text, If_Match='"1"')

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/policy-not-valid")
    assert refused.json()["errors"] == [
        {
            "pointer": "/open",
            "detail": "line 2: only forbid is allowed; nothing that a borough writes can widen what is granted",
        },
        {"pointer": "/policy2", "detail": "line 3: unexpected token `;`"},
    ]
    assert (await platform.call("GET", "/v1/organisations/lbhf/policy", "lbhf/ig/ig-lead")).text == NO_IDENTITY


async def test_a_policy_is_plain_text(platform: Platform) -> None:
    path, lead = "/v1/organisations/lbhf/policy", "lbhf/ig/ig-lead"

    assert (await platform.call("PUT", path, lead, json={"text": ""})).status_code == 415
    garbled = await platform.call("PUT", path, lead, content=b"\xff", headers={"Content-Type": "text/plain"})
    assert garbled.status_code == 400


async def test_a_provider_narrows_what_others_see_of_it_from_the_next_call_on(platform: Platform) -> None:
    await platform.agree()
    before = await decided(platform, "wcc/will/caseworker")
    assert "identity" in before["grants"]["lbhf/housing"]

    await put(platform, "lbhf", NO_IDENTITY)
    after = await decided(platform, "wcc/will/caseworker")

    assert "identity" not in after["grants"]["lbhf/housing"]
    assert "contact_details" in after["grants"]["lbhf/housing"]
    assert "identity" in after["grants"]["wcc/housing"]
    (denial,) = [
        one
        for one in after["denials"]
        if (one["provider"], one["service_area"], one["category"]) == ("lbhf", "housing", "identity")
    ]
    assert (denial["reason"], denial["clause"]) == ("forbidden-by-owner-policy", "lbhf/no-identity")
    assert "lbhf" in denial["needed"]


async def test_a_borough_narrows_what_its_own_workers_see_elsewhere_and_at_home(platform: Platform) -> None:
    await platform.agree()
    await put(platform, "wcc", NO_IDENTITY)

    told = await decided(platform, "wcc/will/caseworker")

    assert owners_in(told) == {"lbhf", "wcc"}
    assert not [scope for scope, granted in told["grants"].items() if "identity" in granted]
    at_home = await decided(platform, "lbhf/ada/caseworker")
    assert "identity" in at_home["grants"]["lbhf/housing"]


async def test_where_existence_is_forbidden_nothing_of_the_scope_is_told(platform: Platform) -> None:
    await platform.agree()
    await put(
        platform,
        "lbhf",
        'forbid (principal, action, resource) when { resource.category == "existence" && '
        'resource.service_area == "housing" && context.acting_for != resource.owner };',
    )

    told = await decided(platform, "wcc/will/caseworker", provider="lbhf")

    assert set(told["grants"]) == {"lbhf/customer-services"}
    reasons = {one["category"]: one["clause"] for one in told["denials"] if one["service_area"] == "housing"}
    assert reasons["identity"] == reasons["existence"] == "lbhf/policy0"


async def test_a_call_that_policies_leave_nothing_names_the_policy(platform: Platform) -> None:
    await put(platform, "lbhf", '@id("closed") forbid (principal, action, resource) unless { context.emergency };')

    view = await platform.call("GET", PERSON, "lbhf/ada/caseworker", purpose="housing")
    assertion = await platform.call(
        "PUT", "/v1/sources/housing/records/1", "lbhf/crm/system", purpose="housing", json={"family_name": "Osei"}
    )

    for refused in (view, assertion):
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden-by-owner-policy")
        assert refused.json()["clause"] == "lbhf/closed"
    assert platform.behind.permits == []


async def test_the_permit_carries_what_the_policies_leave(platform: Platform) -> None:
    await platform.agree()
    await put(platform, "lbhf", NOTHING_LEAVES)
    platform.behind.answer = nobody

    await platform.call("GET", PERSON, "wcc/will/caseworker", purpose="homelessness")

    assert {split_scope(scope)[0] for scope in platform.behind.permits[-1].grants} == {"wcc"}


async def test_a_policy_that_fails_while_it_is_evaluated_forbids_what_it_is_asked_about(
    platform: Platform, founded: Server
) -> None:
    await platform.agree()
    for broken in ("forbid (principal, action, resource) when { resource.ward == 1 };", "forbid ("):
        await as_superuser(
            founded,
            f"INSERT INTO borough_policies (org, version, text, digest) VALUES ('lbhf', 1, '{broken}', '')"
            " ON CONFLICT (org) DO UPDATE SET text = EXCLUDED.text; ",
        )
        await as_superuser(founded, "UPDATE governance SET epoch = epoch + 1")

        told = await decided(platform, "wcc/will/caseworker")

        assert owners_in(told) == {"wcc"}
        denial = next(one for one in told["denials"] if one["provider"] == "lbhf" and one["service_area"] == "housing")
        assert (denial["reason"], denial["clause"]) == ("forbidden-by-owner-policy", "lbhf/cannot-be-evaluated")
        assert (await decided(platform, "lbhf/ada/caseworker"))["grants"] == {}


async def test_what_a_policy_would_have_made_of_past_calls_is_told_before_it_is_put(platform: Platform) -> None:
    await platform.agree()
    platform.behind.answer = nobody
    for who in ("wcc/will/caseworker", "wcc/will/caseworker", "lbhf/ada/caseworker"):
        await platform.call("GET", PERSON, who, purpose="homelessness")
    await put(platform, "wcc", "")

    async def impact(org: str, text: str, **params: str) -> Mapping[str, Any]:
        path, sent = f"/v1/organisations/{org}/policy/impact", {"Content-Type": "text/plain"}
        told = await platform.call("POST", path, f"{org}/ig/ig-lead", content=text, headers=sent, params=params)
        assert told.status_code == 200, told.text
        answered: Mapping[str, Any] = told.json()
        return answered

    told = await impact("wcc", NO_IDENTITY)

    assert (told["replayed"], told["complete"]) == (2, True)
    (elsewhere,) = [one for one in told["items"] if one["scope"] == "lbhf/housing"]
    assert elsewhere == {
        "organisation": "wcc",
        "acting_for": "wcc",
        "purpose": "homelessness",
        "action": "read",
        "scope": "lbhf/housing",
        "denied": ["identity"],
        "allowed": [],
        "policies": ["wcc/no-identity"],
        "calls": 2,
    }
    assert (await decided(platform, "wcc/will/caseworker"))["grants"]["lbhf/housing"]
    assert (await impact("wcc", NO_IDENTITY, **{"to": "2020-01-01"}))["items"] == []

    await put(platform, "wcc", NO_IDENTITY, If_Match='"1"')
    lifted = await impact("wcc", "")
    assert {one["scope"]: one["allowed"] for one in lifted["items"]}["lbhf/housing"] == ["identity"]


async def test_of_others_calls_only_what_concerns_ones_own_data_is_told(platform: Platform, founded: Server) -> None:
    await platform.agree()
    platform.behind.answer = nobody
    await platform.call("GET", PERSON, "wcc/will/caseworker", purpose="homelessness")
    await as_superuser(founded, "UPDATE audit SET owners = '{lbhf}' WHERE organisation = 'wcc' AND purpose IS NOT NULL")

    told = await platform.call(
        "POST", "/v1/organisations/lbhf/policy/impact", "lbhf/ig/ig-lead", content=f"{NOTHING_LEAVES}"
    )

    assert {one["scope"] for one in told.json()["items"]} == {"lbhf/housing", "lbhf/customer-services"}
    by_another = await platform.call("POST", "/v1/organisations/lbhf/policy/impact", "wcc/ig/ig-lead", content="")
    assert by_another.status_code == 403


async def test_a_change_gives_way_to_an_answer_that_does_not_end(platform: Platform) -> None:
    async with platform.app.state.database.transaction() as hanging:
        await hanging.execute(text("SELECT settled_epoch()"))
        changed, read = await asyncio.wait_for(
            asyncio.gather(
                put(platform, "lbhf", NO_IDENTITY), platform.call("GET", "/v1/policy-schema", "wcc/will/caseworker")
            ),
            timeout=30,
        )

    assert (changed.status_code, changed.json()["type"]) == (503, "/problems/governance-unsettled")
    assert read.status_code == 200
    assert (await put(platform, "lbhf", NO_IDENTITY)).status_code == 201
