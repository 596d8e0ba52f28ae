"""A platform at work: its gateway, its database server, each service's schema, and what waits in the background."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.queries.sealing import seal_age
from shared.db import Database, Transaction
from shared.migrate import require_head, socket_url
from single_node.doctor.finding import Finding, by_age, ok, unchecked, warning, wrong
from single_node.lodging import ServerTrouble
from single_node.place import Announcement, Place
from single_node.postgres import Server

SERVICES: Final = ("case_episodes", "customer_index", "gateway", "referrals")

_SECONDS: Final = 10
_LOADS_WAITING: Final = 20
_LINKS_WAITING: Final = 5000

_KEEPS_A_LEDGER: Final = text("SELECT to_regprocedure('is_open()') IS NOT NULL")
_IS_OPEN: Final = text("SELECT is_open()")
_OLDEST_EVENT: Final = text("SELECT min(time) FROM outbox WHERE published_at IS NULL")
_PARKED: Final = text(
    "SELECT count(*) FILTER (WHERE error IS NOT NULL) AS failed, count(*) FILTER (WHERE error IS NULL) AS early"
    " FROM parked"
)
_LOADS: Final = text("SELECT count(*) FROM loads WHERE status IN ('queued', 'running')")
_LINKS: Final = text("SELECT count(*) FROM link_queue")
_REVIEWS: Final = text("SELECT count(*) FROM emergency_accesses WHERE reviewed_at IS NULL AND review_due <= :at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedies:
    """What mends things, which depends on the form of deployment."""

    schema: str
    relay: str
    redrive: str
    sealing: str
    database: str
    closed: str


NODE: Final = Remedies(
    schema="stop the node (Ctrl-C) and make run, which brings every schema to its head",
    relay="the node's log lines `relay failed` and `event failed` say why; when that is mended, stop the node (Ctrl-C)"
    " and make run: what waits is published then",
    redrive="the node's log lines `event condemned` and `event ahead of its time` name the events and what failed;"
    " nothing is lost, and later events of the same subject wait behind them",
    sealing="the node's log line `sealing failed` says why; stop the node (Ctrl-C) and make run",
    database="stop the node (Ctrl-C) and make run, which makes what is missing",
    closed="stop the node (Ctrl-C) and make run, which opens it",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One service's database, as its worker role, the time of asking, and what mends it."""

    service: str
    tx: Transaction
    at: datetime
    remedies: Remedies

    @property
    def name(self) -> str:
        """The service's name as people write it."""
        return self.service.replace("_", "-")


async def look_at_gateway(url: str) -> AsyncIterator[Finding]:
    """Judge whether the gateway lives and is ready."""
    async with httpx.AsyncClient(base_url=url, timeout=_SECONDS) as http:
        for path, what in (("/livez", "is alive"), ("/readyz", "is ready")):
            name = f"gateway {path}"
            try:
                answer = await http.get(path)
            except httpx.HTTPError as error:
                yield wrong(
                    name,
                    f"{url} does not answer ({type(error).__name__})",
                    remedy="the node's log says why; stop it (Ctrl-C) and make run",
                )
                return
            if answer.is_success:
                yield ok(name, f"{url} {what}")
            else:
                yield wrong(name, f"answers {answer.status_code}", remedy="the node's log line `not ready` says why")


async def look_at_server(place: Place, announcement: Announcement) -> Finding:
    """Judge whether the server behind the announced socket runs, and on the data of this place."""
    server = Server(data=place.postgres.resolve() / "data", sockets=Path(announcement.sockets), pid=announcement.pid)
    remedy = "stop the node (Ctrl-C) and make run; the end of its postgres/log says what happened"
    try:
        await server.require_own()
    except ServerTrouble as trouble:
        return wrong("PostgreSQL", str(trouble), remedy=remedy)
    except (OSError, PostgresError) as error:
        return wrong("PostgreSQL", f"it does not answer ({type(error).__name__})", remedy=remedy)
    return ok("PostgreSQL", "it runs, on the data of this directory")


async def look_at_services(announcement: Announcement) -> AsyncIterator[Finding]:
    """Judge each service's database behind a node."""
    for service in SERVICES:
        url = socket_url(announcement.sockets, database=service, role=f"{service}_worker")
        async for finding in look_at_database(service, url, remedies=NODE):
            yield finding


