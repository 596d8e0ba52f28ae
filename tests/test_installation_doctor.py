"""The doctor on an installation of several processes: healthy ones are found well, each fault with what mends it."""

import os
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from single_node.doctor import Finding, State
from single_node.doctor.inquiry import Answered, Silent, ask, kubernetes
from single_node.doctor.installation import Installation, examine_installation
from single_node.doctor.processes import judge_all, judge_clocks
from single_node.postgres import Server
from single_node.staff import NotPossible
from tests.builders import PERMIT_KEY, PERMIT_KEYS
from tests.conftest import url
from tests.forking import forked
from tests.processes import Api, a_free_port, a_process, an_api, await_ready, environment

KEYS = to_json(PERMIT_KEYS).decode()
KEY = to_json(PERMIT_KEY.as_dict(private=True)).decode()
NO_KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
"""A relay without events and a duty have no need of it."""


async def found(**named: Any) -> dict[str, Finding]:
    return {one.name: one async for one in examine_installation(Installation(**named))}


@asynccontextmanager
async def a_worker(server: Server, package: str, name: str, **more: str) -> AsyncIterator[str]:
    """Run a process beside the API until the end of the block; give where it answers."""
    port = a_free_port()
    told = {"worker_database_url": url(server, package, "worker"), "operations_port": str(port), **more}
    variables = {f"{package.upper()}_{key}".upper(): value for key, value in told.items()}
    async with a_process(package, name, {**variables, **NO_KAFKA}, start=forked) as (process, said):
        address = f"http://127.0.0.1:{port}"
        await await_ready(Api(process, address), said)
        yield address


@asynccontextmanager
async def held(admin: AsyncEngine, duty: str) -> AsyncIterator[None]:
    """Hold a duty, as a connection would that nobody knows of."""
    async with admin.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(hashtext(:duty))"), {"duty": duty})
        yield
        await connection.execute(text("SELECT pg_advisory_unlock_all()"))


async def test_a_healthy_installation_is_found_well(emptied: Server) -> None:
    async with AsyncExitStack() as running:
        index = await running.enter_async_context(
            an_api("customer_index", environment(emptied, "customer_index", permit_keys=KEYS), start=forked)
        )
        relay = await running.enter_async_context(a_worker(emptied, "customer_index", "relay"))
        jobs = await running.enter_async_context(a_worker(emptied, "gateway", "jobs", checkpoint_key=KEY))
        databases = [url(emptied, service, "worker") for service in ("customer_index", "gateway")]

        told = await found(addresses=[index.address, relay, jobs], databases=databases)

    unwell = {name: one for name, one in told.items() if one.state in (State.WRONG, State.WARNING)}
    assert unwell == {}
    for name in ("customer-index api", "customer-index relay", "gateway jobs", "outbox of customer-index", "audit"):
        assert told[name].state is State.OK, told[name]
    assert told["schema of gateway"].state is State.OK
    assert told["referrals api"].state is State.UNCHECKED


async def test_what_stands_still_is_named_with_what_mends_it(emptied: Server, admins: dict[str, AsyncEngine]) -> None:
    async with admins["referrals"].begin() as connection:
        await connection.execute(_OLD_EVENT)
    async with admins["gateway"].begin() as connection:
        await connection.execute(_OLD_UNSEALED)

    async with (
        held(admins["referrals"], "relay"),
        held(admins["gateway"], "seal the audit"),
        a_worker(emptied, "referrals", "relay") as relay,
        a_worker(emptied, "gateway", "jobs", checkpoint_key=KEY) as jobs,
    ):
        told = await found(addresses=[relay, jobs])

    assert told["relay of referrals"].state is State.WRONG
    assert "none is on duty" in told["relay of referrals"].detail
    assert told["outbox of referrals"].state is State.WRONG
    assert "kafka-lost.md" in told["outbox of referrals"].remedy
    assert told["audit"].state is State.WRONG
    assert "broken-seal.md" in told["audit"].remedy


async def test_a_process_that_is_not_ready_or_not_there_is_named(
    emptied: Server, admins: dict[str, AsyncEngine]
) -> None:
    nowhere = f"http://127.0.0.1:{a_free_port()}"
    async with an_api("referrals", environment(emptied, "referrals", permit_keys=KEYS), start=forked) as api:
        head = await _move_schema(admins["referrals"], "of another version")
        try:
            told = await found(addresses=[api.address, nowhere], databases=[url(emptied, "referrals", "worker")])
        finally:
            await _move_schema(admins["referrals"], head)

    assert told["referrals api"].state is State.WRONG
    assert "upgrade.md" in told["referrals api"].remedy
    assert told["schema of referrals"].state is State.WRONG
    assert "migrations" in told["schema of referrals"].remedy
    assert told[nowhere.removeprefix("http://")].state is State.WRONG


