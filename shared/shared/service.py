"""What every service runs: its API, its relay, its consumer, its migrations, its topics.

In this room: a service described once, and the processes that follow from it. Not in this room: work of its own
(`jobs`), which its `__main__.py` adds, and how a process starts and ends (`processes`).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import Table, make_url

from shared import inbox
from shared.bus import Handler
from shared.db import Database
from shared.kafka import KafkaBus, create_topics, dead_topic
from shared.kafka_consumer import consume, redrive_unreadable
from shared.migrate import migrate, provision
from shared.processes import Work, serve
from shared.relay import relay
from shared.settings import AdminSettings, KafkaSettings, OwnerSettings, ServiceSettings, WorkerSettings

_WORKER_CONNECTIONS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its name, which is also the audience of its permits and its consumer group, and what it is made of.

    `handlers` makes, for the worker's database, the handler of each topic it follows; `publishes` are the topics its
    own events go to.
    """

    name: str
    settings: type[ServiceSettings]
    create_app: Callable[[Any], FastAPI]
    outbox: Table
    publishes: Sequence[str]
    parked: Table | None = None
    handlers: Callable[[Database], Mapping[str, Handler]] | None = None

    @property
    def package(self) -> str:
        """The import package, whose name is the database's too."""
        return self.name.replace("-", "_")

    @asynccontextmanager
    async def worker(self, process: str) -> AsyncIterator[Database]:
        """Open the database as the worker role, for a process of this name."""
        url = WorkerSettings(_env_prefix=self._prefix).worker_database_url
        worker = Database(url, pool_size=_WORKER_CONNECTIONS, name=f"{self.name} {process}")
        try:
            yield worker
        finally:
            await worker.close()

    def processes(self) -> dict[str, Work]:
        """Give the processes by the names under which they are started.

        Only `provision` is told how to connect as a superuser, and only it and `migrate` as the owner of the schema;
        only `relay`, `consumer`, `topics` and `redrive` need Kafka.
        """
        always: dict[str, Work] = {
            "api": self._api,
            "relay": self._relay,
            "provision": self._provision,
            "migrate": self._migrate,
            "topics": self._topics,
        }
        return always if self.handlers is None else {**always, "consumer": self._consumer, "redrive": self._redrive}

    async def _api(self) -> None:
        settings = self.settings()
        await serve(self.create_app(settings), settings)

    async def _relay(self) -> None:
        bus = KafkaBus(KafkaSettings())
        try:
            async with self.worker("relay") as worker:
                await relay(worker, bus, outbox=self.outbox)
        finally:
            await bus.close()

    async def _consumer(self) -> None:
        async with self.worker("consumer") as worker:
            await consume(KafkaSettings(), group=self.name, handlers=self._follows(worker))

    async def _provision(self) -> None:
        """Make the database and the roles that the addresses name, with the passwords they hold."""
        settings = self.settings()
        urls = (settings.database_url, settings.worker_database_url, self._owner_url())
        addresses = [make_url(url) for url in urls]
        passwords = {str(one.username): one.password for one in addresses if one.password is not None}
        admin = AdminSettings(_env_prefix=self._prefix).admin_database_url
        await provision(admin, service=self.package, passwords=passwords)

    async def _migrate(self) -> None:
        await migrate(self.package, self._owner_url())

    @property
    def _prefix(self) -> str:
        return self.settings.model_config["env_prefix"]

    def _owner_url(self) -> str:
        return OwnerSettings(_env_prefix=self._prefix).owner_database_url

    async def _topics(self) -> None:
        async with self.worker("topics") as worker:
            followed = self._follows(worker).keys()
        dead = [dead_topic(topic, group=self.name) for topic in followed]
        await create_topics(KafkaSettings(), list(dict.fromkeys([*self.publishes, *followed, *dead])))

    async def _redrive(self) -> None:
        async with self.worker("redrive") as worker:
            handlers = self._follows(worker)
            if self.parked is not None:
                await inbox.redrive(worker, parked=self.parked, handlers=handlers)
            await redrive_unreadable(KafkaSettings(), group=self.name, handlers=handlers)

    def _follows(self, worker: Database) -> Mapping[str, Handler]:
        return {} if self.handlers is None else self.handlers(worker)
