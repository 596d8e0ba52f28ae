"""Gateway, customer-index and case-episodes together, without a network between them: work on cases over HTTP."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

import case_episodes.app
import case_episodes.settings
import customer_index.app
import customer_index.settings
from case_episodes.consumer import people_consumer
from customer_index.commands.link import link_waiting
from customer_index.consumer import governance_consumer
from customer_index.model import load_model
from customer_index.tables import outbox as index_outbox
from gateway.tables import outbox as gateway_outbox
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEYS, SECRET, a_record, ticking
from tests.conftest import url
from tests.gateway.conftest import serving
from tests.gateway.platform import AGREEMENT, Platform

ADA, WILL = "lbhf/ada/caseworker", "wcc/will/caseworker"
HOUSING_BENEFIT, HOMELESS = 69, 112
"""Services of the areas benefits and housing."""


class Switch:
    """An application that can be taken away."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.is_down = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or break."""
        if self.is_down:
            raise OSError("nobody is there")
        await self.app(scope, receive, send)


class Council:
    """Three services, with the events between them carried when a test says so."""

    def __init__(self, platform: Platform, workers: dict[str, Database], switch: Switch) -> None:
        self.platform = platform
        self.switch = switch
        self._workers = workers
        self._bus = LocalBus()
        self._bus.subscribe(GOVERNANCE, governance_consumer(workers["customer_index"]))
        self._bus.subscribe(PEOPLE, people_consumer(workers["case_episodes"]))

    async def settle(self) -> None:
        """Carry all events, and decide all links that wait."""
        for service, outbox in (("gateway", gateway_outbox), ("customer_index", index_outbox)):
            while await publish_batch(self._workers[service], self._bus, outbox=outbox):
                pass
        while True:
            async with self._workers["customer_index"].transaction() as tx:
                if not await link_waiting(tx, model=load_model(), at=AT):
                    return

    async def assert_record(self, org: str, source: str, local_id: str = "r-1", **changes: Any) -> str:
        """Assert a record as a borough's CRM; give the person's id."""
        path = f"/v1/sources/{source}/records/{local_id}"
        answered = await self.platform.call(
            "PUT", path, f"{org}/crm/system", purpose="data-stewardship", json=a_record(**changes)
        )
        assert answered.status_code == 201, answered.text
        return str(answered.json()["person_id"])

    async def call(self, method: str, path: str, who: str = ADA, purpose: str = "housing", **sent: Any) -> Any:
        """Call as a worker."""
        return await self.platform.call(method, path, who, purpose=purpose, **sent)

    async def open_case(self, who: str = ADA, purpose: str = "benefits", **changes: Any) -> Any:
        """Open a case."""
        return await self.call("POST", "/v1/cases", who, purpose, json=a_case(**changes))


def a_case(**changes: Any) -> dict[str, Any]:
    body = {
        "source": "housing",
        "local_id": "r-1",
        "lgsl": HOUSING_BENEFIT,
        "lgil": 0,
        "description": "Canary: cannot pay the rent.",
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


@pytest.fixture
async def council(peopled: Server) -> AsyncIterator[Council]:
    """The services with their organisations."""

    def settings(service: str, kind: Callable[..., Any]) -> Any:
        return kind(
            database_url=url(peopled, service, "app"),
            cursor_secret=SecretStr(SECRET),
            permit_keys=to_json(PERMIT_KEYS).decode(),
        )

    index = customer_index.app.create_app(
        settings("customer_index", customer_index.settings.Settings), clock=lambda: AT
    )
    inner = case_episodes.app.create_app(settings("case_episodes", case_episodes.settings.Settings), clock=ticking())
    workers = {
        service: Database(url(peopled, service, "worker"), pool_size=2, name="worker")
        for service in ("gateway", "customer_index", "case_episodes")
    }
    switch = Switch(inner)
    async with (
        index.router.lifespan_context(index),
        inner.router.lifespan_context(inner),
        serving(peopled, behind=index, others={"case-episodes": switch}) as platform,
    ):
        yield Council(platform, workers, switch)
    for worker in workers.values():
        await worker.close()


async def test_a_case_is_opened_by_record_or_by_person_about_the_same_human_being(council: Council) -> None:
    person_id = await council.assert_record("lbhf", "housing")

    by_record = await council.open_case()
    by_person = await council.open_case(source=None, local_id=None, person_id=person_id)

    assert (by_record.status_code, by_person.status_code) == (201, 201), by_record.text
    assert {one.json()["person_id"] for one in (by_record, by_person)} == {person_id}
    assert by_record.json()["episode_id"] == by_person.json()["episode_id"]
    read = await council.call("GET", f"/v1/cases/{by_record.json()['case_id']}", purpose="benefits")
    assert read.json()["description"] == "Canary: cannot pay the rent."
    assert "SCV-Disclosed" not in read.headers


async def test_nobody_unknowable_is_a_subject_and_all_of_them_look_alike(council: Council) -> None:
    theirs = await council.assert_record("wcc", "housing")
    await council.assert_record("lbhf", "adult-social-care", "r-2")

    answers = [
        await council.open_case(source=None, local_id=None, person_id=theirs),
        await council.open_case(source=None, local_id=None, person_id=str(uuid4())),
        await council.open_case(local_id="nobody"),
        await council.open_case(source="adult-social-care", local_id="r-2"),
        await council.open_case(source="no-such-source"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str(sorted((answer.json() | {"request_id": ""}).items())) for answer in answers}) == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [({"local_id": None}, ""), ({"person_id": "x"}, "/person_id"), ({"lgsl": 99_998}, "/lgsl"), ({"more": 1}, "/more")],
)
async def test_what_is_wrong_with_a_case_is_named(council: Council, wrong: dict[str, Any], pointer: str) -> None:
    await council.assert_record("lbhf", "housing")

    answer = await council.open_case(**wrong)

    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [pointer])


