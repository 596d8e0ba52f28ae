"""Processes that are killed, and the writers that keep them busy."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.db import Database
from shared.kafka import connection, create_topics, dead_topic
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests import ledger
from tests.faults.process import be, group_of
from tests.forking import Forked, forked_into

WRITERS, ACCOUNTS, TRANSACTIONS = 16, 5, 1600


@dataclass
class Stage:
    """A ledger, a broker, a topic between its two sides, and the processes at work on it."""

    database: Database
    url: str
    settings: KafkaSettings
    topic: str
    processes: list[Forked] = field(default_factory=list)

    async def start(self, role: str, *, member: str = "", after: int = 0) -> Forked:
        """Start a process; it dies by its own hand after so much work, if not 0."""
        environment = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers}
        environment |= {"KAFKA_MEMBER": member} if member else {}
        process = await forked_into(be, role, self.url, self.topic, str(after), environ=environment)
        self.processes.append(process)
        return process

    async def write(self, transactions: int = TRANSACTIONS) -> None:
        """Have all writers tell the hot accounts words, with transactions that overlap."""
        chance = random.Random(7)  # noqa: S311  a repeatable run, not a secret
        turns = iter(range(transactions))

        async def write() -> None:
            for turn in turns:
                account = f"account-{chance.randrange(ACCOUNTS)}"
                seconds = chance.choice((0, 0, 0, 0.01))
                await ledger.tell(self.database, account, str(turn), topic=self.topic, seconds=seconds)

        await asyncio.gather(*(write() for _ in range(WRITERS)))

    async def on_topic(self) -> int:
        """Count the records of the topic, duplicates and all."""
        consumer: Any = AIOKafkaConsumer(**connection(self.settings))
        await consumer.start()
        try:
            partitions = [TopicPartition(self.topic, number) for number in range(self.settings.partitions)]
            return sum((await consumer.end_offsets(partitions)).values())
        finally:
            await consumer.stop()

    async def end(self) -> None:
        """Kill what is left."""
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


@asynccontextmanager
async def a_stage(server: Server, address: str) -> AsyncIterator[Stage]:
    """Set a stage on a broker."""
    settings = KafkaSettings(bootstrap_servers=address, partitions=3, member=None)
    topic = f"scv.test.{uuid4().hex[:8]}"
    await create_topics(settings, [topic, dead_topic(topic, group=group_of(topic))])
    async with ledger.a_ledger(server, pool_size=WRITERS) as made:
        stage = Stage(made.database, made.url, settings, topic)
        try:
            yield stage
        finally:
            await stage.end()


@pytest.fixture
async def stage(server: Server, kafka: str) -> AsyncIterator[Stage]:
    """A stage on the tests' broker."""
    async with a_stage(server, kafka) as stage:
        yield stage


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Have a test's figures printed at the end of the run."""

    def note(finding: ledger.Finding, **more: object) -> None:
        record_property("figures", ", ".join(f"{name} {value}" for name, value in (asdict(finding) | more).items()))

    return note
