"""How long the answer takes for somebody the caller may not know, against that for somebody who is not there.

The answers are the same to the byte (`gateway/test_unknowable`); this measures whether time tells them apart, through
the real gateway and services in one process on a database of its own. 1 is what nobody could tell apart.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from shared.migrate import migrate, provision
from single_node.postgres import Durability, Server, running
from tests.bench.figures import Figure, ratio_of_medians
from tests.bench.turns import Work, by_turns
from tests.conftest import SERVICES, url
from tests.gateway.residents import (
    EXCLUDED_WORKER,
    OF_WCC,
    Resident,
    exclude,
    nobody,
    protect,
    settle_in,
)
from tests.gateway.whole import Whole, a_whole_platform

WARM: Final = 30
TIMES: Final = 300


async def measure() -> list[Figure]:
    """Compare the times for a protected, a sealed and an excluded person with those for nobody."""
    async with _platform() as whole:
        # Whom the asking borough has itself, it finds by itself.
        only_there = ("thandeka", "quilla")
        residents = await settle_in(whole, *only_there, "osric", "ludo", only_in_lbhf=only_there)
        await protect(whole, residents["thandeka"], "refuge")
        await protect(whole, residents["quilla"], "adoption")
        await exclude(whole, residents["osric"])
        return [
            await _compared("unknown_time_protected", whole, residents["thandeka"], look=_search, who=OF_WCC),
            await _compared("unknown_time_sealed", whole, residents["quilla"], look=_view, who=OF_WCC),
            await _compared("unknown_time_excluded", whole, residents["osric"], look=_view, who=EXCLUDED_WORKER),
            await _compared("unknown_time_sealed_search", whole, residents["quilla"], look=_search, who=OF_WCC),
            await _compared("unknown_time_sealed_case", whole, residents["quilla"], look=_case, who=OF_WCC),
            await _compared("unknown_time_excluded_case", whole, residents["osric"], look=_case, who=EXCLUDED_WORKER),
        ]


async def _compared(name: str, whole: Whole, unknown: Resident, *, look: Any, who: str) -> Figure:
    works = {"unknown": look(whole, unknown, who), "nobody": look(whole, nobody(), who)}
    seconds = await by_turns(works, warm=WARM, times=TIMES)
    return ratio_of_medians(name, seconds["unknown"], against=seconds["nobody"])


def _view(whole: Whole, about: Resident, who: str) -> Work:
    async def work() -> None:
        _require(await whole.call("GET", f"/v1/people/{about.person_id}", who), 404)

    return work


def _case(whole: Whole, about: Resident, who: str) -> Work:
    async def work() -> None:
        _require(await whole.call("GET", f"/v1/cases/{about.case_id}", who), 404)

    return work


def _search(whole: Whole, about: Resident, who: str) -> Work:
    """Search by phone, which finds nobody who is unknown to the caller by it."""
    elsewhere = {"phone": about.search["phone"]["phone"]}

    async def work() -> None:
        _require(await whole.call("POST", "/v1/people/search", who, json=elsewhere), 200)

    return work


def _require(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text


@asynccontextmanager
async def _platform() -> AsyncIterator[Whole]:
    with (
        tempfile.TemporaryDirectory(prefix="scv-bench-") as home,
        running(Path(home) / "postgres", durability=Durability.THROW_AWAY) as server,
    ):
        await _migrated(server)
        async with a_whole_platform(server) as whole:
            yield whole


async def _migrated(server: Server) -> None:
    await server.require_own()
    for service in SERVICES:
        await provision(server.admin_dsn, service=service)
        await migrate(service, url(server, service, "owner"))
