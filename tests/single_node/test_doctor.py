"""The doctor: a healthy node is found well, and each fault is found with what mends it."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from single_node.doctor import Finding, State, examine
from single_node.doctor.environment import look_at_packages, look_at_python
from single_node.doctor.ground import look_at_directory, look_at_lock, look_at_secrets
from single_node.doctor.service import judge_clock, look_at_gateway, look_at_server, look_at_services
from single_node.lodging import short_lived_directory
from single_node.place import Announcement, Place
from single_node.postgres import Server
from tests.single_node.nodes import running_node, scv

NOW = datetime.now(UTC)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A data directory with keys, on which no node runs."""
    made = Place(tmp_path / "data")
    with made.held():
        for name in ("permit", "checkpoint", "identity-platform", "identity-lbhf"):
            made.signing_key(name)
    return made


@pytest.fixture
def announcement(emptied: Server) -> Announcement:
    """A database of the right schema behind which no work is done."""
    return Announcement(os.getpid(), "http://127.0.0.1:1", str(emptied.sockets))


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[Place, Announcement]]:
    """A node in good health."""
    with short_lived_directory("scv-test-") as directory:
        place = Place(directory / "data")
        with running_node(place) as announced:
            yield place, announced


async def gathered(findings: AsyncIterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding async for finding in findings}


def test_a_healthy_node_is_found_well(node: tuple[Place, Announcement]) -> None:
    place, announced = node
    told = scv(place, "doctor")

    assert told.returncode == 0, told.stdout
    assert f"held by the node at {announced.url}" in told.stdout
    for service in ("case-episodes", "customer-index", "gateway", "referrals"):
        assert f"ok         schema of {service}" in told.stdout
    assert " 0 wrong, 0 unchecked" in told.stdout
    for path in place.secrets.glob("*.jwk"):
        assert json.loads(path.read_text())["d"] not in told.stdout


def test_a_key_that_others_may_read_makes_a_running_node_wrong(node: tuple[Place, Announcement]) -> None:
    place, _ = node
    key = place.secrets / "permit.jwk"
    key.chmod(0o644)
    try:
        told = scv(place, "doctor")
    finally:
        key.chmod(0o600)

    assert told.returncode == 1
    assert f"chmod 600 {key}" in told.stdout


async def test_without_a_node_it_says_what_could_not_be_checked_and_how_to_start(place: Place) -> None:
    found = await gathered(examine(place))

    for name in ("gateway", "PostgreSQL", "schemas and background work"):
        assert (found[name].state, found[name].remedy.split("  ")[0]) == (State.UNCHECKED, "make run")
    assert {one.name for one in found.values() if one.state is State.WRONG} == set()


async def test_nothing_is_wrong_before_the_first_run(tmp_path: Path) -> None:
    found = await gathered(examine(Place(tmp_path / "not" / "there")))

    assert State.WRONG not in {one.state for one in found.values()}


def test_a_lock_left_by_a_killed_node_is_found(place: Place) -> None:
    assert look_at_lock(place).state is State.OK
    (place.root / "node.json").write_text(json.dumps({"pid": 1, "url": "http://127.0.0.1:1", "sockets": "/nowhere"}))

    found = look_at_lock(place)

    assert (found.state, "stale" in found.detail, "make run" in found.remedy) == (State.WARNING, True, True)


def test_a_lock_held_by_nobody_who_answers_is_found(place: Place) -> None:
    with place.held():
        assert look_at_lock(place).state is State.WARNING
        with place.announced(Announcement(os.getpid(), "http://127.0.0.1:1", "/nowhere")):
            assert look_at_lock(place).state is State.OK
        with place.announced(Announcement(2**22 + 1, "http://127.0.0.1:1", "/nowhere")):
            assert look_at_lock(place).state is State.WRONG


def test_a_directory_open_to_others_is_found(place: Place) -> None:
    place.root.chmod(0o755)

    found = next(look_at_directory(place))

    assert (found.state, found.remedy) == (
        State.WRONG,
        f"chmod {'711' if os.geteuid() == 0 else '700'} {place.root}",
    )


@pytest.mark.parametrize("content", ["", "no key", '{"kty": "OKP"}', "[]", "{"])
def test_a_key_that_cannot_be_read_is_found(place: Place, content: str) -> None:
    assert [one.state for one in look_at_secrets(place)] == [State.OK]
    (place.secrets / "identity-lbhf.jwk").write_text(content)

    found = [*look_at_secrets(place)]

    assert [one.state for one in found] == [State.WRONG]
    assert "identity-lbhf.jwk" in found[0].detail
    assert "identity-providers" in found[0].remedy


def test_a_missing_permit_key_is_found(place: Place) -> None:
    (place.secrets / "permit.jwk").unlink()

    assert State.WRONG in [one.state for one in look_at_secrets(place)]


def test_an_old_python_is_found() -> None:
    found = look_at_python((3, 10, 4))

    assert (found.state, "PYTHON=" in found.remedy) == (State.WRONG, True)


