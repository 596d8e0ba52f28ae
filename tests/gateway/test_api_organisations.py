"""Organisations, identity providers, sources and staff over HTTP."""

import asyncio

import pytest

from tests.gateway.platform import Platform, registration

OPERATOR = "platform/root/operator"
BOSS = "lbhf/boss/admin"


async def test_an_organisation_is_entered_by_the_operator_only(platform: Platform) -> None:
    path, body = "/v1/organisations/hackney", {"name": "Hackney", "kind": "borough", "gss": "E09000012"}

    assert (await platform.call("PUT", path, BOSS, json=body)).status_code == 403
    entered = await platform.call("PUT", path, OPERATOR, json=body)
    listed = await platform.call("GET", "/v1/organisations", BOSS)

    assert (entered.status_code, entered.headers["ETag"]) == (201, '"1"')
    assert {"org": "hackney", **body} in listed.json()["items"]


@pytest.mark.parametrize("org", ["gateway", "customer-index", "case-episodes", "referrals"])
async def test_no_organisation_is_called_like_a_service(org: str, platform: Platform) -> None:
    refused = await platform.call("PUT", f"/v1/organisations/{org}", OPERATOR, json={"name": "X", "kind": "partner"})

    assert refused.status_code == 422


async def test_replacing_what_exists_needs_its_present_version(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/sources/crm"
    body = {"service_area": "customer-services", "trust": 70}

    missing = await platform.call("PUT", path, BOSS, json=body)
    stale = await platform.call("PUT", path, BOSS, json=body, headers={"If-Match": '"9"'})
    weak = await platform.call("PUT", path, BOSS, json=body, headers={"If-Match": 'W/"1"'})
    found = await platform.call("GET", path, BOSS)
    replaced = await platform.call("PUT", path, BOSS, json=body, headers={"If-Match": found.headers["ETag"]})
    again = await platform.call("PUT", path, BOSS, json=body, headers={"If-Match": found.headers["ETag"]})

    assert [one.status_code for one in (missing, stale, weak, replaced, again)] == [428, 412, 412, 200, 412]
    assert missing.json()["type"] == "/problems/version-required"
    assert (replaced.headers["ETag"], replaced.json()["trust"]) == ('"2"', 70)


async def test_a_new_thing_cannot_match_a_version(platform: Platform) -> None:
    path, body = "/v1/organisations/lbhf/sources/parking", {"service_area": "parking"}

    assert (await platform.call("PUT", path, BOSS, json=body, headers={"If-Match": '"1"'})).status_code == 412
    assert (await platform.call("GET", path, BOSS)).json()["type"] == "/problems/unknown-source"


async def test_an_administrator_keeps_to_its_own_organisation(platform: Platform) -> None:
    for path, body in {
        "/v1/organisations/wcc/sources/crm": {"service_area": "housing"},
        "/v1/organisations/wcc/staff/mallory": {"roles": ["admin"]},
        "/v1/organisations/wcc/identity-providers/evil": registration("stranger"),
    }.items():
        refused = await platform.call("PUT", path, BOSS, json=body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/other-organisation")
    assert (await platform.call("GET", "/v1/organisations/wcc/staff/boss", BOSS)).status_code == 403


async def test_an_issuer_speaks_for_one_organisation(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/identity-providers/other"

    refused = await platform.call("PUT", path, BOSS, json=registration("wcc"))

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/issuer-taken")


async def test_keys_are_taken_only_if_public_and_only_from_safe_places(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/identity-providers/new"
    good = {"issuer": "https://new.example.org", "algorithms": ["ES256"], "audience": "scv"}
    secret = {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}

    for wrong in (
        {"jwks_uri": "http://example.org/keys"},
        {"jwks_uri": "https://user@example.org/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks": secret},
        {},
        {"jwks_uri": "https://example.org/keys", "algorithms": ["HS256"]},
        {"jwks_uri": "https://example.org/keys", "algorithms": ["none"]},
    ):
        assert (await platform.call("PUT", path, BOSS, json=good | wrong)).status_code == 422, wrong
    taken = await platform.call("PUT", path, BOSS, json=good | {"jwks_uri": "http://127.0.0.1:1/keys"})

    assert taken.status_code == 201


async def test_staff_roles_fit_the_kind_of_organisation(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/staff/mallory"

    refused = await platform.call("PUT", path, BOSS, json={"roles": ["operator"]})
    unknown = await platform.call("PUT", path, BOSS, json={"roles": ["king"]})

    assert (refused.status_code, unknown.status_code) == (422, 422)
    assert "king" not in unknown.text


async def test_the_register_narrows_the_roles_a_token_claims(platform: Platform) -> None:
    claimed = await platform.call("PUT", "/v1/organisations/lbhf/staff/x", "lbhf/front/admin", json={"roles": []})

    assert (claimed.status_code, claimed.json()["type"]) == (403, "/problems/role-not-permitted")


async def test_a_role_taken_away_is_gone_from_the_next_call(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/staff/front"
    before = await platform.call("GET", "/v1/organisations", "lbhf/front/frontline")
    etag = (await platform.call("GET", path, BOSS)).headers["ETag"]
    await platform.call("PUT", path, BOSS, json={"roles": []}, headers={"If-Match": etag})

    after = await platform.call("GET", "/v1/organisations", "lbhf/front/frontline")

    assert (before.status_code, after.status_code) == (200, 403)


async def test_twenty_changes_at_once_all_take_effect(platform: Platform) -> None:
    answers = await asyncio.gather(
        *(
            platform.call("PUT", f"/v1/organisations/lbhf/staff/worker-{n}", BOSS, json={"roles": ["frontline"]})
            for n in range(20)
        )
    )

    assert [one.status_code for one in answers] == [201] * 20


async def test_only_a_borough_keeps_sources(platform: Platform) -> None:
    body = {"service_area": "housing"}

    refused = await platform.call("PUT", "/v1/organisations/shelter-west/sources/crm", OPERATOR, json=body)

    assert refused.status_code == 422


async def test_a_source_keeps_the_service_area_it_was_registered_with(platform: Platform) -> None:
    path = "/v1/organisations/lbhf/sources/crm"
    before = await platform.call("GET", path, BOSS)

    moved = await platform.call("PUT", path, BOSS, json={"service_area": "housing"}, headers={"If-Match": "*"})

    assert (moved.status_code, moved.json()["type"]) == (409, "/problems/service-area-settled")
    assert (await platform.call("GET", path, BOSS)).json() == before.json()
