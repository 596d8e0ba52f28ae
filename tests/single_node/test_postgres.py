"""The embedded PostgreSQL: its own, private, stopped by whoever started it, found again by whoever comes next."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from single_node.lodging import ServerTrouble, short_lived_directory
from single_node.postgres import Durability, Server, running

STARTER = """
import sys, time
from pathlib import Path
from single_node.postgres import running
with running(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for a server, gone after the test."""
    with short_lived_directory("scv-test-") as directory:
        yield directory / "postgres"


def test_what_was_written_is_there_at_the_next_start(home: Path) -> None:
    with running(home) as server:
        _run(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert not _is_alive(server.pid)
    with running(home) as server:
        assert _run(server, "SELECT answer FROM kept") == 42


def test_throw_away_data_are_gone_with_the_server(home: Path) -> None:
    with running(home, durability=Durability.THROW_AWAY) as server:
        _run(server, "SELECT 1")
    assert not home.exists()


def test_a_server_left_behind_by_a_killed_process_gives_way(home: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(home)], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    left_behind = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    assert _is_alive(left_behind)
    with running(home) as server:
        assert server.pid != left_behind
        asyncio.run(server.require_own())
        assert _run(server, "SELECT 1") == 1


def test_a_pid_file_that_names_a_stranger_does_the_stranger_no_harm(home: Path) -> None:
    with running(home):
        pass
    (home / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{home / 'data'}\n")
    with running(home) as server:
        assert _run(server, "SELECT 1") == 1


def test_data_and_socket_are_closed_to_others(server: Server) -> None:
    for directory in (server.data.parent, server.data, server.sockets):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.data.parent / "log").stat().st_mode) == 0o600


def test_only_its_socket_listens(server: Server) -> None:
    assert _run(server, "SHOW listen_addresses") == ""


def test_a_path_too_long_for_a_socket_is_no_obstacle(home: Path) -> None:
    deep = home.parent / ("d" * 120)
    deep.mkdir(mode=0o711)
    deep.chmod(0o711)
    with running(deep / "postgres", durability=Durability.THROW_AWAY) as server:
        assert len(str(server.sockets)) < 60
        assert _run(server, "SELECT 1") == 1
    assert not server.sockets.exists()


def test_another_server_behind_the_socket_is_noticed(server: Server) -> None:
    asyncio.run(server.require_own())
    with pytest.raises(ServerTrouble, match="Another PostgreSQL"):
        asyncio.run(replace(server, data=server.data / "elsewhere").require_own())


def test_data_of_another_release_are_left_alone(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServerTrouble, match="12"), running(home):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as somebody else")
def test_root_leaves_a_closed_directory_closed(home: Path) -> None:
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    with running(closed / "postgres", durability=Durability.THROW_AWAY) as server:
        assert _run(server, "SELECT 1") == 1
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert closed not in server.data.parents
    assert not server.data.exists()


def _run(server: Server, statement: str) -> Any:
    async def run() -> Any:
        connection: Any = await asyncpg.connect(server.admin_dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
