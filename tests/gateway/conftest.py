"""The gateway under test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.app import create_app
from gateway.settings import Settings
from shared.migrate import socket_url
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEY, SECRET
from tests.conftest import url
from tests.gateway.platform import Platform, StandIn, found, populate
from tests.kept import bring_back, is_kept, keep


async def as_superuser(server: Server, statement: str) -> list[Any]:
    """Do to the gateway's database what no role of the gateway may do."""
    engine = create_async_engine(socket_url(str(server.sockets), database="gateway", role="postgres"))
    async with engine.begin() as connection:
        result = await connection.execute(text(statement))
        rows = [*result.all()] if result.returns_rows else []
    await engine.dispose()
    return rows


@asynccontextmanager
async def serving(
    server: Server,
    *,
    behind: StandIn | Any,
    others: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Platform]:
    """Serve a gateway in front of an inner service, and of others by their names."""
    beside = others or {}
    app = create_app(
        Settings(
            **{
                "database_url": url(server, "gateway", "app"),
                "cursor_secret": SECRET,
                "permit_key": to_json(PERMIT_KEY.as_dict(private=True)).decode(),
                "customer_index_url": "http://customer-index",
                "agreement_checks": "single-node",
                **{f"{name.replace('-', '_')}_url": f"http://{name}" for name in beside},
                **(settings or {}),
            }
        ),
        clock=lambda: AT,
        transports={name: httpx.ASGITransport(app) for name, app in {**beside, "customer-index": behind}.items()},
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        platform = Platform(app, client)
        if isinstance(behind, StandIn):
            platform.behind = behind
        yield platform


@pytest.fixture
async def founded(emptied: Server, admins: dict[str, AsyncEngine]) -> Server:
    """A server on which the gateway has its first epoch."""
    await begin(admins["gateway"])
    return emptied


async def begin(admin: AsyncEngine) -> None:
    """Give the gateway its first epoch."""
    async with admin.begin() as connection:
        await connection.execute(text("INSERT INTO governance (epoch) VALUES (1)"))


@pytest.fixture
async def peopled(founded: Server, admins: dict[str, AsyncEngine]) -> Server:
    """A server on which the gateway has its operator, three boroughs and a partner, their sources and some staff."""
    await people(founded, admins["gateway"])
    return founded


async def people(server: Server, admin: AsyncEngine) -> None:
    """Enter operator, organisations, sources and staff: over HTTP the first time, from then on from a copy."""
    if await is_kept(admin):
        await bring_back(admin)
        return
    async with serving(server, behind=StandIn(AT)) as served:
        await found(served.app)
        await populate(served)
    await keep(admin)


@pytest.fixture
async def platform(peopled: Server) -> AsyncIterator[Platform]:
    """A gateway with three boroughs and a partner, in front of a stand-in."""
    async with serving(peopled, behind=StandIn(AT)) as served:
        yield served