async def test_who_may_not_work_on_cases_is_told_so(council: Council) -> None:
    await council.assert_record("lbhf", "housing")

    system = await council.open_case("lbhf/crm/system")
    unfit = await council.open_case(purpose="registration")
    missing = await council.platform.call("POST", "/v1/cases", ADA, json=a_case())

    assert (system.status_code, system.json()["type"]) == (403, "/problems/role-not-permitted")
    assert unfit.status_code in (403, 404)
    assert (missing.status_code, missing.json()["type"]) == (400, "/problems/purpose-required")


async def test_the_view_shows_what_is_being_done(council: Council) -> None:
    person_id = await council.assert_record("lbhf", "housing")
    case = (await council.open_case()).json()
    contact = await council.call(
        "POST",
        "/v1/contacts",
        purpose="benefits",
        json={"person_id": person_id, "channel": "telephone", "lgsl": HOUSING_BENEFIT, "lgil": 8},
    )
    assessment = await council.call(
        "POST",
        "/v1/assessments",
        purpose="benefits",
        json={"person_id": person_id, "lgsl": HOUSING_BENEFIT, "facts": [{"attribute": "tenancy", "value": "assured"}]},
    )
    assert (contact.status_code, assessment.status_code) == (201, 201), contact.text + assessment.text

    view = (await council.call("GET", f"/v1/people/{person_id}", purpose="benefits")).json()

    assert [one["case_id"] for one in view["cases"]] == [case["case_id"]]
    assert [one["contact_id"] for one in view["contacts"]] == [contact.json()["contact_id"]]
    assert [one["assessment_id"] for one in view["assessments"]] == [assessment.json()["assessment_id"]]
    assert [(one["episode_id"], one["cases"]) for one in view["episodes"]] == [(case["episode_id"], [case["case_id"]])]
    assert view["unavailable"] == [{"section": "referrals", "reason": "not-installed"}]
    some = (await council.call("GET", f"/v1/people/{person_id}?include=contacts", purpose="benefits")).json()
    assert (some["cases"], some["assessments"], len(some["contacts"])) == ([], [], 1)
    unfit = (await council.call("GET", f"/v1/people/{person_id}", purpose="housing")).json()
    assert (unfit["cases"], unfit["episodes"]) == ([], [])
    listed = await council.call("GET", f"/v1/people/{person_id}/assessments", purpose="benefits")
    assert [one["assessment_id"] for one in listed.json()["items"]] == [assessment.json()["assessment_id"]]


async def test_another_borough_sees_only_that_there_is_a_case_where_that_is_agreed(council: Council) -> None:
    theirs = await council.assert_record("lbhf", "housing")
    own = await council.assert_record("wcc", "housing")
    case = (await council.open_case(lgsl=HOMELESS, purpose="housing")).json()
    await council.settle()
    await council.platform.agree()
    await council.settle()

    view = await council.call("GET", f"/v1/people/{own}", WILL, "homelessness")
    read = await council.call("GET", f"/v1/cases/{case['case_id']}", WILL, "homelessness")
    episode = await council.call("GET", f"/v1/episodes/{case['episode_id']}", WILL, "homelessness")
    assessments = await council.call("GET", f"/v1/people/{theirs}/assessments", WILL, "homelessness")

    assert [one["person_id"] for one in view.json()["linked"]] == [theirs]
    assert view.json()["cases"] == [{"owner": "lbhf", "service_area": "housing", "exists": True}]
    assert (view.json()["episodes"], view.json()["contacts"]) == ([], [])
    assert (read.status_code, episode.status_code) == (404, 404)
    assert assessments.json()["items"] == []
    audited = await council.platform.audited("lbhf")
    seen = next(row for row in audited if row["organisation"] == "wcc" and row["route"].endswith("{person_id}"))
    assert "cases" in seen["scopes"]["lbhf/housing"]


