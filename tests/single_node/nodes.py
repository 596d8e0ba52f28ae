"""Runs a node in a process of its own, and the `scv` command on it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from single_node.place import Announcement, Place


@contextmanager
def running_node(place: Place) -> Iterator[Announcement]:
    """Run a node in a process of its own; stop it as Ctrl-C would, and see that it ends well if nobody killed it."""
    command = [sys.executable, "-m", "single_node", "run", "--port", "0"]
    process = subprocess.Popen(
        command, env=_environment(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def announced() -> bool:
        found = place.announcement() if place.root.exists() else None
        return process.poll() is not None or (found is not None and found.pid == process.pid)

    try:
        await_true(announced)
        found = place.announcement()
        assert process.poll() is None, process.communicate()[1]
        assert found is not None
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), told[1]


def scv(place: Place, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on a data directory."""
    command = [str(Path(sys.executable).with_name("scv")), *arguments]
    return subprocess.run(command, env=_environment(place), capture_output=True, text=True, check=False, timeout=120)


def await_true(condition: Callable[[], bool]) -> None:
    """Wait until something is the case, for a minute at most."""
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.05)


def _environment(place: Place) -> Mapping[str, str]:
    return {**os.environ, "SCV_DATA": str(place.root)}
