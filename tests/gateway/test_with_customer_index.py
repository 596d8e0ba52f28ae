"""Gateway and customer-index together, without a network between them: the main story over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic_core import to_json

from customer_index.app import create_app
from customer_index.commands.link import link_waiting
from customer_index.consumer import governance_consumer
from customer_index.model import load_model
from customer_index.settings import Settings
from gateway.tables import outbox
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEYS, SECRET, a_record
from tests.conftest import url
from tests.gateway.conftest import serving
from tests.gateway.platform import AGREEMENT, TRAINED, Platform

WILL, NEW = "wcc/will/caseworker", "wcc/new/caseworker"


class Together:
    """Both services, with the events between them carried when a test says so."""

    def __init__(self, platform: Platform, workers: dict[str, Database]) -> None:
        self.platform = platform
        self._workers = workers
        self._bus = LocalBus()
        self._bus.subscribe(GOVERNANCE, governance_consumer(workers["customer_index"]))

    async def settle(self) -> None:
        """Carry all events, and decide all links that wait."""
        while await publish_batch(self._workers["gateway"], self._bus, outbox=outbox):
            pass
        while True:
            async with self._workers["customer_index"].transaction() as tx:
                if not await link_waiting(tx, model=load_model(), at=AT):
                    return

    async def assert_record(self, org: str, source: str, **changes: Any) -> str:
        """Assert a record as a borough's CRM; give the person's id."""
        path = f"/v1/sources/{source}/records/r-1"
        answered = await self.platform.call(
            "PUT", path, f"{org}/crm/system", purpose="data-stewardship", json=a_record(**changes)
        )
        assert answered.status_code == 201, answered.text
        return str(answered.json()["person_id"])

    async def view(self, person_id: str, who: str, purpose: str = "homelessness") -> Any:
        """View a person."""
        return await self.platform.call("GET", f"/v1/people/{person_id}", who, purpose=purpose)


@pytest.fixture
async def together(peopled: Server) -> AsyncIterator[Together]:
    """Both services with their organisations."""
    index = create_app(
        Settings(
            database_url=url(peopled, "customer_index", "app"),
            cursor_secret=SecretStr(SECRET),
            permit_keys=to_json(PERMIT_KEYS).decode(),
        ),
        clock=lambda: AT,
    )
    workers = {
        service: Database(url(peopled, service, "worker"), pool_size=2, name="worker")
        for service in ("gateway", "customer_index")
    }
    async with index.router.lifespan_context(index), serving(peopled, behind=index) as platform:
        yield Together(platform, workers)
    for worker in workers.values():
        await worker.close()


async def test_one_resident_known_to_two_boroughs_is_seen_only_as_far_as_they_agree(together: Together) -> None:
    theirs = await together.assert_record("lbhf", "housing")
    own = await together.assert_record("wcc", "housing")
    await together.settle()

    alone = (await together.view(own, WILL)).json()
    assert {record["owner"] for record in alone["records"]} == {"wcc"}
    assert (alone["linked"], alone["withheld"], alone["clauses"]) == ([], [], [])
    assert (await together.view(theirs, WILL)).status_code == 404

    agreement_id = await together.platform.agree()
    await together.settle()
    shared = (await together.view(own, WILL)).json()
    [linked] = shared["linked"]
    assert (linked["owner"], linked["person_id"]) == ("lbhf", theirs)
    [record] = [record for record in shared["records"] if record["owner"] == "lbhf"]
    assert record["family_name"] == "Okonjo-Vale"
    assert not {"addresses", "nhs_number", "national_insurance_number"} & record.keys()
    assert shared["clauses"] == [f"{agreement_id}/f1"]
    assert {"address", "identifiers"} <= {name for one in shared["withheld"] for name in one["categories"]}
    assert {record["owner"] for record in (await together.view(own, NEW)).json()["records"]} == {"wcc"}
    assert {record["owner"] for record in (await together.view(own, WILL, "housing")).json()["records"]} == {"wcc"}

    log = await together.platform.call(
        "GET", f"/v1/people/{theirs}/access-log", "lbhf/ig/ig-lead", purpose="subject-rights"
    )
    assert [(one["organisation"], one["purpose"]) for one in log.json()["items"]] == [("wcc", "homelessness")]

    path = f"/v1/agreements/{agreement_id}/transitions"
    await together.platform.move(path, "lbhf/ig/ig-lead", action="suspend")
    gone = (await together.view(own, WILL)).json()
    assert ({record["owner"] for record in gone["records"]}, gone["linked"]) == ({"wcc"}, [])


async def test_a_timeline_is_told_page_by_page_and_only_of_what_may_be_seen(together: Together) -> None:
    own = await together.assert_record("wcc", "housing", observed_at="2026-05-01T08:00:00Z")
    await together.assert_record("wcc", "crm", observed_at="2026-06-01T08:00:00Z")
    theirs = await together.assert_record("lbhf", "housing")

    async def told(query: str = "", person_id: str = own) -> Any:
        path = f"/v1/people/{person_id}/timeline{query}"
        return await together.platform.call("GET", path, WILL, purpose="homelessness")

    first = (await told("?limit=1")).json()
    rest = (await told(f"?limit=1&cursor={first['next']}")).json()

    assert [entry["summary"] for entry in (first["items"] + rest["items"])] == ["source crm", "source housing"]
    assert rest["next"] is None
    assert (await told(person_id=theirs)).status_code == 404
    assert (await told(f"?cursor={first['next'][:-2]}xx")).status_code == 400


async def test_the_description_holds_what_customer_index_answers(together: Together) -> None:
    described = (await together.platform.client.get("/openapi.json")).json()

    put = described["paths"]["/v1/sources/{source}/records/{local_id}"]["put"]
    assert {parameter["name"] for parameter in put["parameters"]} >= {"SCV-Purpose", "source", "local_id"}
    assert "SCV-Permit" not in to_json(described).decode()
    references = [part.partition('"')[0] for part in to_json(described).decode().split("#/components/schemas/")[1:]]
    assert references
    assert set(references) <= set(described["components"]["schemas"])


async def test_the_events_are_described(together: Together) -> None:
    described = (await together.platform.client.get("/v1/asyncapi.json")).json()

    assert described["asyncapi"] == "3.0.0"
    assert "person.merged.v1" in described["components"]["messages"]


async def test_somebody_excluded_does_not_exist_for_that_worker_nor_do_those_linked_with_them(
    together: Together,
) -> None:
    theirs = await together.assert_record("lbhf", "housing")
    own = await together.assert_record("wcc", "housing")
    await together.platform.agree()
    await together.settle()
    path = "/v1/organisations/wcc/exclusions/e1"
    record = {"source": "housing", "local_id": "r-1"}
    exclusion = {"subject": "will", "record": record, "reason": "kin", "review_on": "2027-01-01"}
    colleague = "wcc/wanda/caseworker"
    await together.platform.enter(colleague, **TRAINED)
    lead = "wcc/ig/ig-lead"
    unknown = exclusion | {"record": {"source": "housing", "local_id": "r-2"}}
    refused = await together.platform.call("PUT", path, lead, json=unknown)
    seen = [(await together.view(person_id, WILL)).status_code for person_id in (own, theirs)]
    entered = await together.platform.call("PUT", path, lead, json=exclusion)

    assert (refused.status_code, seen, entered.status_code) == (422, [200, 200], 201)
    nobody = "00000000-0000-4000-8000-000000000000"
    answers = [await together.view(person_id, WILL) for person_id in (nobody, own, theirs)]
    told = [{name: value for name, value in one.json().items() if name != "request_id"} for one in answers]
    assert [one.status_code for one in answers] == [404, 404, 404]
    assert told[0] == told[1] == told[2]
    for body in ({"nhs_number": "9990000018"}, {"family_name": "Okonjo-Vale", "date_of_birth": "1984-03-09"}):
        ask = ("POST", "/v1/people/search")
        found_by_will = await together.platform.call(*ask, WILL, purpose="homelessness", json=body)
        found_by_wanda = await together.platform.call(*ask, colleague, purpose="homelessness", json=body)
        assert found_by_will.json()["items"] == []
        assert own in {one["person_id"] for one in found_by_wanda.json()["items"]}
    decision = {"subject": "will", "roles": ["caseworker"], "purpose": "homelessness", "action": "read"}
    asked = await together.platform.call("POST", "/v1/decisions", WILL, json=decision | {"person_id": own})
    assert {name: value for name, value in asked.json().items() if name != "request_id"} == told[0]


async def test_in_an_emergency_a_worker_sees_what_the_agreement_opens(together: Together) -> None:
    theirs = await together.assert_record("lbhf", "housing")
    break_glass = {
        "allowed": True,
        "reasons": ["risk-to-life"],
        "roles": ["caseworker"],
        "categories": ["existence", "address"],
    }
    await together.platform.agree(AGREEMENT | {"break_glass": break_glass})
    ask = ("GET", f"/v1/people/{theirs}", NEW)
    ordinary = await together.platform.call(*ask, purpose="council-tax")
    header = {"SCV-Emergency": "risk-to-life; not seen for days"}
    opened = await together.platform.call(*ask, purpose="council-tax", headers=header)

    assert (ordinary.status_code, opened.status_code) == (404, 200)
    [record] = opened.json()["records"]
    assert record["addresses"][0]["postcode"] == "W6 9ZZ"
    assert "family_name" not in record
    kept_back = {name for one in opened.json()["withheld"] for name in one["categories"]}
    assert "address" not in kept_back
    assert "identity" in kept_back
