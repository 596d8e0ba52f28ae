"""Services as the processes they are deployed as: each starts, does its work, and stops in order."""

import asyncio

import httpx
import pytest
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from single_node.postgres import Server
from tests.builders import PERMIT_KEY, PERMIT_KEYS
from tests.conftest import url
from tests.processes import START_SECONDS, a_process, an_api, environment


@pytest.mark.parametrize(("package", "route"), [("case_episodes", "/v1/work-queue"), ("referrals", "/v1/referrals")])
async def test_an_api_answers_until_it_is_told_to_stop(package: str, route: str, emptied: Server) -> None:
    told = environment(emptied, package, permit_keys=to_json(PERMIT_KEYS).decode())
    async with an_api(package, told) as api:
        async with httpx.AsyncClient(base_url=api.address, trust_env=False) as client:
            ready = await client.get("/readyz")
            without_a_permit = await client.get(route)

        assert (ready.status_code, without_a_permit.status_code) == (200, 401)

    async with httpx.AsyncClient(base_url=api.address, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/readyz")


async def test_the_jobs_of_the_gateway_seal_the_audit_and_are_told_no_other_secret(
    emptied: Server, admins: dict[str, AsyncEngine]
) -> None:
    admin = admins["gateway"]
    async with admin.begin() as connection:
        await connection.execute(
            text(
                "WITH row AS (INSERT INTO audit (sequence, audit_id, at, organisation, subject, roles, action, method,"
                " route, person_ids, person_owners, records, owners, scopes, clauses, policy, outcome, epoch)"
                " VALUES (nextval('audit_sequence'), gen_random_uuid(), now(), 'lbhf', 'ada', '{}', 'read', 'GET', '/',"
                " '{}', '{}', '{}', '{}', '{}', '{}', '', 'allowed', 1) RETURNING sequence, at)"
                " INSERT INTO audit_unsealed (sequence, at) SELECT sequence, at FROM row"
            )
        )
    told = {
        "GATEWAY_WORKER_DATABASE_URL": url(emptied, "gateway", "worker"),
        "GATEWAY_CHECKPOINT_KEY": to_json(PERMIT_KEY.as_dict(private=True)).decode(),
    }

    async with a_process("gateway", "jobs", told), asyncio.timeout(START_SECONDS):
        sealed = None
        while sealed is None:
            await asyncio.sleep(0.2)
            async with admin.connect() as connection:
                last = text("SELECT max(tree_size) FROM audit_checkpoints")
                sealed = (await connection.execute(last)).scalar_one()

    assert sealed == 1
