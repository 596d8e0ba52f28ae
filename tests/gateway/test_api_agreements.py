"""The life of an agreement over HTTP, and what it does to decisions."""

import asyncio
from copy import deepcopy
from typing import Any
from uuid import uuid4

from gateway.tables import outbox
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE, AgreementChanged, Envelope
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.conftest import url
from tests.gateway.platform import AGREEMENT, Platform

IG, SIGN = "lbhf/ig/ig-lead", "lbhf/sign/signatory"
WCC_IG, WCC_SIGN = "wcc/ig/ig-lead", "wcc/sign/signatory"
ASKED = {"subject": "will", "roles": ["caseworker"], "purpose": "homelessness", "action": "search", "provider": "lbhf"}


async def decided(platform: Platform, **changes: Any) -> dict[str, Any]:
    """Explain what will of wcc would see of lbhf."""
    answered = await platform.call("POST", "/v1/decisions", WCC_IG, json=ASKED | changes)
    assert answered.status_code == 200, answered.text
    body: dict[str, Any] = answered.json()
    return body


async def test_an_agreement_grants_when_every_party_has_signed_and_until_one_suspends(platform: Platform) -> None:
    drafted = (await platform.call("POST", "/v1/agreements", IG, json=AGREEMENT)).json()
    path = f"/v1/agreements/{drafted['agreement_id']}/transitions"
    assert (drafted["status"], drafted["version"], drafted["signatures"]) == ("draft", 1, [])
    assert {warning["pointer"] for warning in drafted["warnings"]} == {"/dpia", "/retention", "/review_due"}
    await platform.move(path, IG, action="propose")
    await platform.move(path, SIGN, action="sign", digest=drafted["digest"], position="Director")
    assert (await decided(platform))["grants"] == {}

    active = await platform.move(path, WCC_SIGN, action="sign", digest=drafted["digest"])
    granted = await decided(platform)
    assert active["status"] == "active"
    assert [(one["org"], one["by"], one["position"]) for one in active["signatures"]] == [
        ("lbhf", "sign", "Director"),
        ("wcc", "sign", None),
    ]
    told = ["cases:exists", "contact_details", "existence", "identity"]
    assert granted["grants"] == {"lbhf/customer-services": told, "lbhf/housing": told}

    suspended = await platform.move(path, IG, action="suspend", reason="review")
    denied = await decided(platform)
    assert (suspended["status"], suspended["suspended_by"]) == ("suspended", ["lbhf"])
    assert denied["grants"] == {}
    refused = await platform.call("POST", path, WCC_IG, json={"action": "resume"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
    assert refused.json()["legal"] == ["suspend", "terminate"]

    await platform.move(path, IG, action="resume")
    assert (await decided(platform))["grants"] == granted["grants"]
    await platform.move(path, WCC_SIGN, action="terminate")
    assert (await decided(platform))["grants"] == {}


async def test_standing_decides_what_an_agreement_grants(platform: Platform) -> None:
    await platform.agree()

    untrained = await decided(platform, subject="new")
    other_purpose = await decided(platform, purpose="benefits")

    assert untrained["grants"] == {} == other_purpose["grants"]
    reasons = {d["reason"] for d in untrained["denials"] if d["service_area"] == "housing" and d["clause"]}
    assert reasons == {"training-lapsed"}
    reasons = {d["reason"] for d in other_purpose["denials"] if d["service_area"] == "housing" and d["clause"]}
    assert reasons == {"purpose-not-permitted"}


async def test_a_worker_asks_about_itself_and_an_ig_lead_about_its_own_organisation(platform: Platform) -> None:
    own = await platform.call("POST", "/v1/decisions", "wcc/will/caseworker", json=ASKED)
    other = await platform.call("POST", "/v1/decisions", "wcc/will/caseworker", json=ASKED | {"subject": "new"})
    with_person = await platform.call(
        "POST", "/v1/decisions", "wcc/will/caseworker", json=ASKED | {"person_id": str(uuid4())}
    )

    assert (own.status_code, other.status_code) == (200, 403)
    assert own.json() | {"decision_id": ""} == with_person.json() | {"decision_id": ""}
    explained = [row for row in await platform.audited("wcc") if row["action"] == "explain"]
    assert {row["outcome"] for row in explained} == {"allowed", "denied"}


async def test_only_parties_know_an_agreement(platform: Platform) -> None:
    agreement_id = await platform.agree()

    for who in ("rbkc/ig/ig-lead", "platform/root/operator"):
        unknown = await platform.call("GET", f"/v1/agreements/{agreement_id}", who)
        assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-agreement")
        assert (await platform.call("GET", "/v1/agreements", who)).json()["items"] == []
    not_party = await platform.call("POST", "/v1/agreements", "rbkc/ig/ig-lead", json=AGREEMENT)
    moved = await platform.call(
        "POST", f"/v1/agreements/{agreement_id}/transitions", "rbkc/ig/ig-lead", json={"action": "suspend"}
    )
    assert (not_party.status_code, moved.status_code) == (403, 404)
    listed = (await platform.call("GET", "/v1/agreements", WCC_IG)).json()["items"]
    assert [one["agreement_id"] for one in listed] == [agreement_id]
    assert {one["org"] for one in listed[0]["signatures"]} == {"lbhf", "wcc"}


async def test_each_move_asks_for_its_role(platform: Platform) -> None:
    drafted = (await platform.call("POST", "/v1/agreements", IG, json=AGREEMENT)).json()
    path = f"/v1/agreements/{drafted['agreement_id']}/transitions"

    for who, action in ((SIGN, "propose"), (IG, "sign"), (IG, "terminate"), (SIGN, "suspend"), (SIGN, "resume")):
        refused = await platform.call("POST", path, who, json={"action": action, "digest": drafted["digest"]})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-not-permitted"), action
    assert (await platform.call("POST", "/v1/agreements", SIGN, json=AGREEMENT)).status_code == 403


async def test_a_signature_is_under_the_proposed_text_only(platform: Platform) -> None:
    drafted = (await platform.call("POST", "/v1/agreements", IG, json=AGREEMENT)).json()
    path = f"/v1/agreements/{drafted['agreement_id']}/transitions"
    await platform.move(path, IG, action="propose")

    other = await platform.call("POST", path, SIGN, json={"action": "sign", "digest": "0" * 64})
    none = await platform.call("POST", path, SIGN, json={"action": "sign"})

    assert (other.status_code, other.json()["type"]) == (409, "/problems/other-digest")
    assert (none.status_code, none.json()["errors"][0]["pointer"]) == (422, "/digest")


async def test_what_the_law_forbids_cannot_be_proposed(platform: Platform) -> None:
    unlawful = deepcopy(AGREEMENT)
    unlawful["flows"][0]["service_areas"] = ["adult-social-care"]
    drafted = (await platform.call("POST", "/v1/agreements", IG, json=unlawful)).json()

    refused = await platform.call(
        "POST", f"/v1/agreements/{drafted['agreement_id']}/transitions", IG, json={"action": "propose"}
    )

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/agreement-not-lawful")
    assert "/flows/0/article9" in [error["pointer"] for error in refused.json()["errors"]]


async def test_a_changed_text_is_a_new_version_and_the_old_one_holds_until_it_is_signed(platform: Platform) -> None:
    agreement_id = await platform.agree()
    path = f"/v1/agreements/{agreement_id}"
    narrowed = deepcopy(AGREEMENT)
    narrowed["flows"][0]["service_areas"] = ["housing"]
    etag = (await platform.call("GET", path, IG)).headers["ETag"]

    missing = await platform.call("PUT", path, IG, json=narrowed)
    changed = await platform.call("PUT", path, IG, json=narrowed, headers={"If-Match": etag})
    stale = await platform.call("PUT", path, WCC_IG, json=narrowed, headers={"If-Match": etag})
    assert [missing.status_code, changed.status_code, stale.status_code] == [428, 200, 412]
    new = changed.json()
    assert (new["version"], new["status"], new["version_in_force"], new["signatures"]) == (2, "draft", 1, [])
    assert set((await decided(platform))["grants"]) == {"lbhf/customer-services", "lbhf/housing"}

    await platform.move(f"{path}/transitions", IG, action="propose")
    await platform.move(f"{path}/transitions", SIGN, action="sign", digest=new["digest"])
    active = await platform.move(f"{path}/transitions", WCC_SIGN, action="sign", digest=new["digest"])
    assert (active["version"], active["status"], active["version_in_force"]) == (2, "active", 2)
    assert set((await decided(platform))["grants"]) == {"lbhf/housing"}


async def test_a_provider_suspends_what_is_in_force_while_a_new_version_is_drafted(platform: Platform) -> None:
    path = f"/v1/agreements/{await platform.agree()}"
    etag = (await platform.call("GET", path, IG)).headers["ETag"]
    await platform.call("PUT", path, IG, json=AGREEMENT | {"title": "Next"}, headers={"If-Match": etag})

    suspended = await platform.move(f"{path}/transitions", IG, action="suspend")

    assert (suspended["version"], suspended["status"]) == (1, "suspended")
    assert (await decided(platform))["grants"] == {}


async def test_twenty_creations_with_one_key_make_one_agreement(platform: Platform) -> None:
    key = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(platform.call("POST", "/v1/agreements", IG, json=AGREEMENT, headers=key) for _ in range(20))
    )
    other_body = await platform.call("POST", "/v1/agreements", IG, json=AGREEMENT | {"title": "Other"}, headers=key)
    other_caller = await platform.call("POST", "/v1/agreements", WCC_IG, json=AGREEMENT, headers=key)

    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["agreement_id"] for one in answers}) == 1
    assert (other_body.status_code, other_body.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert other_caller.json()["agreement_id"] != answers[0].json()["agreement_id"]
    assert len((await platform.call("GET", "/v1/agreements", IG)).json()["items"]) == 2


async def test_every_change_tells_where_the_agreement_stands_in_order(platform: Platform, founded: Server) -> None:
    agreement_id = await platform.agree()
    told: list[Envelope] = []

    async def note(envelope: Envelope) -> None:
        told.append(envelope)

    bus = LocalBus()
    bus.subscribe(GOVERNANCE, note)
    worker = Database(url(founded, "gateway", "worker"), pool_size=1, name="relay")
    while await publish_batch(worker, bus, outbox=outbox):
        pass
    await worker.close()

    changes = [each for each in told if each.subject == agreement_id]
    assert [each.aggregate_version for each in changes] == [1, 2, 3, 4]
    last = changes[-1].event()
    assert isinstance(last, AgreementChanged)
    assert last.status == "active"
    assert [(flow.provider, flow.recipient, len(flow.service_areas)) for flow in last.linkage] == [
        ("lbhf", "wcc", 11),
        ("wcc", "lbhf", 11),
    ]
    sources = [each for each in told if each.subject == "lbhf/crm"]
    assert [each.aggregate_version for each in sources] == [1]


async def test_pages_of_agreements_end(platform: Platform) -> None:
    for _ in range(3):
        await platform.call("POST", "/v1/agreements", IG, json=AGREEMENT)

    first = (await platform.call("GET", "/v1/agreements?limit=2", IG)).json()
    second = (await platform.call("GET", f"/v1/agreements?limit=2&cursor={first['next']}", IG)).json()
    stolen = await platform.call("GET", f"/v1/agreements?cursor={first['next']}", WCC_IG)

    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    assert stolen.status_code == 400
