"""customer-index as the processes it is deployed as, each started, put to work, and told to stop."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events import GOVERNANCE
from shared.kafka import KafkaBus
from shared.settings import KafkaSettings
from single_node.postgres import Server
from tests.builders import PERMIT_KEYS, SECRET
from tests.conftest import url
from tests.customer_index.linked import source_changed
from tests.kafka_broker import ROOT


def environment(server: Server, **more: str) -> dict[str, str]:
    """Give what a process of customer-index is told."""
    told = {
        "CUSTOMER_INDEX_DATABASE_URL": url(server, "customer_index", "app"),
        "CUSTOMER_INDEX_WORKER_DATABASE_URL": url(server, "customer_index", "worker"),
        "CUSTOMER_INDEX_OWNER_DATABASE_URL": url(server, "customer_index", "owner"),
        "CUSTOMER_INDEX_CURSOR_SECRET": SECRET,
        "CUSTOMER_INDEX_PERMIT_KEYS": to_json(PERMIT_KEYS).decode(),
    }
    return os.environ | told | more


async def started(name: str, **settings: Any) -> asyncio.subprocess.Process:
    """Start a process by its name."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "customer_index", *([name] if name else [])),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        **settings,
    )


@asynccontextmanager
async def running(name: str, env: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process, and tell it to stop at the end; it stops in order, and says so in JSON."""
    process = await started(name, env=env)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0, said
        assert json.loads(said.splitlines()[-1])["event"] == "stopped"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(admin: AsyncEngine, statement: str, **values: Any) -> None:
    """Wait until a statement gives true."""
    async with asyncio.timeout(30):
        while True:
            async with admin.connect() as connection:
                if (await connection.execute(text(statement), values)).scalar_one():
                    return
            await asyncio.sleep(0.1)


async def test_a_process_that_is_not_named_is_explained() -> None:
    for name in ("", "everything"):
        process = await started(name)
        _, said = await process.communicate()
        assert process.returncode == 1
        assert said.decode().strip() == (
            "usage: python -m customer_index api|consumer|jobs|ledger|migrate|provision|redrive|relay|replay|topics"
        )


async def test_migrations_run_as_the_owner_and_may_run_again(emptied: Server) -> None:
    process = await started("migrate", env=environment(emptied))
    _, said = await process.communicate()

    assert process.returncode == 0, said


async def test_roles_are_made_with_the_passwords_of_their_addresses(
    emptied: Server, admins: dict[str, AsyncEngine]
) -> None:
    env = environment(emptied, CUSTOMER_INDEX_ADMIN_DATABASE_URL=emptied.admin_dsn)
    app = "CUSTOMER_INDEX_DATABASE_URL"
    env[app] = env[app].replace("customer_index_app@", "customer_index_app:from-its-address@")
    passwords = text("SELECT rolname FROM pg_authid WHERE rolname LIKE 'customer_index%' AND rolpassword IS NOT NULL")

    process = await started("provision", env=env)
    _, said = await process.communicate()

    assert process.returncode == 0, said
    async with admins["customer_index"].connect() as connection:
        assert list((await connection.execute(passwords)).scalars()) == ["customer_index_app"]


async def test_the_api_answers_for_a_while_after_it_is_told_to_stop(emptied: Server, unused_tcp_port: int) -> None:
    told = {"CUSTOMER_INDEX_PORT": str(unused_tcp_port), "CUSTOMER_INDEX_DRAIN_SECONDS": "1"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client:

        async def ready() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.ConnectError:
                return False

        async with running("api", environment(emptied, **told)) as process, asyncio.timeout(30):
            while not await ready():  # noqa: ASYNC110  it becomes ready in another process
                await asyncio.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            assert (await client.get("/livez", headers={"Connection": "close"})).status_code == 200


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_relay_consumer_and_jobs_carry_events_over_kafka(
    emptied: Server, admins: dict[str, AsyncEngine], kafka: str
) -> None:
    admin, owner = admins["customer_index"], f"org-{uuid4().hex[:8]}"
    env = environment(emptied, KAFKA_BOOTSTRAP_SERVERS=kafka, KAFKA_PARTITIONS="2")
    for name in ("topics", "redrive"):
        process = await started(name, env=env)
        _, said = await process.communicate()
        assert process.returncode == 0, said
    async with running("relay", env), running("consumer", env), running("jobs", env):
        bus = KafkaBus(KafkaSettings(bootstrap_servers=kafka))
        envelope = source_changed(owner, "crm")
        assert envelope.topic == GOVERNANCE
        await bus.publish([envelope])
        await bus.close()
        await until(admin, "SELECT EXISTS (SELECT 1 FROM sources WHERE owner = :owner)", owner=owner)

        async with admin.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO outbox (event_id, source, type, topic, subject, aggregate_version, owner, txn, time,"
                    " data) VALUES (gen_random_uuid(), 'customer-index', 'person.record-linked.v1', 'scv.people',"
                    " gen_random_uuid(), 1, :owner, gen_random_uuid(), now(), CAST(:data AS jsonb))"
                ),
                {"owner": owner, "data": json.dumps({"record_id": str(uuid4())})},
            )
            await connection.execute(
                text("INSERT INTO link_queue (owner, person_id) VALUES (:owner, gen_random_uuid())"), {"owner": owner}
            )
        await until(admin, "SELECT count(*) = 0 FROM outbox WHERE published_at IS NULL")
        await until(admin, "SELECT count(*) = 0 FROM link_queue")
