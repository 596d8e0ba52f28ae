"""A front before one service, as a cluster's is: whoever connects is led to the process that stands behind it now.

Connections that are there stay with the process they lead to, until it closes them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.forking import forked
from tests.processes import an_api


@dataclass
class Front:
    """One service behind an address that stays the same while its processes are replaced."""

    package: str
    address: str = ""
    behind: str = ""
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def roll(self, told: Mapping[str, str]) -> None:
        """Start the API anew with what it is told, lead new connections to it, then stop the one before."""
        async with AsyncExitStack() as starting:
            api = await starting.enter_async_context(an_api(self.package, told, start=forked))
            self.behind = api.address
            before, self._running = self._running, starting.pop_all()
        await before.aclose()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one connection says, both ways, until both sides have ended."""
        there = urlsplit(self.behind)
        with suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection(there.hostname, there.port)
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
            return
        writer.close()

    async def close(self) -> None:
        """Stop what stands behind it."""
        await self._running.aclose()


@asynccontextmanager
async def a_front(package: str) -> AsyncIterator[Front]:
    """Put a front before a service, with nothing behind it yet."""
    front = Front(package)
    server = await asyncio.start_server(front.connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    front.address = f"http://{host}:{port}"
    try:
        yield front
    finally:
        await front.close()
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while said := await reader.read(65536):
            writer.write(said)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
