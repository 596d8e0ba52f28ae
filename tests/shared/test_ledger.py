"""The ledger: what a replay believes is written by changes of rows alone, never by a role that says there was one."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db import Database
from single_node.postgres import Server
from tests.conftest import url

FORGED = text("INSERT INTO ledger (of, key, image) VALUES ('protections', CAST('{}' AS jsonb), NULL)")


@pytest.mark.parametrize("service", ["gateway", "customer_index"])
@pytest.mark.parametrize("role", ["app", "worker"])
async def test_no_role_of_a_running_service_writes_the_ledger_by_hand(service: str, role: str, emptied: Server) -> None:
    database = Database(url(emptied, service, role), pool_size=1, name="forger")
    try:
        with pytest.raises(DBAPIError, match="row-level security"):
            async with database.transaction() as tx:
                await tx.execute(FORGED)
    finally:
        await database.close()
