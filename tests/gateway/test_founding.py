"""The founding of a platform, as the process that whoever installs it runs."""

import asyncio
import json
import os
from typing import Any

from pydantic_core import to_json

from single_node.postgres import Server
from tests.builders import AT
from tests.conftest import url
from tests.documents import NOWHERE
from tests.gateway.conftest import as_superuser, serving
from tests.gateway.platform import StandIn, founding_body
from tests.processes import ended_forked


async def _found(server: Server, body: dict[str, Any]) -> tuple[int | None, str]:
    return await _found_at(url(server, "gateway", "app"), body)


async def _found_at(database_url: str, body: dict[str, Any]) -> tuple[int | None, str]:
    told = {"GATEWAY_DATABASE_URL": database_url, "GATEWAY_FOUNDING": to_json(body).decode()}
    return await ended_forked("gateway", "found", {**os.environ, **told})


async def test_the_founded_operator_enters_the_first_organisation(founded: Server) -> None:
    code, said = await _found(founded, founding_body())

    async with serving(founded, behind=StandIn(AT)) as platform:
        body = {"name": "Hackney", "kind": "borough"}
        entered = await platform.call("PUT", "/v1/organisations/hackney", "platform/root/operator", json=body)

    assert (code, entered.status_code) == (0, 201), said


async def test_a_platform_is_founded_once_however_often_and_by_however_many_it_is_tried(founded: Server) -> None:
    another = founding_body() | {"org": "usurper"}

    await asyncio.gather(_found(founded, founding_body()), _found(founded, founding_body()))
    code, said = await _found(founded, another)

    assert code == 0
    assert "founded before" in said
    assert await as_superuser(founded, "SELECT org FROM organisations") == [("platform",)]
    assert await as_superuser(founded, "SELECT subject, roles FROM staff") == [("root", ["admin", "operator"])]


async def test_a_database_that_is_away_is_one_line_of_the_log() -> None:
    code, said = await _found_at(NOWHERE.replace("none", "canary"), founding_body())

    [line] = said.splitlines()
    assert code == 1
    assert json.loads(line)["event"] == "failed"
    assert "canary" not in line


async def test_what_is_not_valid_founds_nothing_and_is_not_repeated(founded: Server) -> None:
    wrong: tuple[dict[str, Any], ...] = ({"administrators": []}, {"org": "Canary Wharf"}, {"password": "canary"})
    for spoilt in wrong:
        code, said = await _found(founded, founding_body() | spoilt)

        assert code not in (0, None), spoilt
        assert "anary" not in said

    assert await as_superuser(founded, "SELECT org FROM organisations") == []
