"""The town under attack: made once for all campaigns, which leave it as they like."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from single_node.postgres import Server
from tests.conftest import empty
from tests.fuzz.town import Town, settle
from tests.gateway.whole import a_whole_platform


@pytest.fixture(scope="module")
async def town(migrated: Server, admins: dict[str, AsyncEngine]) -> AsyncIterator[Town]:
    """The whole platform, with residents who are worked for."""
    for engine in admins.values():
        await empty(engine)
    async with admins["gateway"].begin() as connection:
        await connection.execute(text("INSERT INTO governance (epoch) VALUES (1)"))
    async with a_whole_platform(migrated) as whole:
        yield await settle(whole)
