"""What a backup consists of, and how PostgreSQL's programs are run on it.

In this room: the manifest, digests, addresses. Not in this room: what is done with them (`taking`, `restoring`).
"""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from pydantic_core import from_json, to_json
from sqlalchemy import make_url

from shared.settings import Told
from shared.told import AdminUrl, Misconfigured
from single_node.backup import SERVICES, BackupTrouble
from single_node.lodging import wheel_programs

MANIFEST: Final = "manifest.json"


class _Address(Told):
    admin_database_url: AdminUrl
    """`postgresql://…` as a superuser of the server."""


def addresses_told() -> dict[str, str] | None:
    """Give the superuser's address of each service's server, if the environment tells any.

    It is in `<SERVICE>_ADMIN_DATABASE_URL`. Raises `BackupTrouble` if it tells some and not all.
    """
    names = {service: f"{service.upper()}_" for service in SERVICES}
    if not any(f"{prefix}ADMIN_DATABASE_URL" in os.environ for prefix in names.values()):
        return None
    try:
        return {service: _Address(_env_prefix=prefix).admin_database_url for service, prefix in names.items()}
    except Misconfigured as faults:
        raise BackupTrouble(str(faults)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One database of a backup: its dump, its schema, and how far it was."""

    service: str
    file: str
    sha256: str
    size: int
    schema: str
    handled: int
    """Every event of its outbox up to this id had been handled by all who follow it when the first dump began."""
    last_event: int
    segment: int | None
    """The last segment of its ledger that was off-site; None for a service without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A whole backup; `began` and `ended` are moments in ISO form."""

    began: str
    ended: str
    parts: Sequence[Part]

    def write(self, directory: Path) -> None:
        """Write it last, so that a backup without it is known to be unfinished."""
        path = directory / MANIFEST
        path.write_bytes(to_json(asdict(self), indent=1))
        path.chmod(0o600)


def read_manifest(directory: Path) -> Manifest:
    """Read a backup's manifest, and see that every dump is there and as it was written; raise `BackupTrouble`."""
    try:
        told: Mapping[str, Any] = from_json((directory / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise BackupTrouble(f"{directory} holds no finished backup: there is no {MANIFEST}.") from None
    manifest = Manifest(**{**told, "parts": [Part(**one) for one in told["parts"]]})
    if [one.service for one in manifest.parts] != list(SERVICES):
        raise BackupTrouble(f"{directory / MANIFEST} does not name the four services in their order.")
    for one in manifest.parts:
        if sha256_of(directory / one.file) != one.sha256:
            raise BackupTrouble(f"{directory / one.file} is not as it was written; take another backup.")
    return manifest


def sha256_of(path: Path) -> str:
    """Give the digest of a file, in hexadecimal; that of nothing if it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


async def run_program(name: str, *arguments: str, address: str) -> None:
    """Run a program of PostgreSQL's against a database; raise `BackupTrouble` with what it said.

    The address, which may hold a password, is told by the environment and not on the command line, where any user of
    the machine could read it.
    """
    process = await asyncio.create_subprocess_exec(
        str(wheel_programs() / name),
        *arguments,
        env={"PATH": os.defpath, "LC_ALL": "C", "HOME": os.environ.get("HOME", "/"), **_told_by_environment(address)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        raise BackupTrouble(f"{name} failed: {_first_line(said)}")


def _told_by_environment(address: str) -> dict[str, str]:
    """Give libpq's variables for an address."""
    url = make_url(address)
    told = {
        "PGHOST": url.host or str(url.query.get("host", "")),
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
        "PGSSLMODE": str(url.query.get("sslmode", "")),
        "PGSSLROOTCERT": str(url.query.get("sslrootcert", "")),
    }
    return {name: value for name, value in told.items() if value}


def _first_line(said: bytes) -> str:
    """Give the first line of an error; those after it may quote rows."""
    return (said.decode("utf-8", "replace").strip().splitlines() or ["it did not say why"])[0]


def of_database(address: str, *, service: str) -> str:
    """Give the address of a service's own database on a server."""
    return make_url(address).set(database=service).render_as_string(hide_password=False)


async def connect(address: str) -> Any:
    """Connect to a database."""
    return await asyncpg.connect(address, timeout=10)
