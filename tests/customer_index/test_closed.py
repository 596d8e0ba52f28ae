"""A database that is closed: nobody learns anything, not even that there is nobody."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index.commands.link import link_waiting
from customer_index.model import load_model
from shared.db import Database
from single_node.postgres import Server
from tests.builders import AT, write_permit
from tests.conftest import url
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put
from tests.customer_index.protecting import protect, searcher
from tests.customer_index.test_seals import NOBODY, asked


@pytest.fixture
async def closed(index: Index, admins: dict[str, AsyncEngine]) -> AsyncIterator[str]:
    """The id of a person sealed by lbhf, in a database that was closed since."""
    person_id = str((await put(index, "lbhf", "crm/c-1"))["person_id"])
    await protect(index, person_id, "adoption")
    async with admins["customer_index"].begin() as tx:
        await tx.execute(text("UPDATE opening SET server_started = '-infinity'"))
    yield person_id
    async with admins["customer_index"].begin() as tx:
        await tx.execute(text("UPDATE opening SET server_started = NULL"))


async def test_who_may_not_be_known_of_is_not_told_from_nobody(index: Index, closed: str) -> None:
    for org in ("wcc", "lbhf"):
        sealed, nobody = [await asked(index, one, org) for one in (closed, NOBODY)]
        assert {answer.status_code for answer in (*sealed, *nobody)} == {503}


async def test_a_search_does_not_say_that_there_is_nobody(index: Index, closed: str) -> None:
    body = {"family_name": "Nobody-Atall", "date_of_birth": "1950-01-01"}

    answer = await index.call("POST", "/v1/people/search", searcher("wcc", "lbhf"), json=body)

    assert answer.status_code == 503


async def test_a_record_that_is_not_there_is_not_told_either(index: Index, closed: str) -> None:
    answer = await index.call("DELETE", "/v1/sources/crm/records/none", write_permit("lbhf"))

    assert answer.status_code == 503


async def test_it_is_ready_meanwhile_for_a_restart_would_mend_nothing(index: Index, closed: str) -> None:
    assert (await index.client.get("/readyz")).status_code == 200


async def test_who_waits_to_be_linked_goes_on_waiting(
    closed: str, emptied: Server, admins: dict[str, AsyncEngine]
) -> None:
    waiting = text("SELECT count(*) FROM link_queue")
    async with admins["customer_index"].begin() as tx:
        await tx.execute(text("INSERT INTO link_queue (owner, person_id) VALUES ('lbhf', :id)"), {"id": UUID(closed)})
        before = (await tx.execute(waiting)).scalar_one()
    worker = Database(url(emptied, "customer_index", "worker"), pool_size=1, name="tests")

    with pytest.raises(DBAPIError, match="restored and not replayed"):
        async with worker.transaction() as tx:
            await link_waiting(tx, model=load_model(), at=AT)
    await worker.close()

    async with admins["customer_index"].connect() as tx:
        assert (await tx.execute(waiting)).scalar_one() == before > 0
