"""The leanest caller there is: one kept connection, one request after the other.

What a caller costs falls on both sides of a figure and makes them alike, the more so where it shares their cores. In
this room: HTTP/1.1 as far as the APIs under measurement answer it. Not in this room: what is asked.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer and its body."""

    status: int
    body: bytes


class Caller:
    """A connection to one API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def call(self, method: str, target: str, *, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send a request and wait for its answer."""
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {target} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n{told}\r\n"
        self._writer.write(head.encode("ascii") + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answered)
        return Answer(int(answered[9:12]), await self._reader.readexactly(int(length[1]) if length else 0))


@asynccontextmanager
async def calling(address: str) -> AsyncIterator[Caller]:
    """Connect to an API (`http://host:port`) until the end of the block."""
    at = urlsplit(address)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()
