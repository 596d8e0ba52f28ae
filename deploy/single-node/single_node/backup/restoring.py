"""Restoring a backup into empty servers, closed: what was taken back since is not known here.

In this room: databases, their outboxes, the positions in Kafka. Not in this room: the replay of the ledgers, which each
service does for itself and which alone opens it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.migrate import provision
from shared.settings import KafkaSettings
from single_node.backup import SERVICES, BackupTrouble, Kafka
from single_node.backup.parts import Manifest, connect, of_database, read_manifest, run_program
from single_node.backup.positions import republish, skip_what_is_there

_FILLED: Final = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
_CLOSE: Final = (
    "UPDATE opening SET server_started = '-infinity', relation = 0 WHERE segment > 0 OR server_started IS NOT NULL"
)
_KEEPS_A_LEDGER: Final = "SELECT to_regclass('opening') IS NOT NULL"
_PARTNERS: Final = "SELECT partner, last FROM partner_sequences ORDER BY partner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored: of when, which services are closed, how many events are told again, and the number of the
    last change each partner has been told of in this history."""

    manifest: Manifest
    closed: tuple[str, ...]
    republished: Mapping[str, int]
    partners: Mapping[str, int]


async def restore_backup(
    addresses: Mapping[str, str], directory: Path, *, kafka: Kafka, settings: KafkaSettings | None
) -> Restored:
    """Restore all databases; `addresses` are those of the servers' superusers.

    Raises `BackupTrouble` before anything is made if the backup is not whole or a database is not empty.
    """
    manifest = read_manifest(directory)
    for service in SERVICES:
        await _require_empty(addresses[service], service)
    if kafka is Kafka.KEPT:
        if settings is None:
            raise BackupTrouble("Say where Kafka is: KAFKA_BOOTSTRAP_SERVERS=host:port")
        await skip_what_is_there(settings)
    closed = []
    for part in manifest.parts:
        await provision(addresses[part.service], service=part.service)
        here = of_database(addresses[part.service], service=part.service)
        file = str(directory / part.file)
        await run_program(
            "pg_restore", "--exit-on-error", "--single-transaction", "--no-password",
            f"--dbname={part.service}", file, address=here,
        )  # fmt: skip
        if await _close(here):
            closed.append(part.service)
    everything = kafka is Kafka.EMPTY
    after = {part.service: 0 if everything else part.handled for part in manifest.parts}
    return Restored(
        manifest=manifest,
        closed=tuple(closed),
        republished=await republish(addresses, after=after),
        partners=await _partners(addresses["referrals"]),
    )


async def _require_empty(address: str, service: str) -> None:
    """Raise `BackupTrouble` unless a server has no database of a service, or one with nothing in it."""
    server: Any = await connect(of_database(address, service="postgres"))
    try:
        there = await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", service)
    finally:
        await server.close()
    if not there:
        return
    database = await connect(of_database(address, service=service))
    try:
        if await database.fetchval(_FILLED):
            raise BackupTrouble(f"The database {service} is not empty; restore into a new server.")
    finally:
        await database.close()


async def _close(here: str) -> bool:
    """Close a database that has a ledger off-site, whatever its copy says; tell whether it has."""
    database = await connect(here)
    try:
        if not await database.fetchval(_KEEPS_A_LEDGER):
            return False
        return str(await database.execute(_CLOSE)) != "UPDATE 0"
    finally:
        await database.close()


async def _partners(address: str) -> dict[str, int]:
    database = await connect(of_database(address, service="referrals"))
    try:
        return {row["partner"]: row["last"] for row in await database.fetch(_PARTNERS)}
    finally:
        await database.close()
