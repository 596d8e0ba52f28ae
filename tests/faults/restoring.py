"""A platform that is backed up, lives on for a while, and is lost: what the tests of a restore stand on.

In this room: the life before, what is taken off-site meanwhile, and the restored platform. Not in this room: what has
to hold of it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

import customer_index.ledgered
import customer_index.tables
import gateway.ledgered
import gateway.tables
from shared.db import Database
from shared.ledger import Kept
from shared.migrate import migrate, provision
from shared.progress import Progress
from shared.replaying import replay
from shared.segments import Head
from shared.settings import KafkaSettings
from shared.shipping import ship
from shared.sink import Directory
from single_node.backup import SERVICES, Kafka
from single_node.backup.restoring import Restored, restore_backup
from single_node.backup.taking import take_backup
from single_node.postgres import Durability, Server, running
from tests.conftest import url
from tests.gateway.residents import COLLEAGUE, Resident, exclude, protect, settle_in
from tests.gateway.whole import Carried, Whole, a_whole_platform

LEDGERS: Final = {
    "gateway": Kept(ledger=gateway.tables.ledger, tables=gateway.ledgered.LEDGERED, replayed=gateway.ledgered.replayed),
    "customer_index": Kept(
        ledger=customer_index.tables.ledger,
        tables=customer_index.ledgered.LEDGERED,
        replayed=customer_index.ledgered.replayed,
    ),
}


@dataclass(frozen=True, slots=True)
class Lost:
    """A platform that is no more: its backup, its ledgers off-site, and who lived there.

    Since the backup an agreement was suspended, eve was kept from thandeka, ada lost her roles and newcomer was given
    some, ludo was sealed, thandeka's protection was lifted, and quilla had another case, which is lost.
    """

    backup: Path
    ledgers: Path
    residents: dict[str, Resident]
    lost_case: str
    epoch: int


@contextmanager
def a_server() -> Iterator[Server]:
    """Run an empty server until the end of the block."""
    with (
        tempfile.TemporaryDirectory(prefix="scv-restore-") as home,
        running(Path(home) / "postgres", durability=Durability.THROW_AWAY) as started,
    ):
        yield started


def addresses(server: Server) -> dict[str, str]:
    """Give the superuser's address for each service: all on one server."""
    return dict.fromkeys(SERVICES, server.admin_dsn)


@asynccontextmanager
async def shipping(server: Server, ledgers: Path) -> AsyncIterator[None]:
    """Have both ledgers taken off-site for the length of the block."""
    works, workers = [], []
    for service, kept in LEDGERS.items():
        worker = Database(url(server, service, "worker"), pool_size=2, name="ledger")
        workers.append(worker)
        (ledgers / service).mkdir(parents=True, exist_ok=True)
        sink = Directory(ledgers / service)
        works.append(asyncio.create_task(ship(worker, sink, ledger=kept.ledger, progress=Progress())))
    try:
        yield
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        for worker in workers:
            await worker.close()


async def shipped(server: Server) -> None:
    """Wait until everything is off-site."""
    waits = "SELECT segment = 0 OR EXISTS (SELECT 1 FROM ledger WHERE segment IS NULL) FROM opening"
    async with asyncio.timeout(20):
        for service in LEDGERS:
            while await asked(server, service, waits):  # noqa: ASYNC110  a database has no event to wait for
                await asyncio.sleep(0.05)


async def asked(server: Server, service: str, question: str) -> Any:
    """Ask a database as the superuser, who sees everything."""
    (answer,) = await rows(server, service, question)
    return answer[0]


async def rows(server: Server, service: str, statement: str) -> list[Any]:
    """Do something to a database as the superuser."""
    connection: Any = await asyncpg.connect(server.admin_dsn, database=service)
    try:
        found: list[Any] = await connection.fetch(statement)
        return found
    finally:
        await connection.close()


async def lose(home: Path, *, carried: Carried = Whole, kafka: KafkaSettings | None = None) -> Lost:
    """Live, be backed up, live on, and end with the server."""
    ledgers = home / "ledgers"
    with a_server() as server:
        for service in SERVICES:
            await provision(server.admin_dsn, service=service)
            await migrate(service, url(server, service, "owner"))
        async with a_whole_platform(server, carried=carried) as whole, shipping(server, ledgers):
            residents = await settle_in(whole, "quilla", "osric", "thandeka", "ludo")
            await protect(whole, residents["osric"], "refuge")
            await protect(whole, residents["thandeka"], "marac")
            await shipped(server)
            await take_backup(addresses(server), home / "backup", kafka=kafka)
            case = await live_on(whole, residents)
            await shipped(server)
        epoch = await asked(server, "gateway", "SELECT epoch FROM governance")
    return Lost(home / "backup", ledgers, residents, case, epoch)


async def live_on(whole: Whole, residents: dict[str, Resident]) -> str:
    """Take rights back, give some, protect and unprotect, and open a case; give its id."""
    agreements = await whole.done("GET", "/v1/agreements", "lbhf/ig/ig-lead", None)
    (everything,) = [one for one in agreements["items"] if one["content"]["title"].startswith("Everything")]
    path = f"/v1/agreements/{everything['agreement_id']}/transitions"
    await whole.platform.move(path, "lbhf/ig/ig-lead", action="suspend")
    await exclude(whole, residents["thandeka"])
    await protect(whole, residents["ludo"], "adoption")
    protection = f"/v1/people/{residents['thandeka'].person_id}/protection"
    await whole.done("DELETE", protection, COLLEAGUE, "data-stewardship")
    staff = "/v1/organisations/lbhf/staff/ada"
    tag = (await whole.call("GET", staff, "lbhf/boss/admin", None)).headers["ETag"]
    await whole.done("PUT", staff, "lbhf/boss/admin", None, json={"roles": []}, headers={"If-Match": tag})
    await whole.platform.enter("lbhf/newcomer/caseworker,social-worker")
    told = {"source": "housing", "local_id": residents["quilla"].local_id, "lgsl": 112, "lgil": 0}
    body = {**told, "description": "Rang again.", "postcode_sector": "W6 9"}
    case = await whole.done("POST", "/v1/cases", "lbhf/newcomer/caseworker,social-worker", json=body)
    await whole.settle()
    return str(case["case_id"])


async def restore(lost: Lost, server: Server) -> Restored:
    """Restore the backup into a server."""
    return await restore_backup(addresses(server), lost.backup, kafka=Kafka.NONE, settings=None)


async def replayed(server: Server, service: str, ledgers: Path) -> Head:
    """Replay a service's ledger as the owner of its schema."""
    owner = Database(url(server, service, "owner"), pool_size=1, name="replay")
    try:
        return await replay(owner, Directory(ledgers / service), kept=LEDGERS[service])
    finally:
        await owner.close()