def test_packages_that_are_missing_or_not_as_locked_are_found(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("httpx==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1.0\nother==2 ; sys_platform == 'win32'\n")

    _, missing, different = look_at_packages(lock)

    assert (missing.state, missing.detail) == (State.WRONG, "no-such-package cannot be imported")
    assert (different.state, "instead of 0.0.1" in different.detail) == (State.WARNING, True)
    assert "make setup" in missing.remedy


def test_the_packages_of_this_environment_are_all_there() -> None:
    assert State.WRONG not in {one.state for one in look_at_packages()}


async def test_a_gateway_that_does_not_answer_is_found() -> None:
    found = await gathered(look_at_gateway("http://127.0.0.1:1"))

    assert [one.state for one in found.values()] == [State.WRONG]


async def test_a_server_on_other_data_is_not_taken_for_ours(place: Place, announcement: Announcement) -> None:
    found = await look_at_server(place, announcement)

    assert (found.state, "Another PostgreSQL" in found.detail) == (State.WRONG, True)


async def test_a_server_that_is_gone_is_found(place: Place) -> None:
    found = await look_at_server(place, Announcement(1, "", str(place.root)))

    assert (found.state, "make run" in found.remedy) == (State.WRONG, True)


async def test_services_in_order_are_found_well(announcement: Announcement) -> None:
    found = await gathered(look_at_services(announcement))

    assert {one.state for one in found.values()} == {State.OK}
    assert len(found) > 12


async def test_a_schema_behind_is_found(announcement: Announcement, admins: dict[str, AsyncEngine]) -> None:
    async with admins["referrals"].begin() as connection:
        head = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    try:
        found = await gathered(look_at_services(announcement))
    finally:
        async with admins["referrals"].begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})

    behind = found["schema of referrals"]
    assert (behind.state, behind.detail) == (State.WRONG, f"schema 0001 found, {head} needed")
    assert "make run" in behind.remedy
    assert found["work of referrals"].state is State.UNCHECKED


@pytest.mark.parametrize(("seconds", "state"), [(2, State.OK), (30, State.WARNING), (7300, State.WRONG)])
async def test_an_outbox_that_is_stuck_is_found(
    announcement: Announcement, admins: dict[str, AsyncEngine], seconds: int, state: State
) -> None:
    await _insert(
        admins["customer_index"],
        "outbox",
        event_id=uuid4(), source="/customer-index", type="t", topic="scv.people", subject="Zyxanthe",
        aggregate_version=1, owner="lbhf", txn=uuid4(), time=datetime.now(UTC) - timedelta(seconds=seconds), data="{}",
    )  # fmt: skip

    found = (await gathered(look_at_services(announcement)))["outbox of customer-index"]

    assert (found.state, "Zyxanthe" in f"{found}") == (state, False)
    assert ("relay failed" in found.remedy) is (state is not State.OK)


async def test_parked_events_are_found(announcement: Announcement, admins: dict[str, AsyncEngine]) -> None:
    event: dict[str, Any] = {
        "source": "/customer-index",
        "subject": "Zyxanthe",
        "topic": "scv.people",
        "envelope": "{}",
    }
    await _insert(admins["referrals"], "parked", version=3, error=None, **event)
    early = (await gathered(look_at_services(announcement)))["events parked by referrals"]
    await _insert(admins["referrals"], "parked", version=2, error="ValueError", **event)
    failed = (await gathered(look_at_services(announcement)))["events parked by referrals"]

    assert (early.state, failed.state) == (State.WARNING, State.WRONG)
    assert failed.detail == "1 failed and 1 wait behind them"
    assert "event condemned" in failed.remedy


async def test_an_audit_that_is_not_sealed_and_overdue_reviews_are_found(
    announcement: Announcement, admins: dict[str, AsyncEngine]
) -> None:
    await _insert(admins["gateway"], "audit_unsealed", sequence=1, at=NOW - timedelta(hours=3))
    await _insert(
        admins["gateway"],
        "emergency_accesses",
        access_id=uuid4(), agreement_id=uuid4(), provider="lbhf", organisation="wcc", subject="Zyxanthe", reason="r",
        note="Zyxanthe", started_at=NOW, expires_at=NOW, review_due=NOW - timedelta(hours=1), status="overdue",
    )  # fmt: skip

    found = await gathered(look_at_services(announcement))

    assert (found["audit"].state, found["audit"].detail) == (
        State.WRONG,
        "the oldest row not yet sealed has waited 3 hours",
    )
    assert (found["emergency accesses"].state, found["emergency accesses"].detail) == (
        State.WARNING,
        "1 are overdue for review",
    )
    assert "Zyxanthe" not in f"{found}"


async def test_a_crowd_of_loads_and_links_is_told(announcement: Announcement, admins: dict[str, AsyncEngine]) -> None:
    for _ in range(21):
        await _insert(
            admins["customer_index"],
            "loads",
            load_id=uuid4(), owner="lbhf", source="crm", scope="lbhf/customer-services", subject="crm", txn=uuid4(),
            status="queued", body_digest=b"", accepted_at=NOW,
        )  # fmt: skip
    await _insert(admins["customer_index"], "link_queue", owner="lbhf", person_id=uuid4())

    found = await gathered(look_at_services(announcement))

    assert (found["loads"].state, found["loads"].detail) == (State.WARNING, "21 wait or are under way")
    assert (found["links"].state, found["links"].detail) == (State.OK, "1 wait or are under way")


@pytest.mark.parametrize(
    ("seconds", "state"), [(0.2, State.OK), (-0.2, State.OK), (3, State.WARNING), (-90, State.WRONG)]
)
def test_clocks_that_disagree_are_found(seconds: float, state: State) -> None:
    assert judge_clock(seconds).state is state


async def _insert(admin: AsyncEngine, table: str, **values: Any) -> None:
    columns = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f":{name}" for name in values)
    async with admin.begin() as connection:
        await connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)
