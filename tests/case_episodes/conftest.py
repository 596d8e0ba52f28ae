"""case-episodes under test: the real application on a real database, called as the gateway would call it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from pydantic_core import to_json

from case_episodes.app import create_app
from case_episodes.consumer import people_consumer, referrals_consumer
from case_episodes.settings import Settings
from shared.categories import Action, Scope
from shared.db import Database
from shared.events import Envelope, Event, ReferralChanged
from shared.permit import HEADER, Anchor, Permit, fingerprint
from single_node.postgres import Server
from tests.builders import AT, MINT, PERMIT_KEYS, SECRET, a_permit
from tests.conftest import url

HOUSING_BENEFIT = 69
"""Benefits, community support, slow, ordinary."""
COUNCIL_TAX = 58
"""Council tax, residents direct, fast, ordinary."""
MEALS = 4
"""Education, community support, slow, ordinary."""
CARE_NEEDS = 209
"""Adult social care, community support, slow, special."""
BUS_PASS = 280
"""Concessions, residents direct, slow, special."""


@dataclass
class Episodes:
    """The service and what stands beside it."""

    client: httpx.AsyncClient
    app: Any
    database: Database
    worker: Database
    at: datetime = AT
    versions: dict[UUID, int] = field(default_factory=dict)

    async def call(self, method: str, path: str, permit: Permit | None, **sent: Any) -> httpx.Response:
        """Call the service with a permit minted for just this call."""
        headers = dict(sent.pop("headers", {}))
        if permit is not None:
            asked = fingerprint(method, path)
            headers[HEADER] = MINT.mint(permit, audience="case-episodes", request=asked, at=self.at)
        return await self.client.request(method, path, headers=headers, **sent)

    async def open(self, anchor: Anchor, *, permit: Permit | None = None, **changes: Any) -> dict[str, Any]:
        """Open a case about somebody; give the answer's body."""
        given = permit or writing(about=(anchor,))
        answer = await self.call("POST", "/v1/cases", given, json=a_case(**changes))
        assert answer.status_code == 201, answer.text
        opened: dict[str, Any] = answer.json()
        return opened

    async def tell(self, person_id: UUID, event: Event, *, owner: str = "lbhf", version: int | None = None) -> None:
        """Hand over an event of a person: its next, unless a version is given."""
        if version is None:
            version = self.versions[person_id] = self.versions.get(person_id, 0) + 1
        told = self._happened("/customer-index", event, subject=person_id, version=version, owner=owner)
        await people_consumer(self.worker)(told)

    async def hear(self, referral: ReferralChanged, *, version: int, owner: str = "lbhf") -> None:
        """Hand over the event of a referral's step."""
        subject = referral.referral_id
        await referrals_consumer(self.worker)(
            self._happened("/referrals", referral, subject=subject, version=version, owner=owner)
        )

    def _happened(self, source: str, event: Event, *, subject: UUID, version: int, owner: str) -> Envelope:
        return Envelope(
            id=uuid4(),
            source=source,
            type=event.type,
            topic=event.topic,
            subject=str(subject),
            aggregate_version=version,
            owner=owner,
            txn=uuid4(),
            time=self.at,
            data=event.model_dump(mode="json"),
        )


def somebody(owner: str = "lbhf", *, person_id: UUID | None = None, scope: str = "lbhf/housing") -> Anchor:
    """Make up a record and the person it belongs to."""
    return Anchor(owner, person_id or uuid4(), uuid4(), Scope(scope))


def writing(org: str = "lbhf", **changes: Any) -> Permit:
    """Permit a caseworker of an organisation to write in all its ordinary areas."""
    return a_permit(org, action=Action.WRITE, **changes)


def looking(org: str = "lbhf", *people: Anchor | UUID, **changes: Any) -> Permit:
    """Permit a caseworker to read about some people."""
    about = tuple(Anchor(org, one.person_id if isinstance(one, Anchor) else one) for one in people)
    return a_permit(org, about=about, **changes)


def a_case(**changes: Any) -> dict[str, Any]:
    """Make the body of a new case."""
    body = {
        "source": "crm",
        "local_id": "c-1",
        "lgsl": HOUSING_BENEFIT,
        "lgil": 0,
        "description": "Claims housing benefit for the first time.",
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def a_contact(**changes: Any) -> dict[str, Any]:
    """Make the body of a new contact."""
    body = {"source": "crm", "local_id": "c-1", "channel": "telephone", "lgsl": HOUSING_BENEFIT, "lgil": 8}
    return body | changes


def an_assessment(**changes: Any) -> dict[str, Any]:
    """Make the body of a new assessment of two facts."""
    body = {
        "source": "crm",
        "local_id": "c-1",
        "lgsl": HOUSING_BENEFIT,
        "facts": [
            {"attribute": "household-income", "band": "under-16190", "evidence": "payslips", "verified_by": "jo"},
            {"attribute": "tenancy", "value": "assured shorthold", "valid_until": "2026-12-31"},
        ],
        "outcome": "Entitled in full.",
    }
    return body | changes


def a_referral(anchor: Anchor, **changes: Any) -> ReferralChanged:
    """Make the event that somebody's referral was drafted."""
    told = {
        "referral_id": uuid4(),
        "action": "create",
        "status": "draft",
        "partner": "shelter-west",
        "service_id": UUID(int=1),
        "scope": anchor.scope,
        "record_id": anchor.record_id,
        "person_id": anchor.person_id,
    }
    return ReferralChanged.model_validate(told | changes)


@pytest.fixture
async def episodes(emptied: Server) -> AsyncIterator[Episodes]:
    """case-episodes without a single case."""
    settings = Settings(
        database_url=url(emptied, "case_episodes", "app"),
        cursor_secret=SecretStr(SECRET),
        permit_keys=to_json(PERMIT_KEYS).decode(),
        pool_size=10,
    )
    app = create_app(settings, clock=lambda: served.at)
    worker = Database(url(emptied, "case_episodes", "worker"), pool_size=4, name="worker under test")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://case-episodes") as client:
        served = Episodes(client, app, app.state.database, worker)
        yield served
    await app.state.database.close()
    await worker.close()
