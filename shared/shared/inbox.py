"""The inbox: each event of an aggregate takes effect once, in order, in each database.

The row that says so is written in the transaction of the effect, so that a crash between the two cannot be. An event
that comes ahead of its time, because one before it is missing or failed, is parked until its turn comes.

    seen → pass over      next → take effect      ahead → park and alarm      fails again and again → park and condemn
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import structlog
from sqlalchemy import (
    Column,
    DateTime,
    Exists,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from shared.bus import Condemned, Handler
from shared.cloudevents import traced
from shared.db import Database, Transaction, is_transient
from shared.events import Envelope

Effect = Callable[[Transaction, Envelope], Awaitable[None]]
"""What an event changes in the service that takes it in, inside the transaction it is given."""

_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 0.1

_SOURCE: Final = bindparam("its_source", type_=Text())
_SUBJECT: Final = bindparam("its_subject", type_=Text())
_VERSION: Final = bindparam("its_version", type_=Integer())

log = structlog.get_logger()


def inbox_table(metadata: MetaData) -> Table:
    """Declare a service's inbox: the version each aggregate has come to here."""
    return Table(
        "inbox",
        metadata,
        Column("source", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("version", Integer, nullable=False),
    )


def parked_table(metadata: MetaData) -> Table:
    """Declare where a service keeps events that cannot take effect yet; `error` is set for those that failed."""
    return Table(
        "parked",
        metadata,
        Column("source", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("topic", Text, nullable=False),
        Column("envelope", JSONB, nullable=False),
        Column("error", Text),
        Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def once(database: Database, effect: Effect, *, inbox: Table, parked: Table) -> Handler:
    """Make the handler by which events take effect once and in order; `database` is the worker's.

    It raises `Condemned` for an event that was parked because its effect fails, and lets through what is the
    database's fault, after which the event has to be handed over again.
    """
    return _Intake(database, effect, inbox, parked)


async def redrive(database: Database, *, parked: Table, handlers: Mapping[str, Handler]) -> int:
    """Hand events that failed to the handlers of their topics again, in order; give how many still fail.

    What waits behind one that succeeds takes effect with it.
    """
    failed = select(parked.c.envelope).where(parked.c.error.is_not(None), parked.c.topic.in_(handlers))
    async with database.transaction() as tx:
        waiting = (
            (await tx.execute(failed.order_by(parked.c.source, parked.c.subject, parked.c.version))).scalars().all()
        )
    condemned = 0
    for envelope in map(Envelope.model_validate, waiting):
        try:
            await handlers[envelope.topic](envelope)
        except Condemned:
            condemned += 1
    log.info("redriven", events=len(waiting), condemned=condemned)
    return condemned


@dataclass(frozen=True, slots=True)
class _Intake:
    database: Database
    effect: Effect
    inbox: Table
    parked: Table

    async def __call__(self, envelope: Envelope) -> None:
        if await self._insist(envelope):
            await self._release(envelope)

    async def _insist(self, envelope: Envelope) -> bool:
        with traced(envelope, "process"):
            return await self._try(envelope)

    async def _try(self, envelope: Envelope) -> bool:
        """Take an event in; condemn it if its effect fails again and again. Tell whether others may wait for it."""
        failure: Exception | None = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS)
            try:
                async with self.database.transaction() as tx:
                    return await self._take_in(tx, envelope)
            except Exception as error:
                if is_transient(error):
                    raise
                log.warning("event failed", **_named(envelope), exc_info=error)
                failure = error
        error_class = type(failure).__name__
        async with self.database.transaction() as tx:
            await self._park(tx, envelope, error=error_class)
        log.error("event condemned", **_named(envelope), error=error_class)
        raise Condemned(envelope, error=error_class) from failure

    async def _take_in(self, tx: Transaction, envelope: Envelope) -> bool:
        others_wait = await self._turn_comes(tx, envelope)
        if others_wait is not None:
            await self.effect(tx, envelope)
            if others_wait:
                await self._clear(tx, envelope, version=envelope.aggregate_version)
            return others_wait
        here = select(self.inbox.c.version).where(*_same_aggregate(self.inbox, envelope))
        version = (await tx.execute(here)).scalar_one_or_none() or 0
        if envelope.aggregate_version > version:
            await self._park(tx, envelope, error=None)
            log.error("event ahead of its time", **_named(envelope), after=version)
            return True
        await self._clear(tx, envelope, version=version)
        return bool((await tx.execute(select(self._any_parked(envelope)))).scalar_one())

    async def _turn_comes(self, tx: Transaction, envelope: Envelope) -> bool | None:
        """Note the aggregate's version if it is the next one, and tell whether any event of it is parked; else None.

        Concurrent takers of one event wait here for each other, and only the first finds it to be the next.
        """
        turn = _first_turn if envelope.aggregate_version == 1 else _next_turn
        of = {"its_source": envelope.source, "its_subject": envelope.subject, "its_version": envelope.aggregate_version}
        return (await tx.execute(turn(self.inbox, self.parked), of)).scalar_one_or_none()

    async def _release(self, envelope: Envelope) -> None:
        """Take in what was parked for this aggregate and whose turn has come, each in a transaction of its own."""
        here = select(self.inbox.c.version).where(*_same_aggregate(self.inbox, envelope)).scalar_subquery()
        following = select(self.parked.c.envelope).where(
            *_same_aggregate(self.parked, envelope),
            self.parked.c.version == func.coalesce(here, 0) + 1,
            self.parked.c.error.is_(None),
        )
        while True:
            async with self.database.transaction() as tx:
                found = (await tx.execute(following)).scalar_one_or_none()
            if found is None:
                return
            await self._insist(Envelope.model_validate(found))

    async def _park(self, tx: Transaction, envelope: Envelope, *, error: str | None) -> None:
        row = insert(self.parked).values(
            source=envelope.source,
            subject=envelope.subject,
            version=envelope.aggregate_version,
            topic=envelope.topic,
            envelope=envelope.model_dump(mode="json"),
            error=error,
        )
        await tx.execute(
            row.on_conflict_do_update(index_elements=["source", "subject", "version"], set_={"error": error})
        )

    def _any_parked(self, envelope: Envelope) -> Exists:
        return exists().where(*_same_aggregate(self.parked, envelope))

    async def _clear(self, tx: Transaction, envelope: Envelope, *, version: int) -> None:
        done = delete(self.parked).where(*_same_aggregate(self.parked, envelope), self.parked.c.version <= version)
        await tx.execute(done)


@cache
def _first_turn(inbox: Table, parked: Table) -> Any:
    """Make the statement by which an aggregate is noted for the first time; made once, for every event needs it."""
    first = insert(inbox).values(source=_SOURCE, subject=_SUBJECT, version=_VERSION)
    return first.on_conflict_do_nothing().returning(_parked_of_it(parked))


@cache
def _next_turn(inbox: Table, parked: Table) -> Any:
    """Make the statement by which an aggregate's next version is noted."""
    its_last = (inbox.c.source == _SOURCE, inbox.c.subject == _SUBJECT, inbox.c.version == _VERSION - 1)
    return update(inbox).where(*its_last).values(version=_VERSION).returning(_parked_of_it(parked))


def _parked_of_it(parked: Table) -> Exists:
    return exists().where(parked.c.source == _SOURCE, parked.c.subject == _SUBJECT)


def _same_aggregate(table: Table, envelope: Envelope) -> tuple[Any, Any]:
    return table.c.source == envelope.source, table.c.subject == envelope.subject


def _named(envelope: Envelope) -> dict[str, Any]:
    return {
        "type": envelope.type,
        "source": envelope.source,
        "subject": envelope.subject,
        "version": envelope.aggregate_version,
    }
