"""What the gateway says of its API: which headers a call may carry; and that these may hold whatever they do."""

from typing import Any

import pytest

from single_node.postgres import Server
from tests.gateway.platform import Platform
from tests.gateway.whole import Whole, a_whole_platform

RECORD = "/v1/sources/crm/records/r-1"
LOOK = {"SCV-Purpose", "SCV-Case", "SCV-Acting-For", "SCV-Emergency"}
CHANGE = LOOK - {"SCV-Emergency"}
SAID = {
    ("get", "/v1/people/{person_id}"): LOOK,
    ("post", "/v1/people/search"): LOOK,
    ("get", "/v1/referrals/{referral_id}/payload"): LOOK,
    ("put", "/v1/sources/{source}/records/{local_id}"): CHANGE,
    ("post", "/v1/cases"): CHANGE,
    ("post", "/v1/referrals"): CHANGE,
    ("post", "/v1/assessments/{assessment_id}/reuse"): CHANGE,
    ("get", "/v1/catalogue"): {"SCV-Case"},
    ("get", "/v1/organisations"): {"SCV-Case"},
    ("get", "/v1/events"): {"SCV-Case"},
    ("get", "/v1/services"): set(),
}
"""The headers of ours that some operations read."""


async def test_the_description_names_the_headers_that_each_call_reads(founded: Server) -> None:
    async with a_whole_platform(founded) as whole:
        described = await _described(whole)

    for (method, path), headers in SAID.items():
        told = described["paths"][path][method]["parameters"]
        ours = {each["name"]: each for each in told if each["in"] == "header" and each["name"].startswith("SCV-")}
        assert set(ours) == headers, f"{method} {path}"
        assert all(each["required"] == (name == "SCV-Purpose") for name, each in ours.items())
    assert described["paths"]["/v1/services"]["get"]["security"] == []
    assert {"400", "401", "403", "429"} <= set(described["paths"]["/v1/cases"]["post"]["responses"])


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "Content-Type"])
async def test_a_header_that_is_passed_on_may_hold_any_bytes(platform: Platform, name: str) -> None:
    sent = b"application/json; charset=\xff" if name == "Content-Type" else "clé".encode()

    answered = await platform.call(
        "PUT", RECORD, "lbhf/crm/system", purpose="data-stewardship", content=b"{}", headers={name: sent}
    )

    assert answered.status_code == 200, "what it means is for the service to say"
    assert platform.behind.headers[-1][name].encode("latin-1") == sent


async def _described(whole: Whole) -> dict[str, Any]:
    answer = await whole.platform.client.get("/openapi.json")
    described: dict[str, Any] = answer.json()
    return described
