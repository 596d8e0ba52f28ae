"""What processes tell of themselves on their operations endpoints while something goes wrong, and once it is mended."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index.tables import outbox
from shared.cloudevents import Record
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, PersonRecordLinked
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.outbox import Happened, emit
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests.builders import AT
from tests.conftest import url
from tests.customer_index.linked import agreement_changed
from tests.forking import forked
from tests.kafka_broker import ROOT
from tests.processes import a_free_port, a_process, environment

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

NO_BROKER = "127.0.0.1:1"
SECONDS = 60
GROUP = "customer-index"


class Scraped:
    """A process as Prometheus sees it."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Scrape once; nothing where nobody answers."""
        try:
            told = (await self._client.get("/metrics")).text
        except httpx.TransportError:
            return {}
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(told)
            for sample in family.samples
        }

    async def until(self, name: str, wanted: Callable[[float], bool], **labels: str) -> None:
        """Wait until a sample is as wanted."""
        async with asyncio.timeout(SECONDS):
            while True:
                value = (await self.samples()).get((name, tuple(sorted(labels.items()))))
                if value is not None and wanted(value):
                    return
                await asyncio.sleep(0.2)


@asynccontextmanager
async def scraped(name: str, told: Mapping[str, str]) -> AsyncIterator[Scraped]:
    """Run a process of customer-index and scrape it."""
    port = a_free_port()
    async with (
        a_process("customer_index", name, {**told, "CUSTOMER_INDEX_OPERATIONS_PORT": str(port)}, start=forked),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield Scraped(client)


async def redrive(told: Mapping[str, str]) -> bytes:
    """Run `redrive` to its end and give what it logged."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "customer_index", "redrive"), cwd=ROOT, env=dict(told), stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, said
    return said


@pytest.fixture
def told(emptied: Server) -> dict[str, str]:
    """What the worker processes of customer-index are told of their database."""
    return {**os.environ, **environment(emptied, "customer_index")}


async def test_an_outbox_fills_while_there_is_no_broker_and_drains_when_there_is(
    kafka: str, told: dict[str, str], emptied: Server
) -> None:
    app = Database(url(emptied, "customer_index", "app"), pool_size=1, name="app")
    event = PersonRecordLinked(record_id=uuid4())
    async with app.transaction() as tx:
        happened = Happened(event, str(uuid4()), 1)
        await emit(tx, outbox, [happened], source="/customer-index", owner="lbhf", txn=uuid4(), at=AT)
    await app.close()

    async with scraped("relay", {**told, "KAFKA_BOOTSTRAP_SERVERS": NO_BROKER}) as relay:
        await relay.until("scv_outbox_unpublished_events", lambda depth: depth == 1)
        await relay.until("scv_relay_failures_total", lambda failures: failures >= 1)
        await relay.until("scv_progress_age_seconds", lambda age: age < 30, work="relay")
        assert (await relay.samples())["scv_outbox_oldest_seconds", ()] > 0
    async with scraped("relay", {**told, "KAFKA_BOOTSTRAP_SERVERS": kafka}) as relay:
        await relay.until("scv_relay_published_total", lambda published: published == 1, topic=PEOPLE)
        await relay.until("scv_outbox_unpublished_events", lambda depth: depth == 0)
        await relay.until("scv_on_duty", lambda duty: duty == 1, duty="relay")


async def test_dead_letters_are_seen_and_gone_once_their_cause_is_mended_and_they_are_redriven(
    kafka: str, told: dict[str, str], admins: dict[str, AsyncEngine]
) -> None:
    settings = KafkaSettings(bootstrap_servers=kafka)
    told |= {"KAFKA_BOOTSTRAP_SERVERS": kafka}
    await create_topics(settings, [GOVERNANCE, dead_topic(GOVERNANCE, group=GROUP)])
    agreement = uuid4()
    first, second = (agreement_changed(("lbhf", "wcc"), agreement_id=agreement, version=version) for version in (1, 2))
    bus, topic = KafkaBus(settings), {"topic": GOVERNANCE}
    broken = "ALTER TABLE linkage_flows ADD CONSTRAINT broken CHECK (provider <> 'lbhf')"
    await ask(admins, broken)
    try:
        async with scraped("consumer", told) as consumer:
            await consumer.until("scv_consumer_lag_events", lambda lag: lag == 0, **topic)
            before = await consumer.samples()
            await bus.publish([first, second])
            await bus.send([Record(GOVERNANCE, b"a", b"not json", ())])
            labels = (("topic", GOVERNANCE),)
            was = before["scv_dead_letters_total", labels]
            await consumer.until("scv_dead_letters_total", lambda dead: dead == was + 2, **topic)
            await consumer.until("scv_inbox_condemned_events", lambda condemned: condemned == 1)
            await consumer.until("scv_inbox_parked_events", lambda parked: parked == 1)
        still = await redrive(told)
    finally:
        await ask(admins, "ALTER TABLE linkage_flows DROP CONSTRAINT broken")
        await bus.close()
    mended = await redrive(told)
    async with scraped("consumer", told) as consumer:
        await consumer.until("scv_readings_age_seconds", lambda age: age >= 0)
        await consumer.until("scv_inbox_condemned_events", lambda condemned: condemned == 0)
        await consumer.until("scv_inbox_parked_events", lambda parked: parked == 0)

    assert b'"condemned": 1' in still
    assert b'"events": 1, "condemned": 0' in mended
    [row] = await ask(admins, f"SELECT version FROM inbox WHERE subject = '{agreement}'")
    assert row.version == 2, "what waited behind it took effect with it"


async def ask(admins: dict[str, AsyncEngine], statement: str) -> list[Any]:
    """Do something to customer-index's database as the superuser."""
    async with admins["customer_index"].begin() as connection:
        result = await connection.execute(text(statement))
        return [*result.all()] if result.returns_rows else []
