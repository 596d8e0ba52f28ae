"""The single customer view, composed: what is shown, what is withheld and why, what could not be served."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.permit import Permit
from tests.gateway.platform import Platform
from tests.gateway.test_api_calls import ADA, PERSON, disclosing

WILL = "wcc/will/caseworker"
OTHER = UUID(int=9, version=4)


def a_record(owner: str, area: str, **shown: Any) -> dict[str, Any]:
    """Make a record as customer-index shows it."""
    return {"record_id": str(OTHER), "owner": owner, "source": "s", "service_area": area, "local_id": "1", **shown}


async def known_to_both(_: Permit, request: Request) -> Response:
    """Answer with a person of wcc that is linked with one of lbhf, of which housing is seen."""
    household: dict[str, list[str]] | None = (
        {"members": [], "basis": []} if request.url.query == "include=household" else None
    )
    person = {
        "person_id": str(PERSON),
        "owner": "wcc",
        "golden": {"family_name": {"value": "Okonjo-Vale"}},
        "records": [
            a_record("wcc", "housing", family_name="Okonjo-Vale"),
            a_record("lbhf", "housing", family_name="Okonjo-Vale"),
        ],
        "linked": [{"owner": "lbhf", "person_id": str(OTHER), "link": "automatic", "probability": 0.99}],
        "household": household,
    }
    scopes = {"wcc/housing": ["existence", "identity"], "lbhf/housing": ["existence", "identity"]}
    return disclosing(scopes, {PERSON: "wcc", OTHER: "lbhf"}, person)


async def test_a_view_says_by_which_clause_it_shows_and_what_it_withholds(platform: Platform) -> None:
    agreement_id = await platform.agree()
    platform.behind.answer = known_to_both

    answered = await platform.call("GET", f"/v1/people/{PERSON}", WILL, purpose="homelessness")

    view = answered.json()
    assert (view["as_seen_by"], view["purpose"], view["owner"]) == ("wcc", "homelessness", "wcc")
    assert view["clauses"] == [f"{agreement_id}/f1"]
    assert view["household"] == {"members": [], "basis": []}
    [withheld] = [one for one in view["withheld"] if one["reason"] == "not-covered-by-agreement"]
    assert (withheld["owner"], withheld["service_area"]) == ("lbhf", "housing")
    assert {"address", "identifiers", "case_notes"} <= set(withheld["categories"])
    for one in view["withheld"]:
        assert one["owner"] == "lbhf"
        assert not {"existence", "linkage", "identity", "cases"} & set(one["categories"])
    assert {(one["section"], one["reason"]) for one in view["unavailable"]} == {
        (section, "not-installed") for section in ("contacts", "cases", "assessments", "referrals")
    }
    [row] = [row for row in await platform.audited("wcc", subject="will") if row["action"] == "read"]
    assert (row["audit_id"], row["clauses"]) == (view["decision_id"], view["clauses"])
    assert set(row["person_ids"]) == {str(PERSON), str(OTHER)}
    [theirs] = [row for row in await platform.audited("lbhf", owner="lbhf") if row["action"] == "read"]
    assert theirs["scopes"] == {"lbhf/housing": ["existence", "identity"]}


async def test_only_sections_asked_for_are_served_or_missed(platform: Platform) -> None:
    platform.behind.answer = known_to_both
    path = f"/v1/people/{PERSON}"

    some = (await platform.call("GET", f"{path}?include=cases", WILL, purpose="homelessness")).json()
    none = (await platform.call("GET", f"{path}?include=household", WILL, purpose="homelessness")).json()
    wrong = await platform.call("GET", f"{path}?include=everything", WILL, purpose="homelessness")

    assert (some["household"], [one["section"] for one in some["unavailable"]]) == (None, ["cases"])
    assert none["unavailable"] == []
    assert wrong.status_code == 422


async def test_a_merged_person_leads_to_its_survivor_and_an_unknown_one_nowhere(platform: Platform) -> None:
    async def merged(_: Permit, __: Request) -> Response:
        return Response(status_code=308, headers={"Location": f"/v1/people/{OTHER}"})

    async def unknown(_: Permit, __: Request) -> Response:
        problem = {"type": "/problems/unknown-person", "status": 404}
        return JSONResponse(problem, 404, media_type="application/problem+json")

    path = f"/v1/people/{PERSON}"
    platform.behind.answer = merged
    moved = await platform.call("GET", path, ADA, purpose="housing")
    platform.behind.answer = unknown
    nobody = await platform.call("GET", path, ADA, purpose="housing")
    no_log = await platform.call("GET", f"{path}/access-log", ADA, purpose="housing")

    assert (moved.status_code, moved.headers["Location"]) == (308, f"/v1/people/{OTHER}")
    assert (nobody.status_code, no_log.status_code) == (404, 404)


async def test_the_description_names_what_is_passed_on(platform: Platform) -> None:
    described = (await platform.client.get("/openapi.json")).json()
    docs = await platform.client.get("/docs")

    assert "/v1/agreements/{agreement_id}/transitions" in described["paths"]
    assert docs.status_code == 200
