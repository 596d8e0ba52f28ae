"""Calls are counted by all replicas together where there is a Valkey, and by each for itself where there is none."""

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.limits import RateLimit
from gateway.problems import TooManyRequests
from tests.needed import give_up
from tests.processes import a_free_port

HOW_TO = "Shared rate limits need valkey-server or redis-server, which speak the same protocol (apt-get install one)"


@pytest.fixture
def valkey() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address of a server of our own, and its process."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        give_up(HOW_TO)
    port = a_free_port()
    with tempfile.TemporaryDirectory(prefix="scv-valkey-") as home:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", home, "--save", "", "--requirepass", "drama"]
        process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _answers_as(process, port)
            yield f"valkey://:drama@127.0.0.1:{port}", process
        finally:
            process.kill()
            process.wait()


def _answers_as(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Return when the server that answers there is the one we started."""
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        try:
            with closing(socket.create_connection(("127.0.0.1", port), timeout=1)) as asking:
                asking.sendall(b"AUTH drama\r\nINFO server\r\n")
                time.sleep(0.05)
                assert f"process_id:{process.pid}\r\n".encode() in asking.recv(65536)
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server did not start")


async def _calls(limit: RateLimit, number: int, *, subject: str = "ada") -> int:
    """Make some calls and give how many were let through."""
    passed = 0
    for _ in range(number):
        try:
            await limit.count("lbhf", subject=subject)
            passed += 1
        except TooManyRequests:
            pass
    return passed


async def _early_in_a_second() -> None:
    """Wait until the window of a second has just begun."""
    await asyncio.sleep(1.02 - time.time() % 1)


async def test_replicas_count_together(valkey: tuple[str, "subprocess.Popen[bytes]"]) -> None:
    replicas = [RateLimit(requests_per_second=10, url=valkey[0]) for _ in range(3)]
    await asyncio.gather(*(replica.count("lbhf", subject="warm") for replica in replicas))

    await _early_in_a_second()
    passed = await asyncio.gather(*(_calls(replica, 8) for replica in replicas))
    another = await _calls(replicas[0], 8, subject="bea")

    assert (sum(passed), another) == (10, 8)
    for replica in replicas:
        await replica.close()


async def test_without_valkey_each_replica_counts_for_itself() -> None:
    replicas = [RateLimit(requests_per_second=10) for _ in range(2)]

    await _early_in_a_second()

    assert [await _calls(replica, 12) for replica in replicas] == [10, 10]


async def test_a_call_is_not_refused_for_want_of_valkey(valkey: tuple[str, "subprocess.Popen[bytes]"]) -> None:
    url, process = valkey
    limit = RateLimit(requests_per_second=10, url=url)
    await limit.count("lbhf", subject="ada")
    process.kill()
    process.wait()

    await _early_in_a_second()
    passed = await _calls(limit, 12)

    assert passed == 10
    await limit.close()


async def test_what_is_counted_does_not_say_who_calls(valkey: tuple[str, "subprocess.Popen[bytes]"]) -> None:
    url, _ = valkey
    limit = RateLimit(requests_per_second=10, url=url)
    await limit.count("lbhf", subject="canary-subject")

    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"AUTH drama\r\nKEYS *\r\n")
    await writer.drain()
    kept = b""
    async with asyncio.timeout(5):
        while b"scv-rate" not in kept:
            kept += await reader.read(4096)
    writer.close()

    assert b"canary" not in kept
    assert b"lbhf" not in kept
    await limit.close()
