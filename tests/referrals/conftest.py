"""referrals under test: the real application on a real database, called as the gateway would call it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from pydantic_core import to_json

from referrals.app import create_app
from referrals.consumer import governance_consumer, people_consumer, referral_consumer
from referrals.jobs import look_at_clocks
from referrals.settings import Settings
from referrals.tables import outbox
from shared.bus import LocalBus
from shared.categories import Action, Category, Form, Scope
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, REFERRALS, AgreementChanged, Envelope, Event, partner_topic
from shared.permit import HEADER, Anchor, Permit, fingerprint
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.builders import AT, MINT, PERMIT_KEYS, SECRET, a_permit, granting
from tests.conftest import url

AGREEMENT: Final = UUID("5b1d9f0e-3c53-4a53-9f3c-0a4c6d2f7e13")
CLAUSE: Final = f"{AGREEMENT}/refer"
HOUSING: Final = Scope("lbhf/housing")
CRM: Final = Scope("lbhf/customer-services")
FLOW: Final = {
    Category.EXISTENCE: Form.VALUE,
    Category.IDENTITY: Form.VALUE,
    Category.CONTACT_DETAILS: Form.VALUE,
}
"""What the agreement's flow from lbhf to shelter-west grants."""
ENTRIES: Final[tuple[dict[str, Any], ...]] = (
    {"field": "given_names", "category": "identity", "scope": HOUSING, "form": "value", "value": ["Adaeze"]},
    {"field": "phones", "category": "contact_details", "scope": HOUSING, "form": "value", "value": ["07700 900123"]},
    {"field": "phones", "category": "contact_details", "scope": CRM, "form": "value", "value": ["07700 900124"]},
)


@dataclass
class Desk:
    """The service, its bus and its clock, and how both sides call it."""

    client: httpx.AsyncClient
    app: Any
    database: Database
    worker: Database
    at: datetime = AT
    bus: LocalBus = field(default_factory=LocalBus)
    heard: list[Envelope] = field(default_factory=list)
    service_id: UUID = field(default_factory=uuid4)
    versions: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def clock() -> datetime:
            return self.at

        async def listen(envelope: Envelope) -> None:
            self.heard.append(envelope)

        self.bus.subscribe(REFERRALS, referral_consumer(self.worker, clock=clock))
        self.bus.subscribe(GOVERNANCE, governance_consumer(self.worker, clock=clock))
        self.bus.subscribe(PEOPLE, people_consumer(self.worker))
        for topic in (REFERRALS, partner_topic("shelter-west"), partner_topic("other-partner")):
            self.bus.subscribe(topic, listen)

    async def call(self, method: str, path: str, permit: Permit | None, **sent: Any) -> httpx.Response:
        """Call the service with a permit minted for just this call."""
        headers = dict(sent.pop("headers", {}))
        if permit is not None:
            headers[HEADER] = MINT.mint(permit, audience="referrals", request=fingerprint(method, path), at=self.at)
        return await self.client.request(method, path, headers=headers, **sent)

    async def enter(self, service_id: UUID | None = None, *, org: str = "shelter-west", **entry: Any) -> None:
        """Enter a service in the directory."""
        path = f"/v1/organisations/{org}/services/{service_id or self.service_id}"
        permit = a_permit(org, action=Action.WRITE, roles=("admin",), grants={})
        answered = await self.call("PUT", path, permit, json={"name": "Night shelter", **entry})
        assert answered.status_code == 201, answered.text

    async def refer(self, **changes: Any) -> str:
        """Make a referral and let it be sent; give its id."""
        answered = await self.ask_to_refer(**changes)
        assert answered.status_code == 201, answered.text
        await self.publish()
        return str(answered.json()["referral_id"])

    async def ask_to_refer(
        self, *, key: str | None = None, about: Anchor | None = None, **changes: Any
    ) -> httpx.Response:
        """Make a referral as the gateway would ask for it."""
        body = {
            "service_id": str(self.service_id),
            "need": "a bed for tonight",
            "urgency": "urgent",
            "clauses": [CLAUSE],
            "payload": list(ENTRIES),
            "fingerprint": "0" * 64,
        } | changes
        headers = {"Idempotency-Key": key} if key else {}
        permit = referrer(action=Action.REFER, about=(about or an_anchor(),))
        return await self.call("POST", "/v1/referrals", permit, json=body, headers=headers)

    async def move(self, referral_id: str, action: str, permit: Permit, **said: Any) -> httpx.Response:
        """Move a referral on."""
        path = f"/v1/referrals/{referral_id}/transitions"
        return await self.call("POST", path, replace(permit, action=Action.REFER), json={"action": action, **said})

    async def moves(self, referral_id: str, *actions: str, **said: Any) -> dict[str, Any]:
        """Move a referral on as its partner, several times; give the last answer."""
        for action in actions:
            answered = await self.move(referral_id, action, partner(), **(said if action == actions[-1] else {}))
            assert answered.status_code == 200, answered.text
        view: dict[str, Any] = answered.json()
        return view

    async def view(self, referral_id: str, permit: Permit) -> dict[str, Any]:
        """Read a referral."""
        answered = await self.call("GET", f"/v1/referrals/{referral_id}", permit)
        assert answered.status_code == 200, answered.text
        view: dict[str, Any] = answered.json()
        return view

    async def payload(self, referral_id: str, permit: Permit | None = None) -> httpx.Response:
        """Pull a payload."""
        return await self.call("GET", f"/v1/referrals/{referral_id}/payload", permit or reader())

    async def feed(self, after: str | None = None, *, org: str = "shelter-west", wait: int = 0) -> dict[str, Any]:
        """Read a partner's feed."""
        path = f"/v1/events?wait={wait}" + (f"&after={after}" if after else "")
        answered = await self.call("GET", path, a_permit(org, roles=("partner-worker",), grants={}))
        assert answered.status_code == 200, answered.text
        feed: dict[str, Any] = answered.json()
        return feed

    async def publish(self) -> None:
        """Let the relay publish all that waits, and what follows from it."""
        while await publish_batch(self.worker, self.bus, outbox=outbox):
            pass

    async def tell(self, event: Event, *, subject: str, source: str = "gateway") -> None:
        """Let an event of another service come through the bus."""
        version = self.versions[subject] = self.versions.get(subject, 0) + 1
        envelope = Envelope(
            id=uuid4(), source=source, type=event.type, topic=event.topic, subject=subject, aggregate_version=version,
            owner="lbhf", txn=uuid4(), time=self.at, data=event.model_dump(mode="json"),
        )  # fmt: skip
        await self.bus.publish([envelope])

    async def agreement(self, status: str, *, clauses: list[str] | None = None, **changes: Any) -> None:
        """Tell where the agreement stands, and let what follows be published."""
        told = {
            "agreement_id": AGREEMENT,
            "version": 1,
            "status": status,
            "valid_from": AT - timedelta(days=30),
            "valid_until": AT + timedelta(days=300),
            "linkage": [],
            "referral_clauses": [CLAUSE] if clauses is None else clauses,
        } | changes
        await self.tell(AgreementChanged.model_validate(told), subject=str(AGREEMENT))
        await self.publish()

    async def look_at_clocks(self) -> None:
        """Let the clocks be looked at once, and what follows be published."""
        await look_at_clocks(self.worker, at=self.at)
        await self.publish()