@pytest.fixture(scope="module")
async def answered(migrated: Server) -> Answered:
    """What a healthy API of customer-index says."""
    told = environment(migrated, "customer_index", permit_keys=KEYS)
    async with an_api("customer_index", told, start=forked) as api, httpx.AsyncClient(trust_env=False) as http:
        answer = await ask(api.address, http=http)
    assert isinstance(answer, Answered)
    return answer


def test_clocks_that_are_apart_are_named(answered: Answered) -> None:
    def behind(seconds: float) -> Finding:
        return judge_clocks([answered, replace(answered, where="late", ahead=answered.ahead - seconds)])

    assert abs(answered.ahead) < 2
    assert [behind(seconds).state for seconds in (0.5, 3, 9)] == [State.OK, State.WARNING, State.WRONG]
    assert "9 s ahead of late" in behind(9).detail


def changed(answered: Answered, name: str, value: float, **labels: str) -> Answered:
    """Have a process say something else of itself."""
    kept = [one for one in answered.samples if one.name != name]
    sample = type(kept[0])(name, labels, value)
    return replace(answered, samples=(*kept, sample))


@pytest.mark.parametrize(
    ("process", "name", "value", "labels", "finding", "state", "runbook"),
    [
        (
            "api",
            "scv_database_connections",
            8,
            {"state": "in_use"},
            "customer-index api: connections",
            "warning",
            "scale",
        ),
        ("jobs", "scv_progress_age_seconds", 90, {"work": "loads"}, "customer-index jobs: loads", "warning", "livez"),
        ("consumer", "scv_inbox_condemned_events", 1, {}, "events of customer-index", "wrong", "dead-letters"),
        ("consumer", "scv_inbox_parked_events", 1, {}, "events of customer-index", "warning", "dead-letters"),
        ("consumer", "scv_dead_letters_total", 2, {"topic": "t"}, "dead letters of customer-index", "warning", "dead"),
        ("consumer", "scv_consumer_lag_events", 5000, {"topic": "t"}, "lag of customer-index", "warning", "lag"),
        ("ledger", "scv_ledger_oldest_seconds", 900, {}, "ledger of customer-index", "wrong", "backup-and-restore"),
        (
            "api",
            "scv_permit_failures_total",
            1,
            {"reason": "not-now"},
            "permits of customer-index",
            "warning",
            "clocks",
        ),
    ],
)
def test_what_a_process_says_of_itself_is_judged(
    answered: Answered,
    process: str,
    name: str,
    value: float,
    labels: dict[str, str],
    finding: str,
    state: str,
    runbook: str,
) -> None:
    info = {"service": "customer-index", "process": process, "version": "1"}
    one = changed(changed(answered, "scv_info", 1, **info), name, value, **labels)

    told = {each.name: each for each in judge_all([one])}

    assert told[finding].state == state
    assert runbook in told[finding].remedy


def test_two_versions_at_once_are_named(answered: Answered) -> None:
    info = {"service": "customer-index", "process": "api", "version": "9"}

    told = {each.name: each for each in judge_all([answered, changed(answered, "scv_info", 1, **info)])}

    assert told["versions of customer-index"].state is State.WARNING


async def test_pods_are_asked_from_inside(emptied: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for kubectl that lists one pod of ours and enters it by running the program here."""
    async with an_api("referrals", environment(emptied, "referrals", permit_keys=KEYS), start=forked) as api:
        port = api.address.rpartition(":")[2]
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(
            f"""#!/bin/sh
[ "$1 $2" = "--namespace scv" ] || exit 2
case "$3" in
  get) printf 'referrals-api-7f\\nnoise\\n' ;;
  exec) [ "$4 $5 $6 $7" = "referrals-api-7f -- /app/bin/python -c" ] || exit 2
        program=$(printf %s "$8" | sed 's/(8080, 9090)/(1, {port})/')
        exec python3 -c "$program" ;;
esac
"""
        )
        kubectl.chmod(stat.S_IRWXU)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

        told = await found(containers=kubernetes("scv"))

    assert told["referrals api"].state is State.OK
    assert told["referrals api"].detail.startswith("referrals-api-7f is ready")


async def test_without_kubectl_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotPossible, match="kubectl cannot be run"):
        await found(containers=kubernetes("scv"))


async def test_what_answers_but_is_no_process_of_ours_is_told_apart() -> None:
    async def stranger(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(stranger)) as http:
        answer = await ask("http://stranger", http=http)

    assert answer == Silent("stranger", "what answers there is no process of ours")


async def _move_schema(admin: AsyncEngine, number: str) -> str:
    async with admin.begin() as connection:
        before: str = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
        await connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})
    return before


_OLD_EVENT = text(
    "INSERT INTO outbox (event_id, source, type, topic, subject, aggregate_version, owner, txn, time, data)"
    " VALUES (gen_random_uuid(), 'referrals', 'scv.referral.authorised.v1', 'scv.referrals', 'a referral', 1, 'lbhf',"
    " gen_random_uuid(), now() - interval '1 hour', '{}')"
)
_OLD_UNSEALED = text("INSERT INTO audit_unsealed (sequence, at) VALUES (1, now() - interval '1 hour')")
