"""The commands `scv backup`, `scv restore` and `scv republish`: arguments, and what is printed.

They work on the servers that `<SERVICE>_ADMIN_DATABASE_URL` names, all four, and on the Kafka that `KAFKA_…` names;
without the former, on the single node in `.scv` or wherever `SCV_DATA` says.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from single_node import postgres
from single_node.backup import SERVICES, BackupTrouble, Kafka
from single_node.place import default_place
from single_node.terminal import failures_told

if TYPE_CHECKING:
    from shared.settings import KafkaSettings

app = typer.Typer()

Directory = Annotated[Path, typer.Argument(help="The directory of the backup.", file_okay=False)]
WhatOfKafka = Annotated[Kafka, typer.Option("--kafka", help="What became of Kafka.")]


@app.command("backup")
def take(directory: Directory) -> None:
    """Back up all four databases into a new directory, while everything runs."""
    from single_node.backup.taking import take_backup  # no other command has to wait for what it imports

    with failures_told():
        manifest = asyncio.run(take_backup(_running(), directory, kafka=_kafka()))
        for part in manifest.parts:
            print(f"{part.file:22} {part.size:>12,} bytes  schema {part.schema}  events to {part.last_event}")
        print(f"Taken from {manifest.began} to {manifest.ended}. It holds personal data and no keys: keep both safe.")


@app.command()
def restore(directory: Directory, kafka: WhatOfKafka) -> None:
    """Restore a backup into empty servers; what has a ledger off-site stays closed until it is replayed."""
    from single_node.backup.restoring import restore_backup

    with failures_told(), _empty() as addresses:
        done = asyncio.run(restore_backup(addresses, directory, kafka=kafka, settings=_kafka()))
        print(f"Restored as of {done.manifest.began}.")
        _tell_republished(done.republished)
        for partner, last in done.partners.items():
            print(f"{partner} has to forget every change of number {last + 1} and later.")
        for service in sorted(done.closed):
            print(f"{service} is closed: python -m {service} replay")
        if not done.closed:
            print("Nothing is off-site: whatever was taken back since the backup is allowed again.")


@app.command("republish")
def tell_again(
    kafka: WhatOfKafka,
    directory: Annotated[Path | None, typer.Option(help="The backup that was restored, for how far it was.")] = None,
) -> None:
    """Have all events told again, or those a backup does not know to be handled; nothing else may run meanwhile."""
    from single_node.backup.parts import read_manifest
    from single_node.backup.positions import republish, skip_what_is_there

    with failures_told():
        known = {part.service: part.handled for part in read_manifest(directory).parts} if directory else {}
        settings = _kafka()
        if kafka is Kafka.KEPT and settings is not None:
            asyncio.run(skip_what_is_there(settings))
        after = {service: known.get(service, 0) if kafka is not Kafka.EMPTY else 0 for service in SERVICES}
        _tell_republished(asyncio.run(republish(_running(), after=after)))


def _tell_republished(counts: Mapping[str, int]) -> None:
    for service, count in counts.items():
        print(f"{service}: {count} events are told again")


def _kafka() -> "KafkaSettings | None":
    from shared.settings import KafkaSettings

    return KafkaSettings() if "KAFKA_BOOTSTRAP_SERVERS" in os.environ else None


def _told() -> Mapping[str, str] | None:
    from single_node.backup.parts import addresses_told

    return addresses_told()


def _running() -> Mapping[str, str]:
    told = _told()
    if told is not None:
        return told
    found = default_place().announcement()
    if found is None:
        raise BackupTrouble("No node runs here; start it, or name the servers: GATEWAY_ADMIN_DATABASE_URL and so on.")
    return dict.fromkeys(SERVICES, postgres.admin_dsn(Path(found.sockets)))


@contextmanager
def _empty() -> Iterator[Mapping[str, str]]:
    """Give the servers to restore into: those that are named, or the one of a node that does not run."""
    told = _told()
    if told is not None:
        yield told
        return
    place = default_place()
    with place.held(), postgres.running(place.postgres) as server:
        asyncio.run(server.require_own())
        yield dict.fromkeys(SERVICES, server.admin_dsn)