async def test_a_case_whole_is_another_borough_s_to_read_where_agreed_and_nobody_s_to_change(council: Council) -> None:
    content = {**AGREEMENT, "flows": [dict(flow) for flow in AGREEMENT["flows"]]}
    content["flows"][0]["categories"] = [{"category": "existence"}, {"category": "cases"}, {"category": "assessments"}]
    await council.assert_record("lbhf", "housing")
    own = await council.assert_record("wcc", "housing")
    case = (await council.open_case(lgsl=HOMELESS, purpose="housing")).json()
    assessed = await council.call(
        "POST",
        "/v1/assessments",
        json={
            "source": "housing",
            "local_id": "r-1",
            "lgsl": HOMELESS,
            "facts": [{"attribute": "tenancy", "value": "x"}],
        },
    )
    await council.settle()
    agreement_id = await council.platform.agree(content)
    path = f"/v1/cases/{case['case_id']}"
    await council.settle()

    read = await council.call("GET", path, WILL, "homelessness")
    moved = await council.call("POST", path + "/transitions", WILL, "homelessness", json={"to": "in-progress"})
    reused = await council.call(
        "POST",
        f"/v1/assessments/{assessed.json()['assessment_id']}/reuse",
        WILL,
        "homelessness",
        json={"decision": "accepted", "for_lgsl": HOMELESS},
    )
    view = (await council.call("GET", f"/v1/people/{own}", WILL, "homelessness")).json()

    assert read.json()["description"] == "Canary: cannot pay the rent."
    assert read.json()["notes"] is None
    assert moved.status_code == 404
    assert (reused.status_code, reused.json()["re_asks_avoided"]) == (201, 1)
    assert view["clauses"] == [f"{agreement_id}/f1"]
    await council.platform.move(f"/v1/agreements/{agreement_id}/transitions", "lbhf/ig/ig-lead", action="suspend")
    assert (await council.call("GET", path, WILL, "homelessness")).status_code == 404


async def test_a_case_follows_its_person_and_is_nobody_s_when_the_record_goes(council: Council) -> None:
    first = await council.assert_record("lbhf", "housing")
    case = (await council.open_case()).json()
    path = f"/v1/cases/{case['case_id']}"
    await council.settle()

    gone = await council.platform.call(
        "DELETE", "/v1/sources/housing/records/r-1", "lbhf/crm/system", purpose="data-stewardship"
    )
    assert gone.status_code == 204
    await council.settle()

    read = await council.call("GET", path, purpose="benefits")
    assert (read.status_code, read.json()["person_id"]) == (200, None)
    assert first not in read.text
    moved = await council.call("POST", path + "/transitions", purpose="benefits", json={"to": "in-progress"})
    assert moved.status_code == 200


async def test_a_case_of_somebody_the_caller_may_not_know_does_not_exist(council: Council) -> None:
    await council.assert_record("lbhf", "benefits")
    case = (await council.open_case(source="benefits", lgsl=HOMELESS, purpose="customer-service")).json()
    path = f"/v1/cases/{case['case_id']}"

    read = await council.call("GET", path, purpose="community-safety")
    moved = await council.call("POST", path + "/transitions", purpose="community-safety", json={"to": "in-progress"})
    nothing = await council.call("GET", f"/v1/cases/{uuid4()}", purpose="community-safety")

    assert (read.status_code, moved.status_code, nothing.status_code) == (404, 404, 404)
    assert {**read.json(), "request_id": ""} == {**nothing.json(), "request_id": ""}
    assert (await council.call("GET", path, purpose="customer-service")).json()["status"] == "open"


async def test_without_case_episodes_the_view_says_so_and_serves_the_rest(council: Council) -> None:
    person_id = await council.assert_record("lbhf", "housing")
    await council.open_case()
    council.switch.is_down = True

    view = await council.call("GET", f"/v1/people/{person_id}", purpose="benefits")
    opened = await council.open_case()

    assert view.status_code == 200
    assert view.json()["golden"]["family_name"]["value"] == "Okonjo-Vale"
    assert {one["section"]: one["reason"] for one in view.json()["unavailable"]} == {
        "contacts": "unreachable",
        "cases": "unreachable",
        "assessments": "unreachable",
        "referrals": "not-installed",
    }
    assert (opened.status_code, opened.json()["type"]) == (503, "/problems/service-unreachable")


async def test_the_catalogue_is_open_to_every_caller_without_a_purpose(council: Council) -> None:
    for who in ("shelter-west/front/frontline", "platform/root/operator", ADA):
        answer = await council.platform.call("GET", "/v1/catalogue", who)

        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == 104
    assert (await council.platform.client.get("/v1/catalogue")).status_code == 401


async def test_a_change_is_meant_in_the_audit_before_it_is_made(council: Council) -> None:
    await council.assert_record("lbhf", "housing")
    await council.open_case()
    await council.open_case(lgil=18)

    rows = [row for row in await council.platform.audited("lbhf") if row["route"] == "/v1/cases"]

    assert [row["outcome"] for row in rows] == ["failed", "intent", "done", "intent"]
    assert "Canary" not in str(rows)
