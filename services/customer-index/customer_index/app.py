"""The application of customer-index."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from fastapi import FastAPI
from pydantic_core import from_json

from customer_index.api import routers
from customer_index.model import load_model
from customer_index.settings import Settings
from shared.db import Database
from shared.guard import count_refused, describe_permitted
from shared.ledger import ENTRY
from shared.metrics import new_registry
from shared.migrate import require_ready
from shared.paging import Cursors
from shared.permit import PermitGate
from shared.telemetry import child_of
from shared.web import create_app as create_service

AUDIENCE = "customer-index"
_LOADS = re.compile(r"^/v1/sources/[^/]+/loads$")


def create_app(settings: Settings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> FastAPI:
    """Make the application; its lifespan opens and closes the pool and starts no background work."""
    database = Database(settings.database_url, pool_size=settings.pool_size, name=AUDIENCE, entry=ENTRY)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

    registry = new_registry(service=AUDIENCE, process="api", database=database)
    app = create_service(
        "customer-index",
        registry=registry,
        lifespan=lifespan,
        ready=partial(require_ready, database, "customer_index"),
        max_body_bytes=settings.max_body_bytes,
        streamed=_LOADS,
        origin_of=child_of,
        describe=describe_permitted,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.clock = clock
    app.state.model = load_model()
    app.state.cursors = Cursors(settings.cursor_secret)
    app.state.permit_gate = PermitGate(from_json(settings.permit_keys), audience=AUDIENCE)
    count_refused(app)
    for router in routers:
        app.include_router(router)
    return app
