"""The data directory of a node: what lies where in it, who may read it, and the secrets that are made once.

    .scv/
    ├── lock        held by the node at work on this directory
    ├── node.json   how to reach that node; only there while it runs
    ├── secrets/    signing keys, readable by the owner alone
    └── postgres/   see `lodging`

It is `.scv` in the current directory unless `SCV_DATA` names another. The node itself is in `node`.
"""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey


@dataclass(frozen=True, slots=True)
class Announcement:
    """How to reach a running node: its process, the address of its gateway, the directory of its database socket."""

    pid: int
    url: str
    sockets: str


class NodeIsRunning(Exception):
    """Another node is at work on the same data; the message says how to reach and how to stop it."""


class PlaceUnusable(Exception):
    """The data directory cannot be made or used; the message says why."""


class PortTaken(Exception):
    """The port asked for belongs to another program."""


@dataclass(frozen=True, slots=True)
class Place:
    """One data directory."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The directory of the embedded server."""
        return self.root / "postgres"

    @property
    def secrets(self) -> Path:
        """The directory of keys and secrets."""
        return self.root / "secrets"

    def announcement(self) -> Announcement | None:
        """Read how to reach the node, if one has said so; whether it still lives shows when it is called."""
        try:
            return Announcement(**json.loads((self.root / "node.json").read_text()))
        except FileNotFoundError:
            return None

    @contextmanager
    def announced(self, announcement: Announcement) -> Iterator[None]:
        """Tell other commands how to reach this node, for as long as the block lasts."""
        path = self.root / "node.json"
        _write(path, json.dumps(asdict(announcement)))
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the directory if need be and keep other nodes off it; raise `NodeIsRunning` or `PlaceUnusable`."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # As root the database server runs as another user, who has to pass through but not to look around.
            self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise PlaceUnusable(
                f"{self.root} cannot hold the data ({error.strerror}); name another: SCV_DATA=…"
            ) from None
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise NodeIsRunning(_how_to_stop(self)) from None
        try:
            yield
        finally:
            os.close(lock)

    def signing_key(self, name: str) -> dict[str, Any]:
        """Give the private Ed25519 JWK of this name, made at first use; its `kid` is its thumbprint."""
        key: dict[str, Any] = json.loads(self._kept(f"{name}.jwk", lambda: json.dumps(new_key())))
        return key

    def secret(self, name: str) -> str:
        """Give the secret of this name, made at first use: 43 random characters."""
        return self._kept(name, secrets.token_urlsafe)

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        path = self.secrets / name
        with suppress(FileNotFoundError):
            return path.read_text()
        made = make()
        _write(path, made)
        return made


def public_part(key: Mapping[str, Any]) -> dict[str, Any]:
    """Give the public half of a private JWK."""
    return {name: value for name, value in key.items() if name != "d"}


def default_place() -> Place:
    """Give the data directory of this command: `SCV_DATA`, or `.scv` in the current directory."""
    return Place(Path(os.environ.get("SCV_DATA") or ".scv").absolute())


def new_key(*, kid: str | None = None) -> dict[str, Any]:
    """Make a private Ed25519 JWK; unless another `kid` is given it is the thumbprint."""
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    return {**key.as_dict(private=True), "kid": kid or key.kid, "use": "sig", "alg": "Ed25519"}


def _write(path: Path, text: str) -> None:
    """Write a file for the owner's eyes only, whole or not at all."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as sink:
        sink.write(text)
    Path(unfinished).rename(path)


def _how_to_stop(place: Place) -> str:
    found = place.announcement()
    if found is None:
        return f"A node is starting or stopping on {place.root}; try again in a moment."
    return (
        f"A node is already running on {place.root}: {found.url} (process {found.pid}).\n"
        f"Use it, stop it with `kill {found.pid}`, or start another on other data: SCV_DATA=other-directory make run"
    )