async def look_at_database(service: str, url: str, *, remedies: Remedies) -> AsyncIterator[Finding]:
    """Judge a service's schema and clock, and what waits in it; a database that cannot be asked is wrong.

    `url` is of the worker role.
    """
    try:
        async with _asked(service, url, remedies=remedies) as asked:
            schema = await _schema(asked)
            yield schema
            if schema.remedy:
                name = f"work of {asked.name}"
                yield unchecked(name, "its schema is another version's", remedy="mend the schema first")
                return
            if service == "gateway":
                yield await _clock(asked)
            async for finding in _opening(asked):
                yield finding
            async for finding in _work(asked):
                yield finding
    except (OSError, SQLAlchemyError, PostgresError) as error:
        name = f"database of {service.replace('_', '-')}"
        yield wrong(name, f"it cannot be asked ({type(error).__name__})", remedy=remedies.database)


@asynccontextmanager
async def _asked(service: str, url: str, *, remedies: Remedies) -> AsyncIterator[Asked]:
    database = Database(url, pool_size=1, name="scv doctor")
    try:
        async with database.transaction() as tx:
            yield Asked(service, tx, datetime.now(UTC), remedies)
    finally:
        await database.close()


async def _schema(asked: Asked) -> Finding:
    name = f"schema of {asked.name}"
    try:
        await require_head(asked.tx, asked.service)
    except RuntimeError as behind:
        return wrong(name, str(behind).partition(":")[0], remedy=asked.remedies.schema)
    return ok(name, "at its head")


async def _opening(asked: Asked) -> AsyncIterator[Finding]:
    """Judge whether a database that keeps a ledger may be used."""
    if (await asked.tx.execute(_KEEPS_A_LEDGER)).scalar_one() and not (await asked.tx.execute(_IS_OPEN)).scalar_one():
        yield wrong(
            f"database of {asked.name}",
            "it is closed: started again or restored, and its ledger not replayed",
            remedy=asked.remedies.closed,
        )


async def _clock(asked: Asked) -> Finding:
    told = (await asked.tx.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return judge_clock((datetime.now(UTC) - told).total_seconds())


def judge_clock(seconds: float) -> Finding:
    """Judge how far our clock is ahead of the database's; signed calls live for a minute."""
    told = f"ours is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} the database's"
    remedy = "set the time of both machines by one source (timedatectl set-ntp true)"
    if abs(seconds) < 1:
        return ok("clock", told)
    return (warning if abs(seconds) < 5 else wrong)("clock", told, remedy=remedy)


async def _work(asked: Asked) -> AsyncIterator[Finding]:
    oldest = (await asked.tx.execute(_OLDEST_EVENT)).scalar_one()
    age = 0.0 if oldest is None else max(0.0, (asked.at - oldest).total_seconds())
    yield by_age(
        f"outbox of {asked.name}", age, of="the oldest unpublished event", bounds=(10, 60), remedy=asked.remedies.relay
    )
    if asked.service != "gateway":
        yield _judge_parked(asked, (await asked.tx.execute(_PARKED)).one())
    if asked.service == "customer_index":
        yield _judge_count(
            "loads", await _count(asked, _LOADS), _LOADS_WAITING, "wait for one another: the node takes them one by one"
        )
        yield _judge_count(
            "links", await _count(asked, _LINKS), _LINKS_WAITING, "the log line `links failed` says if they do not move"
        )
    if asked.service == "gateway":
        yield by_age(
            "audit",
            await seal_age(asked.tx, at=asked.at),
            of="the oldest row not yet sealed",
            bounds=(30, 300),
            remedy=asked.remedies.sealing,
        )
        overdue = await _count(asked, _REVIEWS, at=asked.at)
        yield (
            warning(
                "emergency accesses",
                f"{overdue} are overdue for review",
                remedy="the owners' ig-leads close them: POST /v1/emergency-access/ID/review",
            )
            if overdue
            else ok("emergency accesses", "no review is overdue")
        )


async def _count(asked: Asked, statement: Any, **values: Any) -> int:
    return int((await asked.tx.execute(statement, values)).scalar_one())


def _judge_parked(asked: Asked, counts: Any) -> Finding:
    name = f"events parked by {asked.name}"
    if counts.failed:
        return wrong(name, f"{counts.failed} failed and {counts.early} wait behind them", remedy=asked.remedies.redrive)
    if counts.early:
        return warning(name, f"{counts.early} wait for one that has not come", remedy=asked.remedies.redrive)
    return ok(name, "none")


def _judge_count(what: str, count: int, most: int, remedy: str) -> Finding:
    told = f"{count} wait or are under way" if count else "nothing waits"
    return warning(what, told, remedy=remedy) if count > most else ok(what, told)
