"""Two gateway processes on one database: a suspension made through one of them holds in both.

The governance epoch is all they share. Readers keep both busy with a resident linked across two boroughs while the
provider suspends and resumes the agreement through one of them. What may be shown when follows from three orders: of
requests and answers as the callers see them, of epochs as the audit has them, and of what the audit says was shown.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final

import httpx
import pytest
from pydantic_core import to_json

import customer_index.app
import customer_index.settings
from customer_index.commands.link import link_waiting
from customer_index.consumer import governance_consumer
from customer_index.model import load_model
from gateway.tables import outbox
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEY, PERMIT_KEYS, SECRET, a_record
from tests.conftest import url
from tests.forking import forked
from tests.gateway.conftest import as_superuser, serving
from tests.gateway.platform import AGREEMENT, Platform, a_token
from tests.processes import an_api, environment

ROUNDS: Final = 6
READERS_OF_EACH: Final = 3
MOST_SECONDS: Final = 20.0
_SERVICES: Final = ("gateway", "customer_index")
READINGS: Final = 2 * READERS_OF_EACH
"""How many views are asked for and answered before the agreement is moved again, whether it is in force or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer: when it was asked for and came, by the callers' clock, what of lbhf's it showed, and its decision."""

    asked: float
    came: float
    shows: bool
    decision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One suspension: when its answer came, and when the resumption was sent."""

    began: float
    ended: float


@dataclass
class Pair:
    """Two gateways, and what was read through them."""

    clients: list[httpx.AsyncClient]
    person_id: str
    agreement_id: str
    readings: list[Reading] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    over: bool = False

    async def call(self, gateway: int, method: str, path: str, who: str, **sent: Any) -> httpx.Response:
        """Call one of the gateways as `org/subject/role`."""
        org, subject, role = who.split("/")
        headers = {"Authorization": f"Bearer {a_token(org, subject, [role], at=datetime.now(UTC))}"}
        if purpose := sent.pop("purpose", None):
            headers["SCV-Purpose"] = purpose
        return await self.clients[gateway].request(method, path, headers=headers, **sent)

    async def read(self, gateway: int) -> Reading:
        """Read the resident's view as wcc's worker."""
        asked = monotonic()
        path = f"/v1/people/{self.person_id}?include="
        answer = await self.call(gateway, "GET", path, "wcc/will/caseworker", purpose="homelessness")
        came = monotonic()
        assert answer.status_code == 200, answer.text
        view = answer.json()
        shows = "lbhf" in {record["owner"] for record in view["records"]} or bool(view["linked"])
        return Reading(asked=asked, came=came, shows=shows, decision_id=view["decision_id"])

    async def keep_reading(self, gateway: int) -> None:
        """Read until it is over."""
        while not self.over:
            self.readings.append(await self.read(gateway))

    async def move(self, action: str) -> None:
        """Move the agreement as the provider, through the first gateway."""
        path = f"/v1/agreements/{self.agreement_id}/transitions"
        moved = await self.call(0, "POST", path, "lbhf/ig/ig-lead", json={"action": action})
        assert moved.status_code == 200, moved.text

    async def some_readings(self) -> None:
        """Wait until some views were asked for from now on and answered."""
        now = monotonic()
        while sum(reading.asked > now for reading in self.readings) < READINGS:  # noqa: ASYNC110  readers are at it
            await asyncio.sleep(0.01)

    async def suspend_and_resume(self) -> None:
        """Suspend and resume again and again, with readers at work meanwhile."""
        try:
            for _ in range(ROUNDS):
                await self.some_readings()
                await self.move("suspend")
                began = monotonic()
                await self.some_readings()
                self.pauses.append(Pause(began=began, ended=monotonic()))
                await self.move("resume")
            await self.some_readings()
        finally:
            self.over = True


def an_agreement() -> dict[str, Any]:
    """Let wcc see some of lbhf's housing records today, whoever of its caseworkers asks."""
    content: dict[str, Any] = {**AGREEMENT, "valid_until": "2099-12-31"}
    (shown, *linkage) = AGREEMENT["flows"]
    unconditional = {name: value for name, value in shown.items() if name not in ("training", "commitment")}
    return {**content, "flows": [unconditional, *linkage]}


async def linked_across(platform: Platform, server: Server) -> tuple[str, str]:
    """Have one resident known to both boroughs and linked; give wcc's person and the agreement."""
    persons = []
    for org in ("lbhf", "wcc"):
        path = "/v1/sources/housing/records/r-1"
        body = a_record()
        made = await platform.call("PUT", path, f"{org}/crm/system", purpose="data-stewardship", json=body)
        assert made.status_code == 201, made.text
        persons.append(made.json()["person_id"])
    agreement_id = await platform.agree(an_agreement())
    workers = {name: Database(url(server, name, "worker"), pool_size=2, name="worker") for name in _SERVICES}
    bus = LocalBus()
    bus.subscribe(GOVERNANCE, governance_consumer(workers["customer_index"]))
    while await publish_batch(workers["gateway"], bus, outbox=outbox):
        pass
    async with workers["customer_index"].transaction() as tx:
        while await link_waiting(tx, model=load_model(), at=AT):
            pass
    for worker in workers.values():
        await worker.close()
    return persons[1], agreement_id


