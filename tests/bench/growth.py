"""What becomes of the time to link a record while the records it could belong to grow in number.

`link_growth` is the time of a PUT of a record where there are many records against that where there are 10,000: the
same records put to two databases, by turns. Both hold one made-up borough, and the larger holds more boroughs' worth
under the same names: people born on other days who live elsewhere, so that what a name has in common grows as it does
among real people. `LINK_GROWTH_RECORDS` says how many there are; the promise is of 1,000,000, which takes as many
minutes to load as a run may take seconds. They are taken in as a load takes them in, but for reading its lines.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from random import Random
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from customer_index.commands.records import assert_records
from customer_index.model import load_model
from customer_index.preparation import Assertion, prepare
from customer_index.schemas import NewRecord
from shared.db import Database
from shared.ledger import ENTRY
from shared.migrate import socket_url
from single_node.population import generate
from single_node.postgres import Server
from tests.bench.caller import Caller, calling
from tests.bench.figures import Figure, ratio_of_medians
from tests.bench.linking import INDEX, Said, asserted, told
from tests.bench.parts import databases
from tests.bench.turns import Work, by_turns
from tests.builders import facts, write_permit
from tests.conftest import url
from tests.processes import an_api

FEW: Final = 10_000
RECORDS: Final = int(os.environ.get("LINK_GROWTH_RECORDS", "50000"))
WARM: Final = 20
TIMES: Final = 150
_BATCH: Final = 500
_RESIDENTS: Final = 5_200
"""Who make 10,000 records and those that are put beside them."""
_OF_ONE: Final = frozenset({"nhs_number", "national_insurance_number", "phones", "emails", "relationships"})
"""What no two people have alike, or names a record of a source of its own."""
_LETTERS: Final = "ABDEFGHJLNPQRSTUWXYZ"


async def measure() -> list[Figure]:
    """Put the same records where there are 10,000 and where there are many, by turns."""
    found = _borough()
    kept, added = found[:FEW], found[FEW : FEW + WARM + TIMES]
    callers: dict[str, Caller] = {}
    async with AsyncExitStack() as stack:
        for records in (FEW, RECORDS):
            server = await stack.enter_async_context(databases([INDEX]))
            await _take_in(server, islice(_grown(kept), records))
            index = await stack.enter_async_context(an_api(INDEX, told(server)))
            callers[str(records)] = await stack.enter_async_context(calling(index.address))
        works = {records: _putting(added, caller) for records, caller in callers.items()}
        seconds = await by_turns(works, warm=WARM, times=TIMES)
    figure = ratio_of_medians("link_growth", seconds[str(RECORDS)], against=seconds[str(FEW)])
    beside = {**figure.beside, "records": float(RECORDS), "records_against": float(FEW)}
    return [Figure(name=figure.name, value=figure.value, unit=f"p50 at {RECORDS}/p50 at {FEW}", beside=beside)]


def _putting(added: Sequence[Said], caller: Caller) -> Work:
    waiting = iter(asserted(added))
    return lambda: next(waiting).sent_by(caller)


def _borough() -> list[Said]:
    """Make up the records of one borough, in an order that is no order."""
    drawn = generate(17, residents=_RESIDENTS).records
    Random(17).shuffle(drawn)  # noqa: S311  a repeatable order, not a secret
    return [
        (f"r-{number}", {name: said for name, said in one.record.items() if name not in _OF_ONE})
        for number, one in enumerate(drawn)
    ]


def _grown(kept: Sequence[Said]) -> Iterator[Said]:
    """Give a borough's records, and then those of ever more boroughs where people have the same names."""
    for number in count():
        for local_id, record in kept:
            yield f"{local_id}-{number}", _elsewhere(record, number=number)


def _elsewhere(record: Mapping[str, Any], *, number: int) -> dict[str, Any]:
    """Make somebody of the same name who was born earlier and lives elsewhere; the record itself for number 0."""
    moved = dict(record)
    if "date_of_birth" in record:
        born = date.fromisoformat(record["date_of_birth"]) - timedelta(days=37 * number)
        moved["date_of_birth"] = born.isoformat()
    if "addresses" in record:
        moved["addresses"] = [_another(address, number=number) for address in record["addresses"]]
    return moved


def _another(address: Mapping[str, Any], *, number: int) -> dict[str, Any]:
    another = dict(address)
    if "uprn" in address:
        another["uprn"] = f"9999{(int(address['uprn'][4:]) + 1_000_003 * number) % 10**8:08}"
    if number and "postcode" in address:
        places = (number // len(_LETTERS) % len(_LETTERS), number % len(_LETTERS))
        another["postcode"] = address["postcode"][:-2] + "".join(_LETTERS[place] for place in places)
    return another


async def _take_in(server: Server, records: Iterator[Said]) -> None:
    """Assert records as a load does, and have the server count them, as it does after a while by itself."""
    by = Assertion(owner="lbhf", source=facts("crm"), txn=uuid4(), at=datetime.now(UTC))
    context, model = write_permit("lbhf").context(), load_model()
    database = Database(url(server, INDEX, "app"), pool_size=1, name="bench", entry=ENTRY)
    try:
        for taken in count(_BATCH, _BATCH):
            batch = [
                prepare("crm", local_id, NewRecord.model_validate(record))
                for local_id, record in islice(records, _BATCH)
            ]
            if not batch:
                break
            async with database.transaction(context) as tx:
                await assert_records(tx, batch, by=by, model=model)
            if taken % FEW == 0:
                print(f"{taken} records taken in", file=sys.stderr, flush=True)  # noqa: T201  progress of the command
    finally:
        await database.close()
    superuser = create_async_engine(socket_url(str(server.sockets), database=INDEX, role="postgres"))
    async with superuser.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
    await superuser.dispose()
