"""The API of each inner service as the process it is deployed as: it starts, says it is ready, and stops in order."""

import httpx
import pytest
from pydantic_core import to_json

from single_node.postgres import Server
from tests.builders import PERMIT_KEYS
from tests.processes import an_api, environment


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
