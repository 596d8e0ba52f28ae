"""Gateway, customer-index and referrals together, without a network between them: a referral over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from uuid import uuid4

import pytest
from pydantic import SecretStr
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncEngine

import customer_index.app
import customer_index.settings
import referrals.app
import referrals.settings
from customer_index.tables import outbox as index_outbox
from gateway.tables import outbox as gateway_outbox
from referrals.consumer import governance_consumer, people_consumer, referral_consumer
from referrals.tables import outbox as referrals_outbox
from shared.bus import LocalBus
from shared.db import Database
from shared.events import GOVERNANCE, PEOPLE, REFERRALS, Envelope, partner_topic
from shared.relay import publish_batch
from single_node.postgres import Server
from tests.builders import AT, PERMIT_KEYS, SECRET, a_record
from tests.conftest import url
from tests.customer_index import behind, canaries
from tests.gateway.conftest import serving
from tests.gateway.platform import TRAINED, Platform

ADA, SOC, PAT = "lbhf/ada/caseworker", "lbhf/soc/social-worker", "shelter-west/pat/partner-worker"
SERVICE: Final = "11111111-1111-4111-8111-111111111111"
FLOW: Final[dict[str, Any]] = {
    "id": "refer",
    "from": "lbhf",
    "to": "shelter-west",
    "purposes": ["homelessness", "referral"],
    "trigger": "referral",
    "service_areas": ["housing"],
    "categories": [{"category": "existence"}, {"category": "identity"}, {"category": "contact_details"}],
    "recipient_roles": ["partner-worker"],
    "legal_power": {"act": "Housing Act 1996", "section": "213"},
    "article6": "e",
    "training": {"course": "data-protection", "max_age_days": 365},
    "commitment": {"statement": "confidentiality", "version": 1},
}


class Partnership:
    """The services and the events between them, which are carried when a test says so."""

    def __init__(self, platform: Platform, workers: Mapping[str, Database]) -> None:
        self.platform = platform
        self.heard: list[Envelope] = []
        self.agreement_id = ""
        self._workers = workers
        self._bus = LocalBus()
        ours = workers["referrals"]
        self._bus.subscribe(REFERRALS, referral_consumer(ours, clock=lambda: AT))
        self._bus.subscribe(GOVERNANCE, governance_consumer(ours, clock=lambda: AT))
        self._bus.subscribe(PEOPLE, people_consumer(ours))
        for topic in (REFERRALS, partner_topic("shelter-west")):
            self._bus.subscribe(topic, self._listen)

    async def _listen(self, envelope: Envelope) -> None:
        self.heard.append(envelope)

    async def settle(self) -> None:
        """Carry all events."""
        tables = {"gateway": gateway_outbox, "customer_index": index_outbox, "referrals": referrals_outbox}
        for service, outbox in tables.items():
            while await publish_batch(self._workers[service], self._bus, outbox=outbox):
                pass

    async def call(self, method: str, path: str, who: str = ADA, purpose: str | None = "referral", **sent: Any) -> Any:
        """Call as a worker."""
        return await self.platform.call(method, path, who, purpose=purpose, **sent)

    async def agree(self, *flows: dict[str, Any]) -> None:
        """Bring an agreement between lbhf and shelter-west into force."""
        content = {
            "title": "Referrals, LBHF to Shelter West",
            "type": "dda",
            "valid_from": "2026-01-01",
            "valid_until": "2028-12-31",
            "parties": [{"org": "lbhf", "role": "controller"}, {"org": "shelter-west", "role": "controller"}],
            "flows": list(flows),
        }
        drafted = await self.platform.call("POST", "/v1/agreements", "lbhf/ig/ig-lead", json=content)
        assert drafted.status_code == 201, drafted.text
        self.agreement_id, digest = drafted.json()["agreement_id"], drafted.json()["digest"]
        await self.move_agreement("lbhf/ig/ig-lead", action="propose")
        await self.move_agreement("lbhf/sign/signatory", action="sign", digest=digest)
        await self.move_agreement("shelter-west/sign/signatory", action="sign", digest=digest)

    async def move_agreement(self, who: str, **transition: Any) -> None:
        """Move the agreement."""
        await self.platform.move(f"/v1/agreements/{self.agreement_id}/transitions", who, **transition)

    async def assert_record(self, source: str = "housing", record: Mapping[str, Any] | None = None) -> str:
        """Assert a record as lbhf's CRM; give the person's id."""
        answered = await self.call(
            "PUT", f"/v1/sources/{source}/records/r-1", "lbhf/crm/system", "data-stewardship", json=record or a_record()
        )
        assert answered.status_code in (200, 201), answered.text
        return str(answered.json()["person_id"])

    async def refer(self, who: str = ADA, **changes: Any) -> Any:
        """Make a referral."""
        return await self.call("POST", "/v1/referrals", who, json=a_referral(**changes))

    async def sent(self, **changes: Any) -> str:
        """Make a referral that is sent; give its id."""
        made = await self.refer(**changes)
        assert made.status_code == 201, made.text
        await self.settle()
        return str(made.json()["referral_id"])

    async def move(self, referral: str, action: str, who: str = PAT, **said: Any) -> Any:
        """Move a referral on."""
        return await self.call("POST", f"/v1/referrals/{referral}/transitions", who, json={"action": action, **said})

    async def payload(self, referral: str, who: str = PAT, purpose: str = "referral") -> Any:
        """Pull a payload."""
        return await self.call("GET", f"/v1/referrals/{referral}/payload", who, purpose)


def a_referral(**changes: Any) -> dict[str, Any]:
    body = {
        "source": "housing",
        "local_id": "r-1",
        "service_id": SERVICE,
        "need": "a bed for tonight",
        "urgency": "urgent",
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


@pytest.fixture
async def partnership(peopled: Server) -> AsyncIterator[Partnership]:
    """A borough and a partner with one service and no agreement, and a resident known to housing."""

    def settings(service: str) -> Any:
        return {
            "database_url": url(peopled, service, "app"),
            "cursor_secret": SecretStr(SECRET),
            "permit_keys": to_json(PERMIT_KEYS).decode(),
        }

    index = customer_index.app.create_app(
        customer_index.settings.Settings(**settings("customer_index")), clock=lambda: AT
    )
    inner = referrals.app.create_app(referrals.settings.Settings(**settings("referrals")), clock=lambda: AT)
    names = ("gateway", "customer_index", "referrals")
    workers = {name: Database(url(peopled, name, "worker"), pool_size=3, name="worker") for name in names}
    async with serving(peopled, behind=index, others={"referrals": inner}) as platform:
        await platform.enter(PAT, **TRAINED)
        await platform.enter("shelter-west/new/partner-worker")
        await platform.enter(SOC)
        made = Partnership(platform, workers)
        entered = await made.call(
            "PUT",
            f"/v1/organisations/shelter-west/services/{SERVICE}",
            "shelter-west/boss/admin",
            None,
            json={"name": "Night shelter", "capacity": {"available": 2}, "assured_date": "2026-06-01"},
        )
        assert entered.status_code == 201, entered.text
        await made.assert_record()
        yield made
    for database in (index.state.database, inner.state.database, *workers.values()):
        await database.close()


async def nothing_is_stored(admins: dict[str, AsyncEngine]) -> bool:
    return (
        await behind.count(admins["referrals"], "referrals") + await behind.count(admins["referrals"], "payloads") == 0
    )


async def test_without_an_agreement_nothing_is_referred_and_nothing_stored(
    partnership: Partnership, admins: dict[str, AsyncEngine]
) -> None:
    for path in ("/v1/referrals/preview", "/v1/referrals"):
        refused = await partnership.call("POST", path, json=a_referral())

        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-covered-by-agreement")
        assert refused.json()["needed"]
    assert await nothing_is_stored(admins)


async def test_a_preview_shows_what_the_referral_then_discloses(partnership: Partnership) -> None:
    await partnership.agree(FLOW)

    preview = await partnership.call("POST", "/v1/referrals/preview", json=a_referral())
    made = await partnership.refer()

    told = preview.json()
    assert preview.status_code == 200, preview.text
    clause = f"{partnership.agreement_id}/refer"
    fields = {
        "identity": ["date_of_birth", "family_name", "gender", "given_names"],
        "contact_details": ["emails", "phones"],
    }
    assert (told["discloses"], told["clause"], told["duplicates"]) == (fields, clause, False)
    assert told["service"]["capacity"]["available"] == 2
    assert told["service"]["stale"] is False
    reasons = {category: one["reason"] for one in told["withheld"] for category in one["categories"]}
    assert reasons == {
        "identifiers": "not-covered-by-agreement",
        "address": "not-covered-by-agreement",
        "household": "not-covered-by-agreement",
        "accessibility": "role-not-permitted",
        "markers": "role-not-permitted",
    }
    assert (made.status_code, made.json()) == (
        201,
        {
            "referral_id": made.json()["referral_id"],
            "status": "authorised",
            "discloses": fields,
            "clause": clause,
        },
    )
    again = await partnership.call("POST", "/v1/referrals/preview", json=a_referral())
    assert again.json()["duplicates"] is True


async def test_from_referral_to_outcome_on_the_view(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    person = await partnership.assert_record()
    referral = await partnership.sent(message="Ring after six.")

    feed = (await partnership.call("GET", "/v1/events", PAT, None)).json()
    assert [(item["referral_id"], item["status"]) for item in feed["items"]] == [(referral, "sent")]
    pulled = await partnership.payload(referral)
    assert pulled.status_code == 200, pulled.text
    assert pulled.json()["subject"]["family_name"] == "Okonjo-Vale"
    assert pulled.json()["messages"][0]["text"] == "Ring after six."
    for action in ("receive", "accept", "start"):
        assert (await partnership.move(referral, action)).status_code == 200
    done = await partnership.move(referral, "complete", outcome="need-met")
    assert done.json()["status"] == "completed"
    after = await partnership.call("GET", f"/v1/events?after={feed['next']}", PAT, None)
    assert [item["status"] for item in after.json()["items"]] == ["received", "accepted", "in-progress", "completed"]

    own = await partnership.call("GET", f"/v1/referrals/{referral}")
    view = await partnership.call("GET", f"/v1/people/{person}?include=referrals", purpose="homelessness")
    assert (own.json()["outcome"], own.json()["legal"]) == ("need-met", ["close", "enter-in-error"])
    (item,) = view.json()["referrals"]
    assert (item["referral_id"], item["outcome"], item["owner"]) == (referral, "need-met", "lbhf")
    assert view.json()["unavailable"] == []


async def test_only_what_is_granted_and_seen_by_the_referrer_reaches_the_partner(
    partnership: Partnership, admins: dict[str, AsyncEngine]
) -> None:
    await partnership.assert_record(record=canaries.RECORD)
    phoned = {**canaries.RECORD, "phones": ["07700 900778"]}
    await partnership.assert_record("council-tax", record=phoned)
    special = {"category": "accessibility"}
    await partnership.agree(
        {**FLOW, "categories": [*FLOW["categories"], special], "article9": ["h"], "schedule1": ["2"]}
    )
    referral = await partnership.sent()

    answers = [
        await partnership.payload(referral),
        await partnership.call("GET", f"/v1/referrals/{referral}", PAT),
        await partnership.call("GET", "/v1/referrals?role=partner", PAT),
        await partnership.call("GET", "/v1/events", PAT, None),
        await partnership.move(referral, "receive"),
    ]
    await partnership.settle()

    assert [answer.status_code for answer in answers] == [200] * 5
    told = [answer.text + str(answer.headers) for answer in answers]
    told.append(to_json([one.model_dump(mode="json") for one in partnership.heard]).decode())
    stored = await behind.ask(admins["referrals"], "SELECT entries::text FROM payloads")
    told.append(str(stored))
    allowed = {"existence", "identity", "contact_details"}
    for category in canaries.FIELDS_OF:
        for text in told if category not in allowed else told[1:-1]:
            assert not canaries.found_in(text, canaries.values_of(category)), category
    assert "900778" not in "".join(told), "a record of an area that is not in the flow"
    assert canaries.found_in(told[0], canaries.values_of("identity"))  # type: ignore[arg-type]

    social = await partnership.refer(SOC)
    assert "accessibility" in social.json()["discloses"], "whose own borough lets it see what the flow grants"


async def test_who_may_not_refer_gets_a_reason_and_nothing_is_stored(
    partnership: Partnership, admins: dict[str, AsyncEngine]
) -> None:
    await partnership.agree(FLOW)
    refusals = [
        (await partnership.refer("lbhf/boss/admin"), "role-not-permitted"),
        (await partnership.refer(PAT), "role-not-permitted"),
        (await partnership.refer("wcc/will/caseworker"), "not-covered-by-agreement"),
        (
            await partnership.call("POST", "/v1/referrals", purpose="benefits", json=a_referral()),
            "purpose-not-permitted",
        ),
        (await partnership.refer(source="crm"), "role-not-permitted"),
    ]
    unknown = [
        (await partnership.refer(service_id=str(uuid4())), "unknown-service"),
        (await partnership.refer(local_id="nobody"), "unknown-person"),
        (await partnership.refer(source=None, local_id=None, person_id=str(uuid4())), "unknown-person"),
    ]
    malformed = [
        await partnership.refer(source=None),
        await partnership.refer(urgency="at once"),
        await partnership.refer(colour="blue"),
    ]

    for answer, reason in refusals:
        assert (answer.status_code, answer.json()["type"]) == (403, f"/problems/{reason}")
    for answer, reason in unknown:
        assert (answer.status_code, answer.json()["type"]) == (404, f"/problems/{reason}")
    assert [answer.status_code for answer in malformed] == [422] * 3
    assert await nothing_is_stored(admins)


async def test_a_person_without_a_record_in_a_covered_area_is_not_referred(partnership: Partnership) -> None:
    await partnership.agree(FLOW | {"service_areas": ["benefits"]})
    person = await partnership.assert_record()

    refused = await partnership.refer(source=None, local_id=None, person_id=person)

    assert refused.status_code == 403


async def test_a_payload_needs_the_clauses_own_conditions_of_its_reader(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    referral = await partnership.sent()

    untrained = await partnership.payload(referral, "shelter-west/new/partner-worker")
    other_purpose = await partnership.payload(referral, purpose="housing")
    other_partner = await partnership.payload(referral, "wcc/will/caseworker")
    referrer = await partnership.payload(referral)
    own = await partnership.payload(referral, ADA)

    assert (untrained.status_code, untrained.json()["type"]) == (403, "/problems/training-lapsed")
    assert (other_purpose.status_code, other_purpose.json()["type"]) == (403, "/problems/purpose-not-permitted")
    assert other_partner.status_code == 404
    assert referrer.status_code == 200
    assert own.status_code == 404


async def test_suspension_closes_the_payload_on_the_next_call_and_then_recalls(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    referral = await partnership.sent()
    assert (await partnership.payload(referral)).status_code == 200

    await partnership.move_agreement("lbhf/ig/ig-lead", action="suspend", reason="incident")

    closed, moved = await partnership.payload(referral), await partnership.move(referral, "receive")
    for answer in (closed, moved):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-covered-by-agreement")
    seen = await partnership.call("GET", f"/v1/referrals/{referral}", PAT)
    assert (seen.status_code, seen.json()["need"]) == (200, None)
    await partnership.settle()
    recalled = await partnership.call("GET", f"/v1/referrals/{referral}", PAT)
    assert (recalled.json()["status"], recalled.json()["legal"]) == ("recalled", ["confirm-deletion"])
    assert (await partnership.move(referral, "confirm-deletion")).status_code == 200
    assert (await partnership.payload(referral)).status_code == 403
    await partnership.move_agreement("lbhf/ig/ig-lead", action="resume")
    await partnership.settle()
    assert (await partnership.payload(referral)).status_code == 409, "what was recalled stays so"


async def test_a_clause_that_rests_on_consent_asks_for_it(partnership: Partnership, admins: Any) -> None:
    await partnership.agree(FLOW | {"article6": "a", "legal_power": None})

    preview = await partnership.call("POST", "/v1/referrals/preview", json=a_referral())
    refused = await partnership.refer()
    declined = await partnership.refer(consent=False)
    made = await partnership.refer(consent={"given": True, "how": "in writing"})

    assert preview.json()["consent_needed"] is True
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/consent-required")
    assert (declined.status_code, made.status_code) == (422, 201)
    (stored,) = await behind.ask(admins["referrals"], "SELECT consent->>'how' FROM referrals")
    assert stored == ("in writing",)


async def test_a_service_gets_no_more_than_it_takes(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    other = str(uuid4())
    await partnership.call(
        "PUT",
        f"/v1/organisations/shelter-west/services/{other}",
        "shelter-west/boss/admin",
        None,
        json={"name": "Helpline", "accepted_categories": ["contact_details"]},
    )

    told = (await partnership.call("POST", "/v1/referrals/preview", json=a_referral(service_id=other))).json()

    assert told["discloses"] == {"contact_details": ["emails", "phones"]}
    assert ["identity"] in [one["categories"] for one in told["withheld"] if one["reason"] == "not-accepted-by-service"]


async def test_the_same_key_makes_one_referral_even_after_the_record_changed(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    headers = {"Idempotency-Key": "k-1"}

    first = await partnership.call("POST", "/v1/referrals", json=a_referral(), headers=headers)
    await partnership.assert_record(record=a_record(phones=["07700 900555"]))
    again = await partnership.call("POST", "/v1/referrals", json=a_referral(), headers=headers)
    other = await partnership.call("POST", "/v1/referrals", json=a_referral(need="another"), headers=headers)

    assert first.json()["referral_id"] == again.json()["referral_id"]
    assert (again.status_code, other.status_code) == (201, 422)
    await partnership.settle()
    pulled = await partnership.payload(first.json()["referral_id"])
    assert pulled.json()["subject"]["phones"] == ["07700 900123"], "frozen as it was authorised"


async def test_each_step_is_audited_and_the_owner_reads_who_pulled_the_payload(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    person = await partnership.assert_record()
    referral = await partnership.sent()
    await partnership.payload(referral)

    made = await partnership.platform.audited("lbhf", subject="ada")
    pulled = [row for row in await partnership.platform.audited("lbhf", owner="lbhf") if row["subject"] == "pat"]
    log = await partnership.call("GET", f"/v1/people/{person}/access-log", "lbhf/ig/ig-lead", "subject-rights")

    clause = f"{partnership.agreement_id}/refer"
    assert [(row["outcome"], row["clauses"]) for row in made] == [("done", [clause]), ("intent", [])]
    assert made[0]["scopes"]["lbhf/housing"] == ["contact_details", "existence", "identity"]
    (row,) = pulled
    assert (row["action"], row["clauses"], row["outcome"]) == ("read", [clause], "allowed")
    accesses = [(one["organisation"], one["action"]) for one in log.json()["items"]]
    assert ("shelter-west", "read") in accesses


async def test_the_directory_is_open_and_changed_by_administrators_only(partnership: Partnership) -> None:
    client = partnership.platform.client
    for path in ("services", f"services/{SERVICE}", "service_at_locations", "taxonomies", "taxonomy_terms"):
        answered = await client.get(f"/v1/{path}")
        assert answered.status_code == 200, path
    path = f"/v1/organisations/shelter-west/services/{uuid4()}"
    entry = {"name": "Another"}

    nobody = await client.put(path, json=entry)
    worker = await partnership.call("PUT", path, PAT, None, json=entry)
    foreign = await partnership.call("PUT", path, "lbhf/boss/admin", None, json=entry)
    no_etag = await partnership.call(
        "PUT", f"/v1/organisations/shelter-west/services/{SERVICE}", "shelter-west/boss/admin", None, json=entry
    )

    assert [nobody.status_code, worker.status_code, foreign.status_code] == [401, 403, 403]
    assert no_etag.status_code == 428


async def test_a_patient_partner_hears_through_the_gateway(partnership: Partnership) -> None:
    await partnership.agree(FLOW)
    listening = asyncio.create_task(partnership.call("GET", "/v1/events?wait=15", PAT, None))
    await asyncio.sleep(0.3)
    referral = await partnership.sent()

    heard = await listening

    assert [item["referral_id"] for item in heard.json()["items"]] == [referral]
    nobody = await partnership.call("GET", "/v1/events", "lbhf/boss/admin", None)
    assert nobody.status_code == 403
