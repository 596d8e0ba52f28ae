"""Taking a backup: one consistent dump of each database, consumers before those they follow, and the manifest."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shared.settings import KafkaSettings
from single_node.backup import SERVICES, BackupTrouble
from single_node.backup.parts import Manifest, Part, connect, of_database, run_program, sha256_of
from single_node.backup.positions import all_handled

_HANDLED: Final = (
    "SELECT COALESCE(min(id) FILTER (WHERE published_at IS NULL) - 1, max(id), 0) AS handled,"
    " COALESCE(max(id), 0) AS last FROM outbox"
)
_SCHEMA: Final = "SELECT version_num FROM alembic_version"
_KEEPS_A_LEDGER: Final = "SELECT to_regclass('opening') IS NOT NULL"


async def take_backup(addresses: Mapping[str, str], directory: Path, *, kafka: KafkaSettings | None) -> Manifest:
    """Back all databases up into a new directory that only its owner may enter.

    `addresses` are those of the servers' superusers, who see every row. Without Kafka an event counts as handled once
    it is published, as in a single node. Raises `BackupTrouble`.
    """
    make_directory(directory)
    began = datetime.now(UTC)
    handled = {service: await _handled(addresses[service], service) for service in SERVICES}
    if kafka is not None and not await all_handled(kafka):
        handled = dict.fromkeys(SERVICES, 0)
    parts = [
        await _dump(addresses[service], service, directory=directory, handled=handled[service]) for service in SERVICES
    ]
    manifest = Manifest(began=began.isoformat(), ended=datetime.now(UTC).isoformat(), parts=parts)
    manifest.write(directory)
    return manifest


def make_directory(directory: Path) -> None:
    """Make a new directory for its owner alone; raise `BackupTrouble` if there is one already."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        raise BackupTrouble(f"{directory} exists; a backup is taken into a new directory.") from None
    except FileNotFoundError:
        raise BackupTrouble(f"{directory.parent} is not there; name a new directory in one that is.") from None


async def _handled(address: str, service: str) -> int:
    connection = await connect(of_database(address, service=service))
    try:
        return int((await connection.fetchrow(_HANDLED))["handled"])
    finally:
        await connection.close()


async def _dump(address: str, service: str, *, directory: Path, handled: int) -> Part:
    """Dump one database, and note how far it is: read before the dump, so that the dump is at least there."""
    here = of_database(address, service=service)
    connection = await connect(here)
    try:
        schema = str(await connection.fetchval(_SCHEMA))
        last = int((await connection.fetchrow(_HANDLED))["last"])
        segment = None
        if await connection.fetchval(_KEEPS_A_LEDGER):
            segment = int(await connection.fetchval("SELECT segment FROM opening") or 0)
    finally:
        await connection.close()
    path = directory / f"{service}.dump"
    path.touch(mode=0o600)
    await run_program("pg_dump", "--format=custom", "--compress=1", "--no-password", f"--file={path}", address=here)
    return Part(
        service=service,
        file=path.name,
        sha256=sha256_of(path),
        size=path.stat().st_size,
        schema=schema,
        handled=handled,
        last_event=last,
        segment=segment,
    )
