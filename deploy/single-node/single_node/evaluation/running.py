"""The real matching, run over a data set: records asserted as loads assert them, links decided as the worker does.

Each data set gets a throw-away database of its own, with customer-index's schema, roles and row-level security.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from time import perf_counter
from typing import Final
from uuid import uuid4

from pydantic import ValidationError
from sqlalchemy import text

from customer_index.commands.link import link_waiting
from customer_index.commands.records import assert_records
from customer_index.consumer import governance_consumer
from customer_index.model import load_model
from customer_index.preparation import Assertion, Prepared, prepare
from customer_index.schemas import NewRecord
from shared.categories import AREA_CLASS
from shared.db import Context, Database
from shared.events import AgreementChanged, Envelope, LinkageFlow
from shared.migrate import migrate, provision, socket_url
from shared.permit import SourceFacts
from shared.problems import Problem
from single_node.demo.evaluator import evaluator_of
from single_node.demo.quality import Matching
from single_node.evaluation.datasets import DataSet
from single_node.lodging import short_lived_directory
from single_node.place import Announcement, Place
from single_node.population import OWNERS, Extracted
from single_node.postgres import Durability, Server, running

_SERVICE: Final = "customer_index"
_BATCH: Final = 100
_AT: Final = datetime(2026, 6, 1, tzinfo=UTC)
_AREAS: Final = {"crm": "customer-services"}
"""The service areas of sources that are not named after theirs."""
_REVIEWS: Final = text("SELECT count(*) FROM reviews")

Advance = Callable[[int], None]
"""Told how many more records were taken in."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the platform made of a data set: persons and links, reviews raised, records refused, and the time taken."""

    matching: Matching
    reviews: int
    refused: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Index:
    """customer-index without its HTTP side: its database as both of its roles."""

    app: Database
    worker: Database


def run_over(dataset: DataSet, *, advance: Advance) -> Outcome:
    """Take in and link a data set, on a database that is gone afterwards. Raises `ServerTrouble`."""
    with (
        short_lived_directory("scv-evaluation-") as directory,
        running(directory / "postgres", durability=Durability.THROW_AWAY) as server,
        Place(directory).announced(Announcement(os.getpid(), "", str(server.sockets))),
    ):
        worked = asyncio.run(_work(dataset, server, advance=advance))
        return Outcome(evaluator_of(Place(directory)).matching(), *worked)


async def _work(dataset: DataSet, server: Server, *, advance: Advance) -> tuple[int, int, float]:
    """Give reviews raised, records refused and seconds taken."""
    await server.require_own()
    await provision(server.admin_dsn, service=_SERVICE)
    await migrate(_SERVICE, _url(server, "owner"))
    async with _index(server) as index:
        started = perf_counter()
        refused = 0
        for (owner, source), records in _extracts(dataset).items():
            refused += await _take_in(index, records, owner=owner, source=source, advance=advance)
        await _link(index)
        return await _count_reviews(index), refused, perf_counter() - started


@asynccontextmanager
async def _index(server: Server) -> AsyncIterator[_Index]:
    index = _Index(*(Database(_url(server, role), pool_size=1, name="evaluation") for role in ("app", "worker")))
    try:
        yield index
    finally:
        await index.app.close()
        await index.worker.close()


def _extracts(dataset: DataSet) -> dict[tuple[str, str], list[Extracted]]:
    gathered: dict[tuple[str, str], list[Extracted]] = {}
    for item in dataset.records:
        gathered.setdefault((item.owner, item.source), []).append(item)
    return gathered


async def _take_in(index: _Index, records: Sequence[Extracted], *, owner: str, source: str, advance: Advance) -> int:
    """Assert an extract, batch by batch as a load does; give how many of its records were refused."""
    area = _AREAS.get(source, source)
    by = Assertion(owner=owner, source=SourceFacts(source, area, 50, "shared", None), txn=uuid4(), at=_AT)
    model = load_model()
    refused = 0
    for start in range(0, len(records), _BATCH):
        batch = [_prepared(item) for item in records[start : start + _BATCH]]
        good = [one for one in batch if one is not None]
        async with index.app.transaction(_context(owner, by.scope)) as tx:
            await assert_records(tx, good, by=by, model=model)
        refused += len(batch) - len(good)
        advance(len(batch))
    return refused


def _prepared(item: Extracted) -> Prepared | None:
    try:
        return prepare(item.source, item.local_id, NewRecord.model_validate(item.record))
    except (ValidationError, Problem):
        return None


async def _link(index: _Index) -> None:
    """Let every two owners be compared, as an agreement's event would, and decide all links."""
    flows = [
        LinkageFlow(provider=one, recipient=other, service_areas=list(AREA_CLASS))
        for one, other in permutations(OWNERS, 2)
    ]
    agreement_id = uuid4()
    agreed = AgreementChanged(
        agreement_id=agreement_id,
        version=1,
        status="active",
        valid_from=_AT - timedelta(days=1),
        valid_until=_AT + timedelta(days=1),
        linkage=flows,
    )
    await governance_consumer(index.worker)(
        Envelope(
            id=uuid4(),
            source="/gateway",
            type=agreed.type,
            topic=agreed.topic,
            subject=str(agreement_id),
            aggregate_version=1,
            owner=OWNERS[0],
            txn=uuid4(),
            time=_AT,
            data=agreed.model_dump(mode="json"),
        )
    )
    while True:
        async with index.worker.transaction() as tx:
            if not await link_waiting(tx, model=load_model(), at=_AT):
                return


async def _count_reviews(index: _Index) -> int:
    """Count what waits for a steward: inside each owner, and between owners."""
    found = 0
    for owner in OWNERS:
        async with index.app.transaction(_context(owner, "")) as tx:
            found += (await tx.execute(_REVIEWS)).scalar_one()
    async with index.worker.transaction({"scv.link_owners": ",".join(OWNERS)}) as tx:
        return found + int((await tx.execute(_REVIEWS)).scalar_one())


def _context(owner: str, scope: str) -> Context:
    return {
        "scv.org": owner,
        "scv.scopes": scope,
        "scv.barred": "",
        "scv.matching_owner": owner,
        "scv.write_scope": scope,
    }


def _url(server: Server, role: str) -> str:
    return socket_url(str(server.sockets), database=_SERVICE, role=f"{_SERVICE}_{role}")