@pytest.fixture
async def pair(peopled: Server) -> AsyncIterator[Pair]:
    """Two gateway processes in front of one customer-index process, on a database of the tests' own."""
    await peopled.require_own()
    index = customer_index.app.create_app(
        customer_index.settings.Settings(
            database_url=url(peopled, "customer_index", "app"),
            cursor_secret=SECRET,
            permit_keys=to_json(PERMIT_KEYS).decode(),
        ),
        clock=lambda: AT,
    )
    async with index.router.lifespan_context(index), serving(peopled, behind=index) as platform:
        person_id, agreement_id = await linked_across(platform, peopled)
    told = environment(peopled, "customer_index", permit_keys=to_json(PERMIT_KEYS).decode())
    async with an_api("customer_index", told, start=forked) as inner:
        key = to_json(PERMIT_KEY.as_dict(private=True)).decode()
        told = environment(peopled, "gateway", permit_key=key, customer_index_url=inner.address)
        async with (
            an_api("gateway", told, start=forked) as first,
            an_api("gateway", told, start=forked) as second,
            httpx.AsyncClient(base_url=first.address, trust_env=False, timeout=10) as to_first,
            httpx.AsyncClient(base_url=second.address, trust_env=False, timeout=10) as to_second,
        ):
            yield Pair([to_first, to_second], person_id, agreement_id)


async def test_a_suspension_through_one_gateway_holds_in_both(
    pair: Pair, founded: Server, record_property: Any
) -> None:
    began = monotonic()
    async with asyncio.timeout(MOST_SECONDS), asyncio.TaskGroup() as group:
        for gateway in (0, 1) * READERS_OF_EACH:
            group.create_task(pair.keep_reading(gateway))
        group.create_task(pair.suspend_and_resume())

    shown = [reading for reading in pair.readings if reading.shows]
    within = [
        reading
        for reading in pair.readings
        for pause in pair.pauses
        if pause.began < reading.asked and reading.came < pause.ended
    ]
    assert len(pair.pauses) == ROUNDS
    assert shown, "the link shows while the agreement is in force, or the test would say nothing"
    assert len(within) >= ROUNDS * READINGS, "and there were readers at work while it was not"
    assert not any(reading.shows for reading in within)

    epochs = await epochs_of(founded)
    assert len(epochs.suspended) == ROUNDS
    for reading in pair.readings:
        epoch = epochs.of_decision[reading.decision_id]
        assert reading.shows == (epoch not in epochs.suspended), "what was shown is what its epoch allows"
    assert not [row for row in epochs.shown_of_lbhf if row in epochs.suspended]
    assert epochs.late == [], "no answer decided before a change is on record after it"
    late = [
        reading.came - pause.began
        for reading in shown
        for pause in pair.pauses
        if reading.asked <= pause.began < reading.came < pause.ended
    ]
    record_property(
        "figures",
        f"{len(pair.readings)} views in {monotonic() - began:.1f} s, {len(shown)} with the provider's data,"
        f" {len(within)} while suspended; under way at a suspension's answer and shown after it: {len(late)},"
        f" the last {max(late, default=0) * 1000:.0f} ms",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs:
    """What the audit says: the epochs of suspensions, each view's, and those of the views that showed lbhf's."""

    suspended: frozenset[int]
    of_decision: dict[str, int]
    shown_of_lbhf: list[int]
    late: list[int]
    """Epochs of views on record after the change that ended them; rows are numbered under the lock of the epoch."""


async def epochs_of(server: Server) -> Epochs:
    """Read the audit as the superuser. A suspension is told of in the epoch that it begins, and ends with the next."""
    rows = await as_superuser(
        server,
        "SELECT audit_id::text, epoch, route, method, outcome, 'lbhf' = ANY (person_owners) AS shows FROM audit"
        " WHERE outcome IN ('allowed', 'done') ORDER BY sequence",
    )
    moves = [row.epoch for row in rows if row.method == "POST" and row.route.endswith("/transitions")]
    views = [row for row in rows if row.method == "GET" and row.route == "/v1/people/{person_id}"]
    ended, late = 0, []
    for row in rows:
        if row.method == "POST" and row.route.endswith("/transitions"):
            ended = row.epoch
        elif row in views and row.epoch <= ended:
            late.append(row.epoch)
    return Epochs(
        suspended=frozenset(epoch + 1 for epoch in moves[-2 * ROUNDS :: 2]),
        of_decision={row.audit_id: row.epoch for row in views},
        shown_of_lbhf=[row.epoch for row in views if row.shows],
        late=late,
    )
