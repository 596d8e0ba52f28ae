"""The processes of a service: one program, told by its first argument which of them to be.

In this room: the command line, signals, logs, an orderly end. What a process does is in the service's `__main__.py`.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from shared import logs
from shared.settings import ServiceSettings

Work = Callable[[], Awaitable[object]]
"""A process: a coroutine that runs until it is done or cancelled, and sees to its own end."""

log = structlog.get_logger()


def run(service: str, work: Mapping[str, Work], *, log_level: str = "INFO") -> None:
    """Be the process of a service that the command line names, until it ends or SIGTERM or SIGINT is received."""
    match sys.argv[1:]:
        case [name] if name in work:
            logs.configure(service, level=log_level)
            asyncio.run(until_told_to_stop(work[name]))
        case _:
            sys.exit(f"usage: python -m {service.replace('-', '_')} {'|'.join(sorted(work))}")


async def until_told_to_stop(work: Work) -> None:
    """Do some work to its end, or until a signal cancels it; wait until it has cleared up after itself."""
    task = asyncio.ensure_future(work())

    def stop() -> None:
        # Told twice, it goes on clearing up after itself.
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        await task
    log.info("stopped")


async def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Answer HTTP until cancelled; then go on for a while, refuse new connections, and finish the calls under way."""
    web = _Web(
        uvicorn.Config(
            app, host=settings.host, port=settings.port, access_log=False, log_config=None, server_header=False
        )
    )
    task = asyncio.create_task(web.serve())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        # Whoever sends us calls learns only in a moment that we are leaving.
        await asyncio.sleep(settings.drain_seconds)
        web.should_exit = True
        await task
        raise
    if not web.started:
        raise RuntimeError("the service did not start; the log says why")


class _Web(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def together(*works: Awaitable[Any]) -> None:
    """Do several works that never end; the first that fails ends all."""
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_awaited(work))


async def _awaited(work: Awaitable[Any]) -> None:
    await work
