"""customer-index under test: the real application on a real database, called as the gateway would call it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pydantic_core import to_json

from customer_index import jobs
from customer_index.app import create_app
from customer_index.commands.link import link_waiting
from customer_index.consumer import governance_consumer
from customer_index.model import load_model
from customer_index.settings import Settings
from shared.bus import Handler
from shared.db import Database
from shared.permit import HEADER, Permit, fingerprint
from single_node.postgres import Server
from tests.builders import AT, MINT, PERMIT_KEYS, SECRET
from tests.conftest import url


@dataclass
class Index:
    """The service and what stands beside it."""

    client: httpx.AsyncClient
    app: Any
    database: Database
    worker: Database

    async def call(self, method: str, path: str, permit: Permit | None, **sent: Any) -> httpx.Response:
        """Call the service with a permit minted for just this call."""
        headers = dict(sent.pop("headers", {}))
        if permit is not None:
            headers[HEADER] = MINT.mint(permit, audience="customer-index", request=fingerprint(method, path), at=AT)
        return await self.client.request(method, path, headers=headers, **sent)

    async def link(self) -> None:
        """Let the worker decide all links that wait."""
        while True:
            async with self.worker.transaction() as tx:
                if not await link_waiting(tx, model=load_model(), at=AT):
                    return

    async def finish_loads(self) -> None:
        """Let the worker take in all loads that wait."""
        while await jobs.take_in_next(self.database, self.worker, clock=lambda: AT):
            pass

    @property
    def consume(self) -> Handler:
        """The handler of governance events."""
        return governance_consumer(self.worker)


@pytest.fixture(scope="session")
async def serving(migrated: Server) -> AsyncIterator[Index]:
    """customer-index, started once for all tests: it keeps nothing between calls but its connections."""
    settings = Settings(
        database_url=url(migrated, "customer_index", "app"),
        cursor_secret=SECRET,
        permit_keys=to_json(PERMIT_KEYS).decode(),
        pool_size=10,
    )
    app = create_app(settings, clock=lambda: AT)
    worker = Database(url(migrated, "customer_index", "worker"), pool_size=4, name="worker under test")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://customer-index") as client:
        yield Index(client, app, app.state.database, worker)
    await app.state.database.close()
    await worker.close()


@pytest.fixture
async def index(serving: Index, emptied: Server) -> Index:
    """customer-index without a single record."""
    return serving
