"""The examination of an installation of several processes, composed or in a cluster: what each says of itself, and its
databases where their addresses are given."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from single_node.doctor.finding import Finding, wrong
from single_node.doctor.inquiry import Answer, Answered, Containers, Silent, ask
from single_node.doctor.processes import EXPECTED, judge_all
from single_node.doctor.service import SERVICES, Remedies, look_at_database
from single_node.staff import NotPossible

_AT_ONCE: Final = 4
_SECONDS: Final = 10

REMEDIES: Final = Remedies(
    schema="run the service's migrations (docs/runbooks/upgrade.md), or go back to the version that made it",
    relay="the relay's log line `relay failed` says why; docs/runbooks/lag.md, kafka-lost.md",
    redrive="docs/runbooks/dead-letters.md: the log line `event condemned` names it; mend the cause, then redrive",
    sealing="the log line `sealing failed` of the gateway's jobs says why; LogDamaged: docs/runbooks/broken-seal.md",
    database="docs/runbooks/postgresql-lost.md; the address is that of the worker role, past any pooler",
    closed="it was started again or restored: docs/runbooks/backup-and-restore.md",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where an installation is asked: addresses of processes, containers to enter, databases as the worker role."""

    addresses: Sequence[str] = ()
    containers: Containers | None = None
    databases: Sequence[str] = ()


async def examine_installation(installation: Installation) -> AsyncIterator[Finding]:
    """Ask everything there is to ask, and judge it. Raises `NotPossible` where it cannot even be asked."""
    databases = {_service_of(url): url for url in installation.databases}
    answers = await _ask_all(installation)
    for silent in answers:
        if isinstance(silent, Silent):
            yield wrong(silent.where, silent.why, remedy="start it, or look why it does not: its log says more")
    if answers:
        for finding in judge_all([one for one in answers if isinstance(one, Answered)]):
            yield finding
    for service, url in databases.items():
        async for finding in look_at_database(service, url, remedies=REMEDIES):
            yield finding


async def _ask_all(installation: Installation) -> list[Answer]:
    few = asyncio.Semaphore(_AT_ONCE)
    containers = installation.containers

    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:

        async def over_http(url: str) -> Answer:
            async with few:
                return await ask(url, http=http)

        async def inside(container: Containers, name: str) -> Answer:
            async with few:
                return await container.ask(name)

        asking = [over_http(url) for url in installation.addresses]
        if containers is not None:
            ours = [name for name in await containers.names() if name.startswith(tuple(EXPECTED))]
            if not ours:
                raise NotPossible("None of our containers runs there.")
            asking += [inside(containers, name) for name in ours]
        return list(await asyncio.gather(*asking))


def _service_of(url: str) -> str:
    try:
        name = make_url(url).database or ""
    except ArgumentError:
        name = ""
    if name not in SERVICES:
        raise NotPossible(f"A database's address ends in the name of its service: one of {', '.join(SERVICES)}.")
    return name
