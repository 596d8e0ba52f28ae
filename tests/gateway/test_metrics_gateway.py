"""What the gateway tells of decisions and refusals, of the services behind it, and of what its jobs have to do."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.jobs import look_at_reviews
from gateway.metrics import JobMetrics
from gateway.sealing import seal_batch
from shared.db import Database
from shared.permit import Permit
from single_node.postgres import Server
from tests.builders import AT
from tests.conftest import url
from tests.gateway.conftest import as_superuser, serving
from tests.gateway.logs import SIGNER
from tests.gateway.platform import Platform, StandIn
from tests.gateway.test_emergency import an_agreement, look

SEARCH = ("POST", "/v1/people/search")
ADA, WILL = "lbhf/ada/caseworker", "wcc/will/caseworker"


def told(platform: Platform, name: str, **labels: str) -> float:
    """Give the value of a sample; 0 if there is none."""
    return platform.app.state.registry.get_sample_value(name, labels) or 0


async def search(platform: Platform, who: str, purpose: str = "homelessness", **headers: str) -> httpx.Response:
    """Search for somebody."""
    return await platform.call(*SEARCH, who, purpose=purpose, json={"family_name": "Vale"}, headers=headers)


async def answer_nothing(_: Permit, __: Request) -> Response:
    """Answer as a service that found nobody."""
    return JSONResponse({"items": []})


@pytest.fixture
async def worker(founded: Server) -> AsyncIterator[Database]:
    """The gateway's database as its jobs see it."""
    database = Database(url(founded, "gateway", "worker"), pool_size=2, name="jobs")
    yield database
    await database.close()


async def test_a_call_that_is_allowed_is_counted_once_as_the_audit_has_it(platform: Platform) -> None:
    platform.behind.answer = answer_nothing
    decided = {"action": "search", "purpose": "homelessness", "outcome": "allowed"}

    assert (await search(platform, ADA)).status_code == 200

    assert told(platform, "scv_decisions_total", **decided) == 1
    assert told(platform, "scv_upstream_duration_seconds_count", service="customer-index") >= 1
    assert told(platform, "scv_upstream_failures_total", service="customer-index") == 0


async def test_a_call_that_is_refused_is_counted_with_the_type_of_the_problem(platform: Platform) -> None:
    refused = await search(platform, "lbhf/front/system")
    unknown = await platform.call("GET", "/v1/agreements/11111111-1111-4111-8111-111111111111", "lbhf/ig/ig-lead")
    nobody = await platform.client.post("/v1/people/search", json={}, headers={"SCV-Purpose": "homelessness"})

    assert [one.status_code for one in (refused, unknown, nobody)] == [403, 404, 401]
    assert told(platform, "scv_denials_total", reason="role-not-permitted") == 1
    assert told(platform, "scv_denials_total", reason="unknown-agreement") == 1
    assert told(platform, "scv_denials_total", reason="not-authenticated") == 1
    denied = {"purpose": "homelessness", "outcome": "denied"}
    assert told(platform, "scv_decisions_total", action="search", **denied) == 1
    assert told(platform, "scv_decisions_total", action="govern", purpose="none", outcome="denied") == 1


async def test_a_reason_that_only_an_inner_service_knows_is_other_whatever_it_says(platform: Platform) -> None:
    async def refuse(_: Permit, __: Request) -> Response:
        return JSONResponse({"type": "/problems/Vandersprocket"}, 404)

    platform.behind.answer = refuse
    await platform.call("GET", "/v1/loads/11111111-1111-4111-8111-111111111111", ADA, purpose="data-stewardship")
    await search(platform, ADA)

    told_of_all = generate_latest(platform.app.state.registry).decode()
    assert "Vandersprocket" not in told_of_all
    assert told(platform, "scv_denials_total", reason="other") >= 1


async def test_a_change_is_counted_with_what_became_of_it(platform: Platform) -> None:
    done = {"action": "govern", "purpose": "none", "outcome": "done"}
    before = told(platform, "scv_decisions_total", **done)

    await platform.enter("lbhf/new/frontline")

    assert told(platform, "scv_decisions_total", **done) == before + 1


async def test_calls_that_come_too_often_are_counted(founded: Server, platform: Platform) -> None:
    async with serving(founded, behind=StandIn(AT), settings={"requests_per_second": 1}) as limited:
        statuses = {(await search(limited, ADA)).status_code for _ in range(6)}

        assert 429 in statuses
        assert told(limited, "scv_rate_limited_total") >= 1


async def test_a_service_that_does_not_answer_is_counted(platform: Platform) -> None:
    async def fail(_: Permit, __: Request) -> Response:
        return JSONResponse({}, 500)

    platform.behind.answer = fail

    assert (await search(platform, ADA)).status_code == 503
    assert told(platform, "scv_upstream_failures_total", service="customer-index") == 1


async def test_what_callers_send_never_reaches_the_metrics(platform: Platform) -> None:
    canary = "Zyxanthe"
    sent: list[dict[str, Any]] = [
        {"SCV-Case": canary},
        {"SCV-Purpose": canary},
        {"SCV-Emergency": f"risk-to-life; {canary}"},
        {"SCV-Acting-For": canary},
        {"X-Request-Id": canary},
    ]
    for headers in sent:
        await search(platform, WILL, **headers)
    await platform.call("GET", f"/v1/people/{canary}", WILL, purpose="homelessness")
    await platform.call(canary, f"/v1/{canary}?name={canary}", WILL, purpose="homelessness")
    await platform.call("GET", f"/v1/organisations/{canary}/staff/{canary}", "lbhf/boss/admin")

    everything = (await platform.client.get("/metrics")).text
    assert canary not in everything
    assert "lbhf" not in everything
    assert "will" not in everything


async def test_what_waits_to_be_sealed_is_seen_until_it_is(platform: Platform, worker: Database) -> None:
    registry = CollectorRegistry()
    read = JobMetrics(registry).reading(worker, clock=lambda: AT + timedelta(seconds=40))
    await platform.enter("lbhf/new/frontline")
    await read()
    rows = registry.get_sample_value("scv_audit_unsealed_rows")
    age = registry.get_sample_value("scv_audit_seal_age_seconds")

    async with worker.transaction() as tx:
        await seal_batch(tx, SIGNER, at=AT)
    await read()

    assert rows
    assert age == 40
    assert registry.get_sample_value("scv_audit_unsealed_rows") == 0
    assert registry.get_sample_value("scv_audit_seal_age_seconds") == 0


async def test_a_review_of_an_emergency_that_is_late_is_seen_until_it_is_made(
    platform: Platform, worker: Database, founded: Server
) -> None:
    registry = CollectorRegistry()
    read = JobMetrics(registry).reading(worker, clock=lambda: AT + timedelta(hours=24))

    async def overdue() -> float | None:
        await read()
        return registry.get_sample_value("scv_emergency_reviews_overdue")

    await platform.agree(an_agreement())
    await look(platform)
    early = await overdue()
    await look_at_reviews(worker, at=AT + timedelta(hours=24))
    late = await overdue()
    [row] = await as_superuser(founded, "SELECT access_id FROM emergency_accesses")
    path = f"/v1/emergency-access/{row.access_id}/review"
    await platform.call("POST", path, "lbhf/ig/ig-lead", json={"outcome": "justified"})

    assert [early, late, await overdue()] == [0, 1, 0]
