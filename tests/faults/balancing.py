"""What stands in front of replicas where the product is deployed: it sends calls to those that say they are ready.

    `a_service`  shares out connections and knows nothing of HTTP, as a Service of Kubernetes does
    `a_proxy`    shares out requests over connections of its own that it keeps, as an ingress does

Neither tries anything twice, so whatever a replica drops on the way is seen by the caller.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from shared.processes import Web
from tests.processes import a_free_port

LOOK_SECONDS: Final = 0.2
_OF_A_HOP: Final = (b"connection", b"keep-alive", b"transfer-encoding", b"host", b"date")


@dataclass
class Endpoints:
    """The replicas of a service that are ready, by their ports."""

    ready: list[int] = field(default_factory=list)

    def next(self) -> int:
        """Give the one whose turn it is."""
        self.ready.append(self.ready.pop(0))
        return self.ready[-1]


@asynccontextmanager
async def endpoints(*ports: int, look_seconds: float = LOOK_SECONDS) -> AsyncIterator[Endpoints]:
    """Watch replicas until the end of the block."""
    watched = Endpoints()
    looks = [asyncio.create_task(_watch(watched, port, look_seconds=look_seconds)) for port in ports]
    try:
        yield watched
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


@asynccontextmanager
async def a_service(replicas: Endpoints) -> AsyncIterator[str]:
    """Share out connections over replicas; give the address."""
    ways: set[asyncio.Task[None]] = set()

    async def open_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", replicas.next())
        except (OSError, IndexError):
            writer.transport.abort()
            return
        for source, sink in ((reader, back), (there, writer)):
            way = asyncio.create_task(_pass_on(source, sink))
            ways.add(way)
            way.add_done_callback(ways.discard)

    door = await asyncio.start_server(open_way, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}"
    finally:
        door.close()
        for way in tuple(ways):
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


@asynccontextmanager
async def a_proxy(replicas: Endpoints) -> AsyncIterator[str]:
    """Share out requests over replicas; give the address."""
    kept = httpx.AsyncHTTPTransport(limits=httpx.Limits(keepalive_expiry=60), trust_env=False)

    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = f"http://127.0.0.1:{replicas.next()}{(scope['raw_path'] + query).decode()}"
        asked = httpx.Request(scope["method"], target, headers=_end_to_end(scope["headers"]), content=body)
        answer = await kept.handle_async_request(asked)
        content = await answer.aread()
        headers = _end_to_end(answer.headers.raw)
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    port = a_free_port()
    web = Web(uvicorn.Config(pass_on, port=port, access_log=False, log_config=None, lifespan="off"))
    serving = asyncio.create_task(web.serve())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        web.should_exit = True
        await serving
        await kept.aclose()


async def _watch(watched: Endpoints, port: int, *, look_seconds: float) -> None:
    """Ask a replica time and again whether it is ready, each time on a connection of its own."""
    none_kept = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=none_kept, trust_env=False, timeout=10) as client:
        while True:
            try:
                ready = (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
            except httpx.TransportError:
                ready = False
            if ready and port not in watched.ready:
                watched.ready.append(port)
            if not ready and port in watched.ready:
                watched.ready.remove(port)
            await asyncio.sleep(look_seconds)


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while some := await source.read(65536):
            sink.write(some)
            await sink.drain()
    except ConnectionError:
        sink.transport.abort()
    finally:
        sink.close()


def _end_to_end(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_A_HOP]
