"""A platform whose events go over Kafka is lost and restored, beside the Kafka it had and beside a new one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import case_episodes.consumer
import customer_index.consumer
import referrals.consumer
from shared.bus import Handler
from shared.db import Database
from shared.events import CASES, GOVERNANCE, PEOPLE, REFERRALS, Envelope, PersonProtected
from shared.kafka import KafkaBus, create_topics
from shared.kafka_consumer import consume
from shared.relay import relay
from shared.settings import KafkaSettings
from single_node.backup import Kafka
from single_node.backup.positions import FOLLOWS, all_handled
from single_node.backup.restoring import restore_backup
from single_node.postgres import Server
from tests.builders import AT
from tests.faults.restoring import Lost, a_server, addresses, asked, lose, replayed
from tests.gateway.platform import Platform
from tests.gateway.residents import OF_WCC, Resident
from tests.gateway.whole import OUTBOXES, Whole, the_whole_platform
from tests.kafka_broker import NoKafka, give_up, own_broker

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

_WAITING = "SELECT count(*) FROM outbox WHERE published_at IS NULL"


class OverKafka(Whole):
    """The platform with relays and consumers at work."""

    def __init__(self, platform: Platform, workers: Mapping[str, Database], *, kafka: KafkaSettings) -> None:
        super().__init__(platform, workers)
        self.kafka = kafka

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """Give the handlers of each group."""
        of_cases, of_referrals = self.workers["case_episodes"], self.workers["referrals"]
        return {
            "customer-index": {GOVERNANCE: customer_index.consumer.governance_consumer(self.workers["customer_index"])},
            "case-episodes": {
                PEOPLE: case_episodes.consumer.people_consumer(of_cases),
                REFERRALS: case_episodes.consumer.referrals_consumer(of_cases),
            },
            "referrals": {
                GOVERNANCE: referrals.consumer.governance_consumer(of_referrals, clock=lambda: AT),
                PEOPLE: referrals.consumer.people_consumer(of_referrals),
                REFERRALS: referrals.consumer.referral_consumer(of_referrals, clock=lambda: AT),
            },
        }

    async def settle(self) -> None:
        """Have relays and consumers work until nothing is left to do."""
        async with self._at_work():
            busy = True
            while busy:
                busy = await self.link()
                for service in OUTBOXES:
                    while await self._waits(service):
                        busy = True
                        await asyncio.sleep(0.05)
                assert await all_handled(self.kafka)

    async def _waits(self, service: str) -> bool:
        async with self.workers[service].transaction() as tx:
            return bool((await tx.exec_driver_sql(_WAITING)).scalar_one())

    @asynccontextmanager
    async def _at_work(self) -> AsyncIterator[None]:
        await create_topics(self.kafka, [GOVERNANCE, PEOPLE, REFERRALS, CASES])
        buses = [KafkaBus(self.kafka) for _ in OUTBOXES]
        works = [
            relay(self.workers[service], bus, outbox=outbox)
            for bus, (service, outbox) in zip(buses, OUTBOXES.items(), strict=True)
        ]
        works += [consume(self.kafka, group=group, handlers=handlers) for group, handlers in self.handlers().items()]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for bus in buses:
                await bus.close()


def settings_of(address: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=address, partitions=1, member=None)


async def recover(lost: Lost, server: Server, kafka: Kafka, settings: KafkaSettings) -> None:
    """Restore, replay, have everything told again, and see that all agree."""
    await restore_backup(addresses(server), lost.backup, kafka=kafka, settings=settings)
    await replayed(server, "customer_index", lost.ledgers)
    async with the_whole_platform(server, carried=partial(OverKafka, kafka=settings)) as whole:
        await whole.settle()
        await replayed(server, "gateway", lost.ledgers)
        await whole.settle()
        person = lost.residents["quilla"]
        assert (await whole.call("GET", f"/v1/people/{person.person_id}", OF_WCC)).status_code == 404
    ludo, thandeka = lost.residents["ludo"].record_id, lost.residents["thandeka"].record_id
    for service in ("case_episodes", "referrals"):
        told = "SELECT (SELECT {0} FROM guarded_records WHERE record_id = '{1}')"
        assert await asked(server, service, told.format("sealed", ludo)) is True
        assert await asked(server, service, told.format("protected", thandeka)) is False
    assert await asked(server, "referrals", "SELECT count(*) FROM agreements WHERE status = 'suspended'") == 1
    for service in ("case_episodes", "customer_index", "referrals"):
        assert await asked(server, service, "SELECT count(*) FROM parked") == 0, "no event is missing before another"


async def test_a_platform_is_restored_beside_the_kafka_it_had_and_beside_a_new_one(tmp_path: Path) -> None:
    try:
        async with own_broker() as broker:
            kept = settings_of(broker.address)
            lost = await lose(tmp_path, carried=partial(OverKafka, kafka=kept), kafka=kept)
            await tell_of_the_lost_time(lost.residents["ludo"], kept)
            with a_server() as server, pytest.raises(AssertionError, match="assert False is True"):
                # The control: positions that are left where they were lose the seal.
                await recover(lost, server, Kafka.NONE, kept)
            with a_server() as server:
                await recover(lost, server, Kafka.KEPT, kept)
        async with own_broker() as broker:
            with a_server() as server:
                await recover(lost, server, Kafka.EMPTY, settings_of(broker.address))
    except NoKafka as reason:
        give_up(reason)


async def tell_of_the_lost_time(resident: Resident, kafka: KafkaSettings) -> None:
    """Have Kafka hold events that nobody has read, under numbers that are given out again after the restore."""
    event = PersonProtected(records=[UUID(resident.record_id)], protected=False, sealed=False)
    envelopes = [
        Envelope(
            id=uuid4(),
            source="/customer-index",
            type=event.type,
            topic=PEOPLE,
            subject=resident.person_id,
            aggregate_version=version,
            owner="lbhf",
            txn=uuid4(),
            time=AT,
            data=event.model_dump(mode="json"),
        )
        for version in range(1, 50)
    ]
    bus = KafkaBus(kafka)
    await bus.publish(envelopes)
    await bus.close()


def test_the_groups_that_are_set_are_those_that_follow() -> None:
    names: dict[str, Any] = dict.fromkeys(OUTBOXES)
    followed = {group: set(handlers) for group, handlers in OverKafka(None, names, kafka=None).handlers().items()}  # type: ignore[arg-type]

    assert followed == {group: set(topics) for group, topics in FOLLOWS.items()}