def an_anchor(**changes: Any) -> Anchor:
    """Anchor a referral on a housing record of lbhf."""
    known: dict[str, Any] = {"owner": "lbhf", "person_id": uuid4(), "record_id": uuid4(), "scope": HOUSING}
    return Anchor(**(known | changes))


def referrer(org: str = "lbhf", **changes: Any) -> Permit:
    """Permit a caseworker to see and make the referrals of the own borough."""
    return a_permit(org, **({"roles": ("caseworker",), "purpose": "referral"} | changes))


def partner(org: str = "shelter-west", **changes: Any) -> Permit:
    """Permit a partner's worker to see and move the referrals it was sent, while the clause is in force."""
    known = {"roles": ("partner-worker",), "purpose": "referral", "grants": {}, "clauses": (CLAUSE,)}
    return a_permit(org, **(known | changes))


def reader(**changes: Any) -> Permit:
    """Permit a partner's worker to read payloads as far as the flow grants."""
    return partner(**({"grants": granting(HOUSING, CRM, categories=FLOW)} | changes))


@pytest.fixture
async def desk(emptied: Server) -> AsyncIterator[Desk]:
    """referrals with one service in its directory, and the agreement in force."""
    settings = Settings(
        database_url=url(emptied, "referrals", "app"),
        cursor_secret=SecretStr(SECRET),
        permit_keys=to_json(PERMIT_KEYS).decode(),
        pool_size=18,
    )
    app = create_app(settings, clock=lambda: served.at)
    worker = Database(url(emptied, "referrals", "worker"), pool_size=4, name="worker under test")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://referrals") as client:
        served = Desk(client, app, app.state.database, worker)
        await served.enter()
        await served.agreement("active")
        yield served
    await app.state.database.close()
    await worker.close()
