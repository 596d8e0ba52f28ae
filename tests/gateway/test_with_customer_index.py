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
from tests.gateway.platform import Platform, found, populate

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
async def together(founded: Server) -> AsyncIterator[Together]:
    """Both services with their organisations."""
    index = create_app(
        Settings(
            database_url=url(founded, "customer_index", "app"),
            worker_database_url=url(founded, "customer_index", "worker"),
            cursor_secret=SecretStr(SECRET),
            permit_keys=to_json(PERMIT_KEYS).decode(),
        ),
        clock=lambda: AT,
    )
    workers = {
        service: Database(url(founded, service, "worker"), pool_size=2, name="worker")
        for service in ("gateway", "customer_index")
    }
    async with index.router.lifespan_context(index), serving(founded, behind=index) as platform:
        await found(platform.app)
        await populate(platform)
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
