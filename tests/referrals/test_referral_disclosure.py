"""What a partner learns: what was frozen and is granted now, nothing else, and nothing at all once it is over."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic_core import to_json

from shared.categories import Category, Form
from shared.events import REFERRALS
from tests.builders import granting
from tests.customer_index import canaries
from tests.referrals.conftest import CLAUSE, CRM, FLOW, HOUSING, Desk, an_anchor, partner, reader, referrer

_LISTED = {Category.IDENTITY, Category.CONTACT_DETAILS}


async def test_the_partner_pulls_what_was_frozen(desk: Desk) -> None:
    referral = await desk.refer(message="Please ring after six.")
    await desk.moves(referral, "receive", "request-info")
    await desk.move(referral, "supply-info", referrer(), message="She has a dog.")

    pulled = await desk.payload(referral)

    assert pulled.status_code == 200
    told = pulled.json()
    assert told["subject"] == {"given_names": ["Adaeze"], "phones": ["07700 900123", "07700 900124"]}
    assert told["discloses"] == {"contact_details": ["phones"], "identity": ["given_names"]}
    assert [message["text"] for message in told["messages"]] == ["Please ring after six.", "She has a dog."]


async def test_a_later_decision_cuts_the_payload_down_and_never_adds_to_it(desk: Desk) -> None:
    referral = await desk.refer()
    everything = granting(HOUSING, CRM)

    assert (await desk.payload(referral, reader(grants=everything))).json()["subject"].keys() == {
        "given_names",
        "phones",
    }
    without_crm = await desk.payload(referral, reader(grants=granting(HOUSING, categories=FLOW)))
    assert without_crm.json()["subject"]["phones"] == ["07700 900123"]
    less = FLOW | {Category.CONTACT_DETAILS: Form.EXISTS}
    told = await desk.payload(referral, reader(grants=granting(HOUSING, CRM, categories=less)))
    assert told.json()["subject"]["phones"] == {"exists": True}
    only_known = granting(HOUSING, categories={Category.EXISTENCE: Form.VALUE})
    assert (await desk.payload(referral, reader(grants=only_known))).json()["subject"] == {}


@pytest.mark.parametrize("category", canaries.FIELDS_OF)
async def test_no_value_of_a_category_that_was_not_granted_reaches_the_partner(desk: Desk, category: Category) -> None:
    """The payload frozen holds every category, as if nothing had been minimised; the read must still cut it down."""
    entries = [
        {"field": name, "category": one, "scope": HOUSING, "form": "value", "value": canaries.RECORD[name]}
        for one, names in canaries.FIELDS_OF.items()
        for name in names
    ]
    all_but = {one: Form.VALUE for one in Category if one is not category}
    referral = await desk.refer(payload=entries)
    permit = reader(grants=granting(HOUSING, categories=all_but))

    answers = [
        await desk.payload(referral, permit),
        await desk.call("GET", f"/v1/referrals/{referral}", partner()),
        await desk.call("GET", "/v1/referrals", partner()),
        await desk.move(referral, "receive", partner()),
        await desk.call("GET", "/v1/events", partner()),
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    for answer in answers:
        assert not canaries.found_in(answer.text + str(answer.headers), canaries.values_of(category))
    for answer in answers[1:]:
        assert not canaries.found_in(answer.text + str(answer.headers), canaries.all_values())
    granted = [value for one in canaries.FIELDS_OF if one is not category for value in canaries.values_of(one)]
    assert len(canaries.found_in(answers[0].text, granted)) == len(granted)


async def test_events_carry_no_word_of_anybody(desk: Desk) -> None:
    anchor = an_anchor()
    said = ["a bed for tonight", "rings-after-six", "needs-a-ramp", "the-night-team"]
    referral = await desk.refer(about=anchor, message=said[1])
    await desk.moves(referral, "receive", "request-info", message=said[2])
    await desk.move(referral, "supply-info", referrer(), message=said[1])
    await desk.moves(referral, "accept", lead=said[3])
    await desk.publish()

    told = to_json([one.model_dump(mode="json") for one in desk.heard]).decode()
    told += to_json(await desk.feed()).decode()

    assert len(desk.heard) > 10
    for word in (*said, "Adaeze", "07700"):
        assert word not in told
    to_partner = to_json([one.model_dump(mode="json") for one in desk.heard if one.topic != REFERRALS]).decode()
    to_partner += to_json(await desk.feed()).decode()
    assert str(anchor.record_id) in told, "the other services follow whom it is about"
    for one in (anchor.person_id, anchor.record_id):
        assert str(one) not in to_partner


async def test_the_partner_is_told_of_no_person_and_of_no_worker(desk: Desk) -> None:
    anchor = an_anchor()
    referral = await desk.refer(about=anchor)

    seen = await desk.call("GET", f"/v1/referrals/{referral}", partner())
    own = await desk.call("GET", f"/v1/referrals/{referral}", referrer())

    assert str(anchor.person_id) not in seen.text + str(seen.headers)
    assert str(anchor.record_id) not in seen.text + str(seen.headers)
    assert "worker" not in seen.text
    assert str(anchor.person_id) in own.headers["scv-disclosed"]


async def test_suspension_closes_the_payload_at_once_and_recalls_the_referral(desk: Desk) -> None:
    referral, ended = await desk.refer(), await desk.refer()
    await desk.moves(referral, "receive", "accept")
    await desk.moves(ended, "receive", "reject", reason="no-capacity")
    suspended = partner(clauses=())

    assert (await desk.payload(referral, reader(clauses=()))).status_code == 403
    closed = await desk.move(referral, "start", suspended)
    assert (closed.status_code, closed.json()["clause"]) == (403, CLAUSE)
    before = await desk.view(referral, suspended)
    assert (before["status"], before["need"]) == ("accepted", None)

    await desk.agreement("suspended")

    recalled = await desk.view(referral, suspended)
    assert (recalled["status"], recalled["legal"]) == ("recalled", ["confirm-deletion"])
    assert recalled["history"][-1]["reason"] == "agreement-suspended"
    assert (await desk.view(ended, referrer()))["status"] == "rejected"
    feed = (await desk.feed())["items"]
    assert (feed[-1]["referral_id"], feed[-1]["status"]) == (referral, "recalled")
    assert (await desk.payload(referral, reader(clauses=()))).status_code == 403
    assert (await desk.payload(referral)).json()["type"] == "/problems/payload-closed", "even after it is resumed"
    confirmed = await desk.move(referral, "confirm-deletion", suspended)
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "recalled")
    assert (await desk.move(referral, "close", referrer())).json()["status"] == "closed"


async def test_a_terminated_agreement_and_a_clause_that_went_recall_too(desk: Desk) -> None:
    first = await desk.refer()
    await desk.agreement("active", clauses=["5b1d9f0e-3c53-4a53-9f3c-0a4c6d2f7e13/other"])
    gone = await desk.view(first, referrer())
    await desk.agreement("active")
    second = await desk.refer()
    await desk.agreement("terminated")

    ended = await desk.view(second, referrer())
    assert (gone["status"], gone["history"][-1]["reason"]) == ("recalled", "clause-removed")
    assert (ended["status"], ended["history"][-1]["reason"]) == ("recalled", "agreement-terminated")


async def test_the_last_day_of_an_agreement_recalls_by_the_clock(desk: Desk) -> None:
    referral = await desk.refer()
    await desk.moves(referral, "receive")

    desk.at += timedelta(days=299)
    await desk.look_at_clocks()
    assert (await desk.view(referral, referrer()))["status"] == "received"
    desk.at += timedelta(days=1)
    await desk.look_at_clocks()

    assert (await desk.view(referral, referrer()))["history"][-1]["reason"] == "agreement-expired"


async def test_a_referral_made_while_its_agreement_was_being_suspended_is_recalled(desk: Desk) -> None:
    await desk.agreement("suspended")
    referral = await desk.refer()
    assert (await desk.view(referral, referrer()))["status"] == "sent"

    await desk.look_at_clocks()

    assert (await desk.view(referral, referrer()))["status"] == "recalled"


async def test_late_news_of_an_earlier_state_recalls_nothing(desk: Desk) -> None:
    """The agreement was drafted, suspended and resumed before the referral was made; word of it comes after."""
    desk.at += timedelta(hours=2)
    referral = await desk.refer()

    desk.at -= timedelta(hours=1)
    for status in ("draft", "proposed", "suspended", "active"):
        await desk.agreement(status)

    assert (await desk.view(referral, referrer()))["status"] == "sent"


async def test_a_clause_in_force_that_grants_nothing_of_the_scope_any_more_opens_no_payload(desk: Desk) -> None:
    referral = await desk.refer(message="Please ring after six.")

    refused = [
        await desk.payload(referral, reader(grants=grants))
        for grants in (
            {},
            granting(CRM, categories=FLOW),
            granting(HOUSING, categories=dict.fromkeys(_LISTED, Form.VALUE)),
        )
    ]

    assert [(answer.status_code, answer.json().get("clause")) for answer in refused] == [(403, CLAUSE)] * 3


async def test_an_agreement_the_referral_does_not_rest_on_recalls_nothing(desk: Desk) -> None:
    referral = await desk.refer(clauses=[f"{uuid4()}/refer"])

    await desk.agreement("terminated")

    assert (await desk.view(referral, referrer()))["status"] == "sent"


async def test_raw_sql_as_the_application_sees_what_the_context_opens_and_no_more(desk: Desk) -> None:
    await desk.refer()
    from sqlalchemy import text

    async def seen(table: str, **context: str) -> int:
        settings = {f"scv.{name}": value for name, value in context.items()}
        async with desk.database.transaction(settings) as tx:
            return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())

    for table in ("referrals", "payloads", "referral_history", "partner_events"):
        assert await seen(table) == 0
        assert await seen(table, org="wcc", receiving="", clauses=CLAUSE, scopes="wcc/housing") == 0
    assert await seen("payloads", org="lbhf", scopes=HOUSING, receiving="") == 0
    assert await seen("payloads", org="shelter-west", receiving="shelter-west", clauses="") == 0
    assert await seen("payloads", org="shelter-west", receiving="shelter-west", clauses=CLAUSE) == 1
    assert await seen("referrals", org="lbhf", receiving="", scopes=HOUSING) == 1
    assert await seen("partner_events", org="shelter-west") == 1


async def test_the_worker_cannot_read_what_referrals_say(desk: Desk) -> None:
    await desk.refer()
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    async def refused(statement: str) -> Any:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with desk.worker.transaction() as tx:
                await tx.execute(text(statement))

    await refused("SELECT need FROM referrals")
    await refused("SELECT consent FROM referrals")
    await refused("SELECT entries FROM payloads")
    await refused("SELECT message FROM referral_history")
