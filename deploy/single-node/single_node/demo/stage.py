"""Where the story is played: a gateway, somebody who hands out tokens, and an evaluator who reads ids.

In this room: what a story may ask of any such place, and the throw-away node that `scv demo` plays on. A story speaks
HTTP to the gateway and nothing else; only the quality of matching, which is judged on thousands of ids, is read from
the database by the evaluator.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from single_node.demo.desk import Desk
from single_node.demo.evaluator import evaluator_of
from single_node.demo.quality import Matching
from single_node.demo.telling import Surprise, Telling
from single_node.lodging import short_lived_directory
from single_node.place import Place
from single_node.staff import LocalNode

_START_SECONDS = 90
_STOP_SECONDS = 60


class Tokens(Protocol):
    """Whoever gives a subject of an organisation a token, entering it in the staff register if it is new there."""

    def token(self, org: str, *, subject: str, roles: Sequence[str]) -> str:
        """Give a bearer token."""


class Evaluator(Protocol):
    """Whoever may read, in bulk, which record belongs to which person and which persons are linked; only ids."""

    def matching(self) -> Matching:
        """Read what the platform believes now."""

    def wait_until_linked(self) -> None:
        """Return when every person that was due for linking has been compared."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One gateway to play on."""

    telling: Telling
    http: httpx.Client
    tokens: Tokens
    evaluator: Evaluator

    def desk(self, org: str, *roles: str, subject: str | None = None) -> Desk:
        """Seat somebody with these roles at an organisation's desk, by default named after the first role."""
        name = subject or roles[0]
        token = self.tokens.token(org, subject=name, roles=roles)
        return Desk(f"{name} ({org}, {', '.join(roles)})", self.telling, self.http, token)


@contextmanager
def throw_away_node(telling: Telling) -> Iterator[Stage]:
    """Run a node of its own on data that are removed at the end, whatever happens. Raises `Surprise`."""
    with short_lived_directory("scv-demo-") as directory:
        place = Place(directory / "data")
        log = directory / "log"
        with log.open("wb") as sink:
            node = subprocess.Popen(
                [sys.executable, "-m", "single_node", "run", "--port", "0", "--durability", "throw-away"],
                env={**os.environ, "SCV_DATA": str(place.root)},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C reaches the demo, which then stops its node in good order
            )
        try:
            url = _await_ready(node, place, log)
            with httpx.Client(base_url=url, timeout=60) as http:
                yield Stage(telling, http, LocalNode(place, url), evaluator_of(place))
        except httpx.TransportError as error:
            raise Surprise(f"The gateway did not answer ({type(error).__name__}).\n{_tail(log)}") from None
        finally:
            _stop(node)


def _await_ready(node: subprocess.Popen[bytes], place: Place, log: Path) -> str:
    patience = time.monotonic() + _START_SECONDS
    while time.monotonic() < patience and node.poll() is None:
        found = place.announcement() if place.root.exists() else None
        if found is not None:
            return found.url
        time.sleep(0.05)
    raise Surprise(f"The node did not come up.\n{_tail(log)}")


def _stop(node: subprocess.Popen[bytes]) -> None:
    for request in (signal.SIGTERM, signal.SIGKILL):
        if node.poll() is not None:
            return
        node.send_signal(request)
        try:
            node.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-20:]
    return "\n".join(["The end of its log:", *(f"  {line}" for line in lines)])
