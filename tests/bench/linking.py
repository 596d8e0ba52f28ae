"""What it costs to find out whose a record is, for one record and for many at once.

`link_cost` is the time of a PUT of a record through customer-index against that of the least that could be done: a
route that inserts one row in the same kind of transaction. `link_rate` is how many records a second eight clients put
through two processes of it, half of them linked to what was seeded, against what RecordLinker was measured to do on
this kind of machine with as many clients and processes: 117 records a second as it ships, 72 tuned until it found as
much. Those are of FEBRL 4, which is kept apart for acceptance; ours is of FEBRL 3, which has as many records of fewer
people, so that a record has more to be compared with.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from time import perf_counter
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from customer_index.validity import is_nameable
from shared.migrate import socket_url
from shared.permit import HEADER, fingerprint
from single_node.evaluation.datasets import febrl
from single_node.postgres import Server
from tests.bench.caller import Caller, calling
from tests.bench.figures import Figure, ratio_of_medians
from tests.bench.parts import databases, the_least
from tests.bench.turns import by_turns
from tests.builders import MINT, PERMIT_KEYS, write_permit
from tests.conftest import url
from tests.processes import an_api, environment

INDEX: Final = "customer_index"
PROCESSES: Final = 2
CLIENTS: Final = 8
SEEDED: Final = 2000
WARM: Final = 50
TIMES: Final = 400
WAVE: Final = 500
"""Records that eight clients put before permits are signed for the next: a permit lives for a minute."""
SHIPPED: Final = 117
AS_ACCURATE: Final = 72


Said = tuple[str, dict[str, Any]]
"""A record and, before it, its local id."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A request that puts a record, with its permit."""

    target: str
    headers: dict[str, str]
    body: bytes

    async def sent_by(self, caller: Caller) -> None:
        """Put it, and see that it was taken."""
        answer = await caller.call("PUT", self.target, headers=self.headers, body=self.body)
        assert answer.status in (200, 201), answer


async def cost() -> list[Figure]:
    """Put records and insert rows by turns."""
    found = _records()
    async with databases([INDEX]) as server, AsyncExitStack() as stack:
        await _make_rows(server)
        index = await stack.enter_async_context(an_api(INDEX, told(server)))
        least = await stack.enter_async_context(the_least("rows", database_url=url(server, INDEX, "app")))
        for start in range(0, SEEDED, WAVE):
            await put(asserted(found[start : start + WAVE]), addresses=[index.address])
        caller = await stack.enter_async_context(calling(index.address))
        beside = await stack.enter_async_context(calling(least))
        measured = found[SEEDED : SEEDED + WARM + TIMES]
        puts, inserts = iter(asserted(measured)), _inserts(measured)

        async def insert() -> None:
            local_id, body = next(inserts)
            answer = await beside.call("PUT", f"/rows/{local_id}", headers=_JSON, body=body)
            assert answer.status == 201, answer

        works: dict[str, Callable[[], Awaitable[object]]] = {
            "put": lambda: next(puts).sent_by(caller),
            "insert": insert,
        }
        seconds = await by_turns(works, warm=WARM, times=TIMES)
    return [ratio_of_medians("link_cost", seconds["put"], against=seconds["insert"])]


async def rate() -> list[Figure]:
    """Seed one half of FEBRL 3, and put the other with eight clients."""
    found = _records()
    half = len(found) // 2
    async with databases([INDEX]) as server, AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(an_api(INDEX, told(server))) for _ in range(PROCESSES)]
        addresses = [api.address for api in apis]
        seconds = 0.0
        for start in range(0, len(found), WAVE):
            took = await put(asserted(found[start : start + WAVE]), addresses=addresses)
            seconds += took if start >= half else 0.0
    records_per_second = (len(found) - half) / seconds
    beside = {"records_per_second": records_per_second, "clients": float(CLIENTS), "records": float(len(found) - half)}
    return [
        Figure(name="link_rate", value=records_per_second, unit="records/s", beside=beside),
        Figure(name="link_rate_as_shipped", value=records_per_second / SHIPPED, unit="x RecordLinker's 117/s"),
        Figure(name="link_rate_as_accurate", value=records_per_second / AS_ACCURATE, unit="x RecordLinker's 72/s"),
    ]


def told(server: Server) -> dict[str, str]:
    """Give what a process of customer-index is told."""
    return environment(server, INDEX, permit_keys=to_json(PERMIT_KEYS).decode())


def asserted(records: Sequence[Said]) -> list[Assertion]:
    """Make the requests that put some records, each with its local id."""
    permit, at = write_permit("lbhf"), datetime.now(UTC)

    def one(local_id: str, record: dict[str, Any]) -> Assertion:
        target = f"/v1/sources/crm/records/{local_id}"
        token = MINT.mint(permit, audience="customer-index", request=fingerprint("PUT", target), at=at)
        return Assertion(target, {HEADER: token, **_JSON}, to_json(record))

    return [one(local_id, record) for local_id, record in records]


async def put(assertions: Sequence[Assertion], *, addresses: Sequence[str]) -> float:
    """Put records with eight clients, spread over some processes; give the seconds it took."""
    waiting = iter(assertions)
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(calling(addresses[number % len(addresses)])) for number in range(CLIENTS)
        ]
        began = perf_counter()
        await asyncio.gather(*(_put_all(waiting, caller) for caller in callers))
        return perf_counter() - began


_JSON: Final = {"content-type": "application/json"}


async def _put_all(waiting: Iterator[Assertion], caller: Caller) -> None:
    for one in waiting:
        await one.sent_by(caller)


def _records() -> list[Said]:
    """Give the records of FEBRL 3 that name somebody by their local ids, in an order that is no order."""
    (third,) = [dataset for dataset in febrl() if dataset.name == "FEBRL 3"]
    found = [(one.local_id, one.record) for one in third.records if is_nameable(one.record)]
    Random(3).shuffle(found)  # noqa: S311  a repeatable order, not a secret
    return found


def _inserts(records: Sequence[Said]) -> Iterator[tuple[str, bytes]]:
    return iter([(local_id, to_json(record)) for local_id, record in records])


async def _make_rows(server: Server) -> None:
    """Make the table of the API that inserts rows."""
    owner = create_async_engine(socket_url(str(server.sockets), database=INDEX, role="postgres"))
    async with owner.begin() as connection:
        await connection.execute(text("CREATE TABLE least (local_id text PRIMARY KEY, data jsonb)"))
        await connection.execute(text(f"GRANT INSERT ON least TO {INDEX}_app"))
    await owner.dispose()
