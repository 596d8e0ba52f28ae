"""What a partner hears on its own Kafka topic, by a plain client that knows nothing of us."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from referrals.consumer import referral_consumer
from referrals.tables import outbox
from shared.events import REFERRALS, partner_topic
from shared.kafka import KafkaBus, create_topics
from shared.kafka_consumer import consume
from shared.relay import relay
from shared.settings import KafkaSettings
from tests.referrals.conftest import ENTRIES, Desk

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]


async def heard_by(partner: str, settings: KafkaSettings, *, at_least: int) -> list[Any]:
    """Give the records of a partner's topic once there are so many."""
    client: Any = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers)
    await client.start()
    try:
        client.assign([TopicPartition(partner_topic(partner), number) for number in range(settings.partitions)])
        await client.seek_to_beginning()
        records: list[Any] = []
        async with asyncio.timeout(30):
            while len(records) < at_least:
                for some in (await client.getmany(timeout_ms=200)).values():
                    records += some
        return records
    finally:
        await client.stop()


async def test_a_partner_reads_of_its_referrals_in_its_own_sequence_and_of_nobody(desk: Desk, kafka: str) -> None:
    partner, service = f"shelter-{uuid4().hex[:6]}", uuid4()
    settings = KafkaSettings(bootstrap_servers=kafka)
    await create_topics(settings, [REFERRALS, partner_topic(partner)])
    bus = KafkaBus(settings)
    handlers = {REFERRALS: referral_consumer(desk.worker, clock=lambda: desk.at)}
    at_work = [
        asyncio.ensure_future(relay(desk.worker, bus, outbox=outbox)),
        asyncio.ensure_future(consume(settings, group=f"referrals-{uuid4().hex[:6]}", handlers=handlers)),
    ]
    try:
        await desk.enter(service, org=partner)
        asked: dict[str, Any] = {"service_id": str(service), "need": "a bed and nobody else's business"}
        made = [await desk.ask_to_refer(**asked) for _ in range(2)]
        records = await heard_by(partner, settings, at_least=2)
    finally:
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        await bus.close()

    told = [json.loads(record.value) for record in records]
    assert {one["referral_id"] for one in told} == {answered.json()["referral_id"] for answered in made}
    assert [(one["sequence"], one["status"]) for one in told] == [(1, "sent"), (2, "sent")]
    assert {record.key for record in records} == {partner.encode()}
    everything = b"".join(record.value + b"".join(value for _, value in record.headers) for record in records)
    for entry in ENTRIES:
        assert entry["value"][0].encode() not in everything
    assert b"nobody else" not in everything
