"""The directory of services: Open Referral UK shapes, open to all, each organisation its own."""

from typing import Any
from uuid import uuid4

import pytest

from shared.categories import Action
from tests.builders import a_permit
from tests.referrals.conftest import Desk

FULL: dict[str, Any] = {
    "name": "Debt clinic",
    "description": "Help with debts, by appointment",
    "url": "https://shelter-west.example.org/debt",
    "status": "active",
    "assured_date": "2026-03-01",
    "minimum_age": 18,
    "languages": [{"code": "en"}, {"code": "so"}],
    "phones": [{"number": "020 7946 0123"}],
    "schedules": [{"freq": "WEEKLY", "byday": "TU,TH", "opens_at": "10:00", "closes_at": "16:00"}],
    "service_areas": [{"name": "Hammersmith and Fulham", "extent_type": "gss", "extent": "E09000013"}],
    "service_at_locations": [
        {"location": {"name": "The Hall", "latitude": 51.49, "longitude": -0.22,
                      "addresses": [{"address_1": "1 Larkspur Row", "city": "London", "state_province": "London",
                                     "postal_code": "W6 9ZZ"}]}}
    ],
    "taxonomy_terms": ["debt-advice"],
    "capacity": {"available": 4, "maximum": 20},
    "expected_response": {"receive_hours": 4, "accept_hours": 48, "complete_hours": None},
    "accepted_categories": ["existence", "identity"],
}  # fmt: skip


async def put(desk: Desk, service_id: Any, entry: dict[str, Any], org: str = "shelter-west", **headers: str) -> Any:
    permit = a_permit(org, action=Action.WRITE, roles=("admin",), grants={})
    path = f"/v1/organisations/{org}/services/{service_id}"
    return await desk.call("PUT", path, permit, json=entry, headers=headers)


async def test_a_service_is_shown_to_anyone_as_it_was_entered(desk: Desk) -> None:
    service = uuid4()
    entered = await put(desk, service, FULL)
    assert entered.status_code == 201, entered.text

    shown = (await desk.client.get(f"/v1/services/{service}")).json()

    assert shown == entered.json()
    assert (shown["id"], shown["org"], shown["stale"]) == (str(service), "shelter-west", False)
    for name in FULL.keys() - {"phones", "languages", "schedules", "service_areas", "service_at_locations", "capacity"}:
        assert shown[name] == FULL[name]
    assert shown["attributes"][0]["taxonomy_term"]["code"] == "debt-advice"
    (place,) = (await desk.client.get("/v1/service_at_locations")).json()["contents"]
    assert (place["service_id"], place["location"]["name"]) == (str(service), "The Hall")
    assert place == shown["service_at_locations"][0]


async def test_a_page_of_services_has_the_shape_of_open_referral(desk: Desk) -> None:
    for name in "CBA":
        await desk.enter(uuid4(), name=f"{name} service")

    first = (await desk.client.get("/v1/services?per_page=3")).json()
    second = (await desk.client.get("/v1/services?per_page=3&page=2")).json()

    assert {name: value for name, value in first.items() if name != "contents"} == {
        "total_items": 4, "total_pages": 2, "page_number": 1, "size": 3, "first_page": True, "last_page": False,
        "empty": False,
    }  # fmt: skip
    assert [service["name"] for service in first["contents"]] == ["A service", "B service", "C service"]
    assert [service["name"] for service in second["contents"]] == ["Night shelter"]
    assert (second["first_page"], second["last_page"]) == (False, True)


async def test_services_are_found_by_organisation_term_status_and_name(desk: Desk) -> None:
    await put(desk, uuid4(), FULL)
    await desk.enter(uuid4(), org="other-partner", name="100% Food_bank", status="temporarily closed")

    async def found(query: str) -> list[str]:
        answered = await desk.client.get(f"/v1/services?{query}")
        return [service["name"] for service in answered.json()["contents"]]

    assert await found("organization=other-partner") == ["100% Food_bank"]
    assert await found("taxonomy_term=debt-advice") == ["Debt clinic"]
    assert await found("status=temporarily%20closed") == ["100% Food_bank"]
    assert await found("search=0%25%20food_") == ["100% Food_bank"]
    assert await found("search=d_bt") == [], "a wildcard is a letter like any other"
    assert await found("modified_after=2026-07-02T00:00:00Z") == []


async def test_an_entry_nobody_assured_for_a_year_is_stale(desk: Desk) -> None:
    for assured, stale in (("2025-07-01", False), ("2025-06-30", True), (None, True)):
        entered = await put(desk, uuid4(), {"name": "Somewhere", "assured_date": assured})
        assert entered.json()["stale"] is stale


async def test_a_change_names_the_version_it_replaces(desk: Desk) -> None:
    service = uuid4()
    etag = (await put(desk, service, FULL)).headers["etag"]

    assert (await put(desk, service, FULL)).status_code == 428
    changed = await put(desk, service, FULL | {"name": "Debt desk"}, **{"If-Match": etag})
    assert (changed.status_code, changed.json()["name"]) == (200, "Debt desk")
    assert (await put(desk, service, FULL, **{"If-Match": etag})).status_code == 412


async def test_an_organisation_enters_only_its_own_services(desk: Desk) -> None:
    entry = {"name": "Taken over"}

    hijacked = await put(desk, desk.service_id, entry, org="other-partner")
    permit = a_permit("other-partner", action=Action.WRITE, roles=("admin",), grants={})
    foreign = await desk.call("PUT", f"/v1/organisations/shelter-west/services/{uuid4()}", permit, json=entry)

    assert (hijacked.status_code, foreign.status_code) == (404, 401)
    assert (await desk.client.get(f"/v1/services/{desk.service_id}")).json()["name"] == "Night shelter"


async def test_codes_are_those_of_the_directory(desk: Desk) -> None:
    (taxonomy,) = (await desk.client.get("/v1/taxonomies")).json()["contents"]
    terms = (await desk.client.get("/v1/taxonomy_terms?per_page=200")).json()["contents"]

    refused = await put(desk, uuid4(), {"name": "x", "taxonomy_terms": ["food", "alchemy"]})

    assert {term["taxonomy_detail"]["id"] for term in terms} == {taxonomy["id"]}
    assert len({term["id"] for term in terms}) == len(terms) > 10
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unknown-term")
    assert refused.json()["errors"][0]["pointer"] == "/taxonomy_terms/1"
    assert "alchemy" not in refused.text


async def test_an_unknown_service_is_unknown(desk: Desk) -> None:
    answered = await desk.client.get(f"/v1/services/{uuid4()}")

    assert (answered.status_code, answered.json()["type"]) == (404, "/problems/unknown-service")


@pytest.mark.parametrize(
    "asked",
    [
        "taxonomy_term=%00",
        "search=%00",
        "modified_after=0.5",
        "modified_after=0001-01-01T00:00:00%2B23:59",
        "modified_after=9999-12-31T23:59:59-23:59",
        "page=99999999999999999999",
    ],
)
async def test_what_no_database_could_look_for_is_refused(desk: Desk, asked: str) -> None:
    answered = await desk.client.get(f"/v1/services?{asked}")

    assert answered.status_code == 422
    assert [one["pointer"] for one in answered.json()["errors"]] == ["?" + asked.partition("=")[0]]
