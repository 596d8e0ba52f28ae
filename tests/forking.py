"""Processes that begin where their programs are already read: forked from one that read them once.

Reading them takes a process of a service longer than most tests of it do. From there on a forked process does what one
that read its own does: it has an environment, an id and signals of its own, and ends by itself. Not in this room:
processes that are started as they are deployed, from nothing (`processes.afresh`).
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, Final

from shared.processes import run
from tests.conftest import SERVICES

_READ: Final = ("pytest", "single_node.cli", "tests.faults.process", *(f"{package}.__main__" for package in SERVICES))
"""Modules that are read once; pytest because whatever is forked looks at the program that asked for it."""


class Forked:
    """A process that was forked, as far as it is used like one of `asyncio.subprocess`."""

    def __init__(self, process: ForkServerProcess, said: "_Said | None" = None) -> None:
        self.stderr = said.reader if said else None
        self._said = said
        self._process = process
        self._over = asyncio.Event()
        asyncio.get_running_loop().add_reader(process.sentinel, self._end)

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or what killed it as a negative number; None while it lives."""
        return self._process.exitcode if self._over.is_set() else None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it has ended, and what it said is read; give its exit code."""
        await self._over.wait()
        if self._said is not None:
            await self._said.last.wait()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self._over.set()


async def forked(package: str, name: str, environ: Mapping[str, str]) -> Forked:
    """Fork a process of a service; somebody has to read what it says, on its standard error or its output."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = await asyncio.to_thread(started, _be_process, package, name, environ=environ, said=theirs)
    theirs.close()
    read = os.fdopen(os.dup(ours.fileno()), "rb", buffering=0)
    ours.close()
    _, said = await asyncio.get_running_loop().connect_read_pipe(_Said, read)
    return Forked(process, said)


async def forked_into(work: Callable[..., None], *told: str, environ: Mapping[str, str]) -> Forked:
    """Fork a process that does some work of a module."""
    return Forked(await asyncio.to_thread(started, work, *told, environ=environ))


def started(
    work: Callable[..., None], *told: str, environ: Mapping[str, str], said: "Connection[Any, Any] | None" = None
) -> ForkServerProcess:
    """Fork a process in an environment that is all it has; the first has to wait until everything is read."""
    process = _context().Process(target=_begin, args=(said, dict(environ), work, told))
    process.start()
    return process


class _Said(asyncio.StreamReaderProtocol):
    """What a process says, and when it said its last."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.last = asyncio.Event()
        super().__init__(self.reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that there is no more."""
        super().connection_lost(exc)
        self.last.set()


@lru_cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_READ))
    return context


def _begin(
    said: "Connection[Any, Any] | None", environ: dict[str, str], work: Callable[..., None], told: tuple[str, ...]
) -> None:
    """Be the process, with the environment it was given and where to say what it says."""
    if said is not None:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        said.close()
    os.environ.clear()
    os.environ.update(environ)
    work(*told)


def _be_process(package: str, name: str) -> None:
    program = import_module(f"{package}.__main__")
    sys.argv = [package, name]
    run(program.SERVICE.name, program.PROCESSES)
