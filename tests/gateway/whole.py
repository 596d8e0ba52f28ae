"""The whole platform without a network: the gateway, the three services behind it, and the events between them.

In this room: the services together and what workers do there. Who lives there is up to the tests (`residents`).
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from pydantic_core import to_json

import case_episodes.app
import case_episodes.consumer
import case_episodes.settings
import case_episodes.tables
import customer_index.app
import customer_index.consumer
import customer_index.settings
import customer_index.tables
import gateway.tables
import referrals.app
import referrals.consumer
import referrals.settings
import referrals.tables
from customer_index.commands.link import link_waiting
from customer_index.model import load_model
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, REFERRALS, Envelope, partner_topic
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEYS, SECRET, ticking
from tests.conftest import url
from tests.gateway.conftest import serving
from tests.gateway.platform import TRAINED, Platform, found, populate

SERVICE: Final = "11111111-1111-4111-8111-111111111111"
"""The night shelter of shelter-west, to which people are referred."""
PARTNER: Final = "shelter-west/pat/partner-worker"
OUTBOXES: Final = {
    "gateway": gateway.tables.outbox,
    "customer_index": customer_index.tables.outbox,
    "case_episodes": case_episodes.tables.outbox,
    "referrals": referrals.tables.outbox,
}


class Whole:
    """The platform at work; events are carried when somebody says so."""

    def __init__(self, platform: Platform, workers: Mapping[str, Database]) -> None:
        self.platform = platform
        self.heard: list[Envelope] = []
        """What was published to the partner's own topic."""
        self.workers = workers
        self.inner: Mapping[str, FastAPI] = {}
        """The services behind the gateway, by name."""
        self._bus = LocalBus()
        of_cases = case_episodes.consumer.people_consumer(workers["case_episodes"])
        of_referrals = workers["referrals"]
        self._bus.subscribe(GOVERNANCE, customer_index.consumer.governance_consumer(workers["customer_index"]))
        self._bus.subscribe(GOVERNANCE, referrals.consumer.governance_consumer(of_referrals, clock=lambda: AT))
        self._bus.subscribe(PEOPLE, of_cases)
        self._bus.subscribe(REFERRALS, case_episodes.consumer.referrals_consumer(workers["case_episodes"]))
        self._bus.subscribe(PEOPLE, referrals.consumer.people_consumer(of_referrals))
        self._bus.subscribe(REFERRALS, referrals.consumer.referral_consumer(of_referrals, clock=lambda: AT))
        self._bus.subscribe(partner_topic("shelter-west"), self._listen)

    async def _listen(self, envelope: Envelope) -> None:
        self.heard.append(envelope)

    async def settle(self) -> None:
        """Carry all events, and decide all links that wait, until nothing is left to do."""
        busy = True
        while busy:
            busy = False
            for service, outbox in OUTBOXES.items():
                while await publish_batch(self.workers[service], self._bus, outbox=outbox):
                    busy = True
            busy |= await self.link()

    async def link(self) -> bool:
        """Decide all links that wait; tell whether there were any."""
        asked = False
        async with self.workers["customer_index"].transaction() as tx:
            while await link_waiting(tx, model=load_model(), at=AT):
                asked = True
        return asked

    async def call(
        self, method: str, path: str, who: str, purpose: str | None = "homelessness", **sent: Any
    ) -> httpx.Response:
        """Call as `org/subject/role,role`."""
        return await self.platform.call(method, path, who, purpose=purpose, **sent)

    async def done(
        self, method: str, path: str, who: str, purpose: str | None = "homelessness", **sent: Any
    ) -> dict[str, Any]:
        """Call for something that has to succeed; give the answer's body."""
        answer = await self.call(method, path, who, purpose, **sent)
        assert answer.status_code in (200, 201, 204), f"{method} {path}: {answer.text}"
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told

    async def agree(self, content: Mapping[str, Any], *parties: str) -> str:
        """Bring an agreement into force that lbhf proposes and all parties sign; give its id."""
        drafted = await self.done("POST", "/v1/agreements", "lbhf/ig/ig-lead", None, json=content)
        path = f"/v1/agreements/{drafted['agreement_id']}/transitions"
        await self.platform.move(path, "lbhf/ig/ig-lead", action="propose")
        for party in parties:
            await self.platform.move(path, f"{party}/sign/signatory", action="sign", digest=drafted["digest"])
        return str(drafted["agreement_id"])


Carried = Callable[[Platform, Mapping[str, Database]], Whole]


@asynccontextmanager
async def the_whole_platform(founded: Server, *, carried: Carried = Whole) -> AsyncIterator[Whole]:
    """Serve the platform on databases as they are; `carried` makes what carries its events."""

    def settings(service: str, kind: Callable[..., Any]) -> Any:
        return kind(
            database_url=url(founded, service, "app"),
            cursor_secret=SecretStr(SECRET),
            permit_keys=to_json(PERMIT_KEYS).decode(),
        )

    clock = ticking()
    index = customer_index.app.create_app(
        settings("customer_index", customer_index.settings.Settings), clock=lambda: AT
    )
    cases = case_episodes.app.create_app(settings("case_episodes", case_episodes.settings.Settings), clock=clock)
    help_asked = referrals.app.create_app(settings("referrals", referrals.settings.Settings), clock=clock)
    others = {"case-episodes": cases, "referrals": help_asked}
    async with AsyncExitStack() as stack:
        for app in (index, cases, help_asked):
            await stack.enter_async_context(app.router.lifespan_context(app))
        workers = {name: Database(url(founded, name, "worker"), pool_size=3, name="worker") for name in OUTBOXES}
        for worker in workers.values():
            stack.push_async_callback(worker.close)
        platform = await stack.enter_async_context(serving(founded, behind=index, others=others))
        whole = carried(platform, workers)
        whole.inner = {"customer-index": index, **others}
        yield whole


@asynccontextmanager
async def a_whole_platform(founded: Server, *, carried: Carried = Whole) -> AsyncIterator[Whole]:
    """Serve the platform with its organisations, some staff, and one service of the partner's."""
    async with the_whole_platform(founded, carried=carried) as whole:
        await found(whole.platform.app)
        await populate(whole.platform)
        await _open_shelter(whole)
        yield whole


@asynccontextmanager
async def a_peopled_platform(peopled: Server) -> AsyncIterator[Whole]:
    """Serve the same on databases in which organisations and staff were entered before."""
    async with the_whole_platform(peopled) as whole:
        await _open_shelter(whole)
        yield whole


async def _open_shelter(whole: Whole) -> None:
    """Enter the partner's one service and who works there."""
    await whole.platform.enter(PARTNER, **TRAINED)
    entry = {"name": "Night shelter", "capacity": {"available": 2}, "assured_date": "2026-06-01"}
    path = f"/v1/organisations/shelter-west/services/{SERVICE}"
    await whole.done("PUT", path, "shelter-west/boss/admin", None, json=entry)
