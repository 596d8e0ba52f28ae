"""What every service runs: its API, its relay, its consumer, its migrations, its topics.

In this room: a service described once, and the processes that follow from it. Not in this room: work of its own
(`jobs`), which its `__main__.py` adds, and how a process starts and ends (`processes`).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import Table, make_url

from shared import inbox
from shared.bus import Handler
from shared.db import Database
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume, redrive_unreadable
from shared.ledger import Kept
from shared.metrics import ConsumerMetrics, RelayMetrics, keep_reading, new_registry, watch_progress
from shared.migrate import migrate, provision, require_ready
from shared.operations import answering
from shared.processes import Work, serve, together
from shared.progress import Operations
from shared.relay import relay
from shared.replaying import replay
from shared.settings import (
    KafkaSettings,
    LedgerSettings,
    OwnerSettings,
    ProvisionSettings,
    ServiceSettings,
    WorkerSettings,
)
from shared.shipping import ShippingMetrics, ship
from shared.sink import sink_at

_WORKER_CONNECTIONS: Final = 4
_CONSUMER_PATIENCE_SECONDS: Final = 120.0
"""Longer than the slowest effect of an event, tried as often as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its name, which is also the audience of its permits and its consumer group, and what it is made of.

    `handlers` makes, for the worker's database, the handler of each topic it follows; `publishes` are the topics its
    own events go to; `kept` is its ledger, if it decides who may see what.
    """

    name: str
    settings: type[ServiceSettings]
    create_app: Callable[[Any], FastAPI]
    outbox: Table
    publishes: Sequence[str]
    parked: Table | None = None
    handlers: Callable[[Database], Mapping[str, Handler]] | None = None
    kept: Kept | None = None

    @property
    def package(self) -> str:
        """The import package, whose name is the database's too."""
        return self.name.replace("-", "_")

    @asynccontextmanager
    async def worker(self, process: str) -> AsyncIterator[Database]:
        """Open the database as the worker role, for a process of this name that comes to an end."""
        async with self._opened(WorkerSettings(_env_prefix=self._prefix), process) as worker:
            yield worker

    @asynccontextmanager
    async def lasting(self, process: str) -> AsyncIterator[tuple[Database, Operations]]:
        """Open the database as the worker role, for a process of this name that goes on, and answer for it.

        Whoever does its works registers their progress and metrics with the operations given.
        """
        settings = WorkerSettings(_env_prefix=self._prefix)
        async with self._opened(settings, process) as worker:
            operations = Operations(new_registry(service=self.name, process=process, database=worker))
            watch_progress(operations.registry, operations.works)
            ready = partial(require_ready, worker, self.package)
            host, port = settings.operations_host, settings.operations_port
            async with answering(operations, ready=ready, host=host, port=port):
                yield worker, operations

    @asynccontextmanager
    async def _opened(self, settings: WorkerSettings, process: str) -> AsyncIterator[Database]:
        name = f"{self.name} {process}"
        worker = Database(settings.worker_database_url, pool_size=_WORKER_CONNECTIONS, name=name)
        try:
            yield worker
        finally:
            await worker.close()

    def processes(self) -> dict[str, Work]:
        """Give the processes by the names under which they are started.

        Only `provision` is told how to connect as a superuser, and only it and `migrate` as the owner of the schema;
        only `relay`, `consumer`, `topics` and `redrive` need Kafka, only `ledger` and `replay` the ledger off-site.
        """
        always: dict[str, Work] = {
            "api": self._api,
            "relay": self._relay,
            "provision": self._provision,
            "migrate": self._migrate,
            "topics": self._topics,
        }
        if self.handlers is not None:
            always |= {"consumer": self._consumer, "redrive": self._redrive}
        if self.kept is not None:
            always |= {"ledger": partial(self._ledger, self.kept), "replay": partial(self._replay, self.kept)}
        return always

    async def _api(self) -> None:
        settings = self.settings()
        await serve(self.create_app(settings), settings)

    async def _relay(self) -> None:
        bus = KafkaBus(KafkaSettings())
        try:
            async with self.lasting("relay") as (worker, operations):
                metrics = RelayMetrics(operations.registry)
                await together(
                    relay(worker, bus, outbox=self.outbox, progress=operations.progress("relay"), metrics=metrics),
                    keep_reading(operations.registry, metrics.reading(worker, outbox=self.outbox)),
                )
        finally:
            await bus.close()

    async def _consumer(self) -> None:
        async with self.lasting("consumer") as (worker, operations):
            progress = operations.progress("consumer", patience_seconds=_CONSUMER_PATIENCE_SECONDS)
            metrics = ConsumerMetrics(operations.registry)
            readings = () if self.parked is None else (metrics.reading(worker, parked=self.parked),)
            await together(
                consume(
                    KafkaSettings(),
                    group=self.name,
                    handlers=self._follows(worker),
                    progress=progress,
                    metrics=metrics,
                ),
                keep_reading(operations.registry, *readings),
            )

    async def _provision(self) -> None:
        """Make the database and the roles that the addresses name, with the passwords they hold."""
        settings = ProvisionSettings(_env_prefix=self._prefix)
        urls = (settings.database_url, settings.worker_database_url, settings.owner_database_url)
        addresses = [make_url(url) for url in urls]
        passwords = {str(one.username): one.password for one in addresses if one.password is not None}
        await provision(settings.admin_database_url, service=self.package, passwords=passwords)

    async def _migrate(self) -> None:
        settings = OwnerSettings(_env_prefix=self._prefix)
        await migrate(self.package, settings.owner_database_url)

    async def _ledger(self, kept: Kept) -> None:
        sink = sink_at(LedgerSettings(_env_prefix=self._prefix).ledger_url)
        async with self.lasting("ledger") as (worker, operations):
            metrics = ShippingMetrics(operations.registry)
            await together(
                ship(worker, sink, ledger=kept.ledger, progress=operations.progress("ledger"), metrics=metrics),
                keep_reading(operations.registry, metrics.reading(worker, ledger=kept.ledger)),
            )

    async def _replay(self, kept: Kept) -> None:
        sink = sink_at(LedgerSettings(_env_prefix=self._prefix).ledger_url)
        owner_url = OwnerSettings(_env_prefix=self._prefix).owner_database_url
        owner = Database(owner_url, pool_size=1, name=f"{self.name} replay")
        try:
            await replay(owner, sink, kept=kept)
        finally:
            await owner.close()

    @property
    def _prefix(self) -> str:
        return self.settings.model_config["env_prefix"]

    async def _topics(self) -> None:
        async with self.worker("topics") as worker:
            followed = self._follows(worker).keys()
        dead = [dead_topic(topic, group=self.name) for topic in followed]
        await create_topics(KafkaSettings(), list(dict.fromkeys([*self.publishes, *followed, *dead])))

    async def _redrive(self) -> None:
        kafka = KafkaSettings()
        async with self.worker("redrive") as worker:
            handlers = self._follows(worker)
            if self.parked is not None:
                await inbox.redrive(worker, parked=self.parked, handlers=handlers)
            await redrive_unreadable(kafka, group=self.name, handlers=handlers)

    def _follows(self, worker: Database) -> Mapping[str, Handler]:
        return {} if self.handlers is None else self.handlers(worker)
