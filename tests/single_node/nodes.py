"""Runs a node in a process of its own, and the `scv` command on it.

Both are forked (`tests.forking`) where what they do is the point, and not that they start.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from single_node.cli import app
from single_node.place import Announcement, Place
from tests.forking import started


class Command(Protocol):
    """`scv` at work."""

    @property
    def pid(self) -> int:
        """Its id."""

    def poll(self) -> int | None:
        """Give its exit code, or None while it works."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""

    def communicate(self, *, timeout: float) -> tuple[str, str]:
        """Wait until it has ended; give what it said on its standard output and error."""


Start = Callable[[Place, tuple[str, ...]], Command]
"""How to start `scv`: on a data directory, with some arguments."""


class Forked:
    """`scv` in a process that was forked; what it says is kept in files."""

    def __init__(self, place: Place, arguments: tuple[str, ...]) -> None:
        self._said = tempfile.TemporaryDirectory(prefix="scv-said-")
        self._process = started(_be_scv, self._said.name, *arguments, environ=_environment(place))

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Give its exit code, or None while it works."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it works."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def communicate(self, *, timeout: float) -> tuple[str, str]:
        """Wait until it has ended; give what it said on its standard output and error."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("scv", timeout)
        with self._said as directory:
            out, error = (Path(directory, name).read_text("utf-8") for name in _STREAMS)
        return out, error


_STREAMS = ("stdout", "stderr")


def _be_scv(directory: str, *arguments: str) -> None:
    for number, name in enumerate(_STREAMS, start=1):
        file = os.open(Path(directory, name), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
    app(arguments)


def afresh(place: Place, arguments: tuple[str, ...]) -> "subprocess.Popen[str]":
    """Start `scv` as somebody at a terminal does."""
    command = [str(Path(sys.executable).with_name("scv")), *arguments]
    return subprocess.Popen(command, env=_environment(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def running_node(place: Place, *, start: Start = Forked) -> Iterator[Announcement]:
    """Run a node in a process of its own; stop it as Ctrl-C would, and see that it ends well if nobody killed it."""
    process = start(place, ("run", "--port", "0"))

    def announced() -> bool:
        found = place.announcement() if place.root.exists() else None
        return process.poll() is not None or (found is not None and found.pid == process.pid)

    try:
        await_true(announced)
        found = place.announcement()
        assert process.poll() is None, process.communicate(timeout=60)[1]
        assert found is not None
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)
    assert process.poll() in (0, -signal.SIGKILL), told[1]


def scv(place: Place, *arguments: str, start: Start = Forked) -> "subprocess.CompletedProcess[str]":
    """Run the command on a data directory."""
    process = start(place, arguments)
    out, error = process.communicate(timeout=120)
    code = process.poll()
    assert code is not None
    return subprocess.CompletedProcess(arguments, code, out, error)


def await_true(condition: Callable[[], bool]) -> None:
    """Wait until something is the case, for a minute at most."""
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.05)


def _environment(place: Place) -> Mapping[str, str]:
    return {**os.environ, "SCV_DATA": str(place.root)}
