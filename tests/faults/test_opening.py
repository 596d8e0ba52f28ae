"""A database is open to one start of one server: what happens to it when that ends, another takes over, or time is
turned back."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.migrate import migrate, provision
from shared.segments import Entry, Head, seal
from shared.sink import Directory
from single_node.postgres import Server, running
from tests.conftest import url
from tests.faults.restoring import LEDGERS, a_server, asked, replayed, rows, shipped, shipping


async def test_a_server_that_was_started_again_is_open_within_moments_and_a_rolled_back_disk_is_not(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    ledgers = tmp_path / "ledgers"
    with TemporaryDirectory(prefix="scv-restart-") as home:
        place = Path(home) / "postgres"
        with running(place) as server:
            for service in LEDGERS:
                await provision(server.admin_dsn, service=service)
                await migrate(service, url(server, service, "owner"))
            async with shipping(server, ledgers):
                await shipped(server)
                assert await asked(server, "gateway", "SELECT is_open()")
            data = server.data
        snapshot = data.with_name("snapshot")
        copying = await asyncio.create_subprocess_exec("cp", "-a", data, snapshot)  # owners and all
        assert await copying.wait() == 0
        with running(place) as server:
            assert not await asked(server, "gateway", "SELECT is_open()"), "nobody knows yet what it is"
            async with shipping(server, ledgers):
                begun = time.monotonic()
                while not await asked(server, "gateway", "SELECT is_open()"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                seconds_to_open = time.monotonic() - begun
                await rows(server, "gateway", "INSERT INTO organisations VALUES ('lbhf', 'LBHF', 'borough', NULL, 1)")
                delays = [await delay(server, ledgers, turn) for turn in range(20)]
        shutil.rmtree(data)
        snapshot.rename(data)
        with running(place) as server:
            async with shipping(server, ledgers):
                await asyncio.sleep(1.5)
                assert not await asked(server, "gateway", "SELECT is_open()"), "the disk of yesterday"
                await replayed(server, "gateway", ledgers)
                assert await asked(server, "gateway", "SELECT count(*) FROM staff") == 20
    record_property(
        "figures",
        f"seconds_to_open {seconds_to_open:.2f}, seconds_to_ship {sum(delays) / 20:.2f} at most {max(delays):.2f}",
    )
    assert max(delays) < 5


async def test_a_server_that_another_took_over_from_is_closed_by_its_own_shipper(tmp_path: Path) -> None:
    ledgers = tmp_path / "ledgers"
    with a_server() as server:
        for service in LEDGERS:
            await provision(server.admin_dsn, service=service)
            await migrate(service, url(server, service, "owner"))
        async with shipping(server, ledgers):
            await shipped(server)
            (row,) = await rows(server, "gateway", "SELECT ledger, segment, digest FROM opening")
            theirs = Entry(id=10_000, of="staff", key={"org": "lbhf", "subject": "eve"}, image=None)
            content, head = seal([theirs], after=Head(*row))
            Directory(ledgers / "gateway").add(head.number, content)
            assert await asked(server, "gateway", "SELECT is_open()"), "it cannot know yet"
            await rows(server, "gateway", "UPDATE governance SET epoch = epoch + 1")
            async with asyncio.timeout(10):
                while await asked(server, "gateway", "SELECT is_open()"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)


async def delay(server: Server, ledgers: Path, turn: int) -> float:
    """Give the seconds from a change to its segment off-site."""
    before = len(list((ledgers / "gateway").iterdir()))
    await rows(server, "gateway", f"INSERT INTO staff VALUES ('lbhf', 's{turn}', '{{}}', '[]', '[]', 1)")
    begun = time.monotonic()
    while len(list((ledgers / "gateway").glob("*.segment"))) == before:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return time.monotonic() - begun
