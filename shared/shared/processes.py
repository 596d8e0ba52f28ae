"""The processes of a service: one program, told by its first argument which of them to be.

In this room: the command line, signals, logs, an orderly end. What a process does is in the service's `__main__.py`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from shared import logs, telemetry
from shared.draining import Draining
from shared.settings import LogSettings, ServiceSettings
from shared.told import Misconfigured

Work = Callable[[], Awaitable[object]]
"""A process: a coroutine that runs until it is done or cancelled, and sees to its own end."""

_ABANDON_SECONDS: Final = 3
"""How long a call that was given up may take to clear up, before the process ends without it."""

log = structlog.get_logger()

_RENEWAL_TICKS: Final = 50
"""Tenths of a second between looks at the certificate."""


def run(service: str, work: Mapping[str, Work]) -> None:
    """Be the process of a service that the command line names, until it ends or SIGTERM or SIGINT is received.

    Exits after one line of the log: with 78 if what it was told from outside is wrong, with 1 if it failed.
    """
    package = service.replace("-", "_")
    match sys.argv[1:]:
        case [name] if name in work:
            try:
                logs.configure(service, level=LogSettings(_env_prefix=f"{package.upper()}_").log_level)
                with telemetry.exported(service, process=name):
                    uvloop.run(until_told_to_stop(work[name]))
            except Misconfigured as misconfigured:
                logs.configure(service, level="INFO")
                log.critical("misconfigured", process=name, faults=misconfigured.faults)
                sys.exit(os.EX_CONFIG)
            except Exception as error:
                # What our own exceptions say holds no value; what others say may.
                ours = type(error).__module__.startswith(("shared.", f"{package}."))
                log.critical("failed", process=name, told=str(error) if ours else "", **logs.describe(error))
                sys.exit(1)
        case _:
            sys.exit(f"usage: python -m {package} {'|'.join(sorted(work))}")


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
    """Answer HTTP until cancelled; then drain, refuse new connections, and finish the calls under way."""
    draining = Draining(app)
    web = Web(
        uvicorn.Config(
            draining,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=settings.finish_seconds + _ABANDON_SECONDS,
            ssl_certfile=settings.tls_certificate_file,
            ssl_keyfile=settings.tls_key_file,
        )
    )
    task = asyncio.create_task(web.serve())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        log.info("draining", seconds=settings.drain_seconds)
        draining.leave()
        await asyncio.sleep(settings.drain_seconds)
        web.should_exit = True
        finished, _ = await asyncio.wait({task}, timeout=settings.finish_seconds)
        if not finished:
            draining.give_up()
        await task
        raise
    if not web.started:
        raise RuntimeError("the service did not start; the log says why")


class Web(uvicorn.Server):
    """A server that leaves signals to the process, and takes up a certificate that was renewed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Read the certificate again now and then; connections made from now on are shown what it is."""
        if counter % _RENEWAL_TICKS == 0 and self.config.ssl is not None and self.config.ssl_certfile is not None:
            try:
                self.config.ssl.load_cert_chain(self.config.ssl_certfile, self.config.ssl_keyfile)
            except OSError as error:  # half written, or gone: the one before serves on
                log.warning("certificate not read", **logs.describe(error))
        return await super().on_tick(counter)


async def together(*works: Awaitable[Any]) -> None:
    """Do several works that never end; the first that fails ends all."""
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_awaited(work))


async def _awaited(work: Awaitable[Any]) -> None:
    await work
