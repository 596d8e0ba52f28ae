"""How a process that serves nobody is asked how it is: `/livez`, `/readyz` and `/metrics` on a port of its own.

In this room: the routes and the server inside the process. It runs in the same loop as the work, so that a loop that
is blocked does not answer either. Not in this room: an API, which answers the same on its own port (`web`), and what
progress is (`progress`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.processes import Web
from shared.progress import Operations

_CLOSING_SECONDS = 1

log = structlog.get_logger()


@asynccontextmanager
async def answering(
    operations: Operations, *, ready: Callable[[], Awaitable[None]], host: str, port: int | None
) -> AsyncIterator[None]:
    """Answer for a process during the block; without a port nothing listens. `ready` raises while it cannot work."""
    if port is None:
        yield
        return
    web = Web(
        uvicorn.Config(
            application(operations, ready=ready),
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_CLOSING_SECONDS,
        )
    )
    serving = asyncio.create_task(web.serve())
    try:
        yield
    finally:
        web.should_exit = True
        await serving


def application(operations: Operations, *, ready: Callable[[], Awaitable[None]]) -> Starlette:
    """Make the routes: alive while every work goes round, ready while `ready` does not raise."""

    async def livez(_: Request) -> Response:
        stuck = operations.stuck()
        if stuck:
            log.error("no progress", works=stuck)
            return JSONResponse({"status": "stuck", "works": stuck}, 503)
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        try:
            await ready()
        except Exception as error:  # whatever it is, it is not ready
            log.warning("not ready", exc_info=error)
            return JSONResponse({"status": "not ready"}, 503)
        return JSONResponse({"status": "ready"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(operations.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])
