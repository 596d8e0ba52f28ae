"""The gateway's application."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

import httpx
from fastapi import FastAPI
from pydantic_core import from_json

from gateway.api import routers
from gateway.limits import RateLimit
from gateway.metrics import ApiMetrics
from gateway.openapi import described, merged
from gateway.problems import ServiceUnreachable
from gateway.register import Register
from gateway.settings import Settings
from gateway.upstream import CASE_EPISODES, CUSTOMER_INDEX, REFERRALS, Upstream
from shared.asyncapi import document as asyncapi_document
from shared.db import Database
from shared.identity import TokenVerifier
from shared.metrics import new_registry
from shared.migrate import require_ready
from shared.paging import Cursors
from shared.permit import PermitMint
from shared.web import create_app as create_service

_LOADS: Final = re.compile(r"^/v1/sources/[^/]+/loads$")


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> FastAPI:
    """Make the application; its lifespan closes its pools and starts no background work.

    `transports` replaces the network to an inner service, by the service's name.
    """
    database = Database(settings.database_url, pool_size=settings.pool_size, name="gateway")
    keys_client = httpx.AsyncClient(timeout=5, follow_redirects=False, trust_env=False, verify=_authorities())
    limit = _limit(settings)
    registry = new_registry(service="gateway", process="api", database=database)
    metrics = ApiMetrics(registry)
    upstreams = _upstreams(settings, metrics=metrics, transports=transports or {})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for upstream in upstreams.values():
            await upstream.close()
        await keys_client.aclose()
        await limit.close()
        await database.close()

    app = create_service(
        "Single customer view",
        registry=registry,
        lifespan=lifespan,
        ready=partial(require_ready, database, "gateway"),
        max_body_bytes=settings.max_body_bytes,
        streamed=_LOADS,
        docs_url="/docs",
        describe=described,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.clock = clock
    app.state.register = Register(database)
    app.state.verifier = TokenVerifier(keys_client)
    app.state.limit = limit
    app.state.metrics = metrics
    app.state.cursors = Cursors(settings.cursor_secret)
    app.state.upstreams = upstreams
    app.state.changing = asyncio.Lock()
    for router in routers:
        app.include_router(router)
    _describe(app)
    return app


@cache
def _authorities() -> ssl.SSLContext:
    """Give whom we believe that a server is who it says; to read the list takes longer than all else here."""
    return httpx.create_ssl_context(trust_env=False)


def _limit(settings: Settings) -> RateLimit:
    url = settings.rate_limit_url
    return RateLimit(
        requests_per_second=settings.requests_per_second, url=None if url is None else url.get_secret_value()
    )


def _upstreams(
    settings: Settings, *, metrics: ApiMetrics, transports: Mapping[str, httpx.AsyncBaseTransport]
) -> dict[str, Upstream]:
    urls = {
        CUSTOMER_INDEX: settings.customer_index_url,
        CASE_EPISODES: settings.case_episodes_url,
        REFERRALS: settings.referrals_url,
    }
    mint = PermitMint(from_json(settings.permit_key.get_secret_value()))
    return {
        name: Upstream(
            name,
            url=url,
            mint=mint,
            timeout_seconds=settings.upstream_timeout_seconds,
            metrics=metrics,
            transport=transports.get(name),
            ca_file=settings.upstream_ca_file,
        )
        for name, url in urls.items()
        if url is not None
    }


def _describe(app: FastAPI) -> None:
    """Describe the API with the inner services' parts merged in, in place of FastAPI's own answer, and the events."""
    inner: dict[str, dict[str, Any]] = {}
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") != app.openapi_url]

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        for name, upstream in app.state.upstreams.items():
            if name not in inner:
                try:
                    inner[name] = await upstream.describe()
                except ServiceUnreachable:
                    continue
        return merged(app.openapi(), inner)

    @app.get("/v1/asyncapi.json", include_in_schema=False)
    async def asyncapi() -> dict[str, Any]:
        return asyncapi_document()
