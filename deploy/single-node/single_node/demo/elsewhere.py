"""A platform that somebody else runs, as a stage: its gateway by address, its secrets and databases as files name them.

In this room: what has to be true before the demo may enter its own organisations there. Not in this room: how such a
platform is run (docker-compose.yml and deploy/compose/demo.yml, for one).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from single_node import organisations
from single_node.demo.evaluator import DatabaseEvaluator
from single_node.demo.stage import Stage
from single_node.demo.telling import Surprise, Telling
from single_node.place import Place
from single_node.staff import LocalNode, NotPossible, explained

_TIMEOUT_SECONDS: Final = 60


@contextmanager
def elsewhere(telling: Telling, *, gateway: str, place: Place, databases: str) -> Iterator[Stage]:
    """Enter the organisations of the demo on a platform that has none, and give it as a stage.

    `place` holds the platform's secrets, `databases` is the `host:port` at which its server can be reached from here.
    Raises `NotPossible`, before anything is changed, where the platform is not new or not reachable, and `Surprise`.
    """
    evaluator = _evaluator(place, databases)
    try:
        evaluator.matching()
    except (OSError, DBAPIError) as error:
        raise NotPossible(f"No database answers the evaluator at {databases} ({type(error).__name__}).") from None
    try:
        asyncio.run(_enter(gateway, place))
        with httpx.Client(base_url=gateway, timeout=_TIMEOUT_SECONDS) as http:
            yield Stage(telling, http, LocalNode(place, gateway), evaluator)
    except httpx.TransportError as error:
        raise Surprise(f"The gateway at {gateway} did not answer ({type(error).__name__}).") from None


async def _enter(gateway: str, place: Place) -> None:
    """Enter the demo's organisations as the operator; only on a platform where nobody else is."""
    if not (place.secrets / f"identity-{organisations.OPERATOR}.jwk").exists():
        raise NotPossible(f"{place.secrets} does not hold the key of the operator's identity provider.")
    headers = {"Authorization": f"Bearer {organisations.operator_token(place)}"}
    async with httpx.AsyncClient(base_url=gateway, headers=headers, timeout=_TIMEOUT_SECONDS) as operator:
        found = await operator.get("/v1/organisations")
        if found.is_error:
            raise NotPossible(f"The gateway answered {found.status_code} to its operator: {explained(found)}")
        others = [item["org"] for item in found.json()["items"] if item["org"] != organisations.OPERATOR]
        if others:
            raise NotPossible(
                f"This platform has organisations already ({', '.join(sorted(others))}), and perhaps real residents."
                " The demo plays on a new one only."
            )
        await organisations.enter(operator, place)


def _evaluator(place: Place, databases: str) -> DatabaseEvaluator:
    host, _, port = databases.rpartition(":")

    def url(name: str) -> str:
        try:
            told = make_url((place.secrets / name).read_text("utf-8"))
        except OSError as error:
            raise NotPossible(f"{place.secrets / name} cannot be read ({error.strerror}).") from None
        return told.set(host=host, port=int(port)).render_as_string(hide_password=False)

    return DatabaseEvaluator(
        index_app=url("customer_index_database_url"),
        index_worker=url("customer_index_worker_database_url"),
        gateway_worker=url("gateway_worker_database_url"),
    )
