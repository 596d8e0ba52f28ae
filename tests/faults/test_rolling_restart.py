"""Everything is restarted while everybody works, and nobody notices.

Two replicas of each service answer; gateways are reached through a proxy and through a balancer of connections, inner
services through balancers of connections. Each replica is told to stop and started again, with the other at work.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import pytest
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events import PEOPLE, REFERRALS
from shared.kafka import create_topics
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests.builders import PERMIT_KEY, PERMIT_KEYS
from tests.faults.balancing import LOOK_SECONDS, a_proxy, a_service, endpoints
from tests.faults.rolling import Callers, Replica, started
from tests.gateway.conftest import as_superuser
from tests.gateway.residents import settle_in
from tests.gateway.whole import a_whole_platform
from tests.processes import environment

pytestmark = [pytest.mark.xdist_group("kafka")]

INNER: Final = ("customer_index", "case_episodes", "referrals")
DRAIN_SECONDS: Final = "3"
"""Longer than the two seconds for which the gateway keeps an idle connection."""
LEAST_ANSWERS: Final = 20
"""In each round of restarts; thousands on a machine that is not busy."""


@pytest.mark.kafka
async def test_no_call_fails_and_no_write_is_lost_while_every_process_is_restarted(
    emptied: Server, admins: dict[str, AsyncEngine], kafka: str, record_property: Callable[[str, object], None]
) -> None:
    await as_superuser(emptied, "INSERT INTO governance (epoch) VALUES (1)")
    async with a_whole_platform(emptied) as whole:
        residents = await settle_in(whole, "quilla", "osric")
    await create_topics(KafkaSettings(bootstrap_servers=kafka), [PEOPLE, REFERRALS])

    def told(package: str, **more: str) -> dict[str, str]:
        return environment(emptied, package, drain_seconds=DRAIN_SECONDS, pool_size="4", **more) | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka
        }

    permit_keys = to_json(PERMIT_KEYS).decode()
    key = to_json(PERMIT_KEY.as_dict(private=True)).decode()
    inner = {
        package: [Replica(package=package, told=told(package, permit_keys=permit_keys)) for _ in range(2)]
        for package in INNER
    }
    workers = [
        Replica(package="customer_index", process="jobs", told=told("customer_index", permit_keys=permit_keys)),
        Replica(package="customer_index", process="relay", told=told("customer_index")),
        Replica(package="case_episodes", process="consumer", told=told("case_episodes")),
    ]
    async with (
        endpoints(*(one.port for one in inner["customer_index"])) as index,
        endpoints(*(one.port for one in inner["case_episodes"])) as cases,
        endpoints(*(one.port for one in inner["referrals"])) as help_asked,
        a_service(index) as index_url,
        a_service(cases) as cases_url,
        a_service(help_asked) as referrals_url,
    ):
        urls = {"customer_index_url": index_url, "case_episodes_url": cases_url, "referrals_url": referrals_url}
        urls["upstream_timeout_seconds"] = "30"
        gateways = [Replica(package="gateway", told=told("gateway", permit_key=key, **urls)) for _ in range(2)]
        replicas = [*gateways, *(one for pair in inner.values() for one in pair)]
        async with (
            endpoints(*(one.port for one in gateways)) as front,
            a_proxy(front) as proxied,
            a_service(front) as balanced,
            started(*replicas, *workers),
        ):
            callers = Callers((proxied, balanced), residents)
            rounds = []
            async with callers.at_work():
                for turn in range(2):
                    before = callers.answered.total()
                    everywhere = [gateways[turn], *(pair[turn] for pair in inner.values())]
                    await asyncio.gather(*(one.restart() for one in [*everywhere, *workers[turn::2]]))
                    await asyncio.sleep(2 * LOOK_SECONDS)
                    rounds.append(callers.answered.total() - before)
            kept = await _kept(admins, callers)
    record_property("figures", f"answered {dict(callers.answered)}, in each round {rounds}, failed {callers.failed}")
    assert callers.failed == []
    assert min(rounds) >= LEAST_ANSWERS
    assert all(callers.answered[doing] for doing in ("_view", "_search", "_assert", "_decide", "_open_case"))
    assert kept == (len(callers.records), len(callers.cases), len(set(callers.records.values())))


async def _kept(admins: dict[str, AsyncEngine], callers: Callers) -> tuple[int, int, int]:
    """Count the acknowledged records and cases that are there, and the records' persons that others learnt of."""
    async with admins["customer_index"].connect() as connection:
        there = text("SELECT count(*) FROM records WHERE local_id = ANY(:ids)")
        records = (await connection.execute(there, {"ids": list(callers.records)})).scalar_one()
    async with admins["case_episodes"].connect() as connection:
        there = text("SELECT count(*) FROM cases WHERE case_id = ANY(CAST(:ids AS uuid[]))")
        cases = (await connection.execute(there, {"ids": callers.cases})).scalar_one()
        told = text("SELECT count(*) FROM inbox WHERE subject = ANY(:ids)")
        persons = list(set(callers.records.values()))
        events = 0
        for _ in range(100):
            events = (await connection.execute(told, {"ids": persons})).scalar_one()
            if events == len(persons):
                break
            await asyncio.sleep(0.2)
    return records, cases, events
