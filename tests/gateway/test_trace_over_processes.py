"""One trace over real processes: a call over HTTP, its change, the event of it over Kafka, and what comes of that."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

import httpx
import pytest
from pydantic_core import to_json

from shared.events import PEOPLE, REFERRALS
from shared.kafka import create_topics
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEY, PERMIT_KEYS
from tests.customer_index import canaries
from tests.forking import forked
from tests.gateway.conftest import serving
from tests.gateway.platform import StandIn, a_token, found, populate
from tests.processes import START_SECONDS, a_process, an_api, environment
from tests.traces import STRANGER, Collector, Made, collecting

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

RECORD: Final = "/v1/sources/{source}/records/{local_id}"
PATH: Final = "/v1/sources/crm/records/tale-1"
PUBLIC: Final = to_json(PERMIT_KEYS).decode()
PRIVATE: Final = to_json(PERMIT_KEY.as_dict(private=True)).decode()


async def test_a_collector_sees_one_trace_from_the_gateway_to_the_consumer(founded: Server, kafka: str) -> None:
    async with serving(founded, behind=StandIn(AT)) as platform:
        await found(platform.app)
        await populate(platform)
    await create_topics(KafkaSettings(bootstrap_servers=kafka), [PEOPLE, REFERRALS])
    with collecting() as collector:
        async with AsyncExitStack() as stack:
            shared = {
                "KAFKA_BOOTSTRAP_SERVERS": kafka,
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            }
            of_index = environment(founded, "customer_index", permit_keys=PUBLIC) | shared
            of_cases = environment(founded, "case_episodes", permit_keys=PUBLIC) | shared
            await stack.enter_async_context(a_process("customer_index", "relay", of_index, start=forked))
            await stack.enter_async_context(a_process("case_episodes", "consumer", of_cases, start=forked))
            index = await stack.enter_async_context(an_api("customer_index", of_index, start=forked))
            of_gateway = environment(founded, "gateway", permit_key=PRIVATE, customer_index_url=index.address)
            gateway = await stack.enter_async_context(an_api("gateway", of_gateway | shared, start=forked))
            answer = await _assert_record(gateway.address)
            trace_id = answer.headers["X-Request-Id"].replace("-", "")
            spans = await _until_processed(collector, trace_id)

    asserted = [("gateway", "api", f"PUT {RECORD}"), ("gateway", "api", "PUT customer-index")]
    changed = [("customer-index", "api", f"PUT {RECORD}"), ("customer-index", "api", "transaction")]
    assert _way_to(spans, "send scv.people") == [
        *asserted,
        *changed,
        ("customer-index", "relay", "send scv.people"),
    ]
    assert _way_to(spans, "process scv.people") == [
        *asserted,
        *changed,
        ("case-episodes", "consumer", "process scv.people"),
    ]
    assert STRANGER.split("-")[1] not in {span.trace_id for span in collector.spans}
    bodies = collector.bodies.decode("latin-1")
    assert canaries.found_in(bodies, canaries.all_values()) == []
    assert canaries.found_in(bodies, [answer.json()["person_id"], "tale", "bearer"]) == []


async def _assert_record(address: str) -> httpx.Response:
    token = a_token("lbhf", "crm", ["system"], at=datetime.now(UTC))
    headers = {"Authorization": f"Bearer {token}", "SCV-Purpose": "data-stewardship", "traceparent": STRANGER}
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=10) as client:
        answer = await client.put(PATH, headers=headers, json=dict(canaries.RECORD))
    assert answer.status_code == 201, answer.text
    return answer


async def _until_processed(collector: Collector, trace_id: str) -> list[Made]:
    async with asyncio.timeout(START_SECONDS):
        while True:
            spans = [span for span in collector.spans if span.trace_id == trace_id]
            names, known = {span.name for span in spans}, {span.span_id for span in spans}
            whole = all(span.parent_id in known for span in spans if span.parent_id)
            if whole and names >= {"process scv.people", "send scv.people"}:
                return spans
            await asyncio.sleep(0.1)


def _way_to(spans: list[Made], name: str) -> list[tuple[str, str, str]]:
    """Give what leads to the span of a name, from the first on, with the service and the process of each."""
    by_id = {span.span_id: span for span in spans}
    (span,) = [span for span in spans if span.name == name]
    way = [span]
    while way[0].parent_id:
        way.insert(0, by_id[way[0].parent_id])
    return [(span.service, span.process, span.name) for span in way]
