"""Protected and sealed people, and people who do not exist for a worker: what referrals keeps back, and from whom."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from referrals.payload import Entry, Guard, discloses, let_out
from referrals.rights import context_of, payload_context
from shared.categories import WHEREABOUTS, Category, Form
from shared.events import PersonProtected
from shared.permit import Anchor, Permit
from tests.alike import stream, told, told_of_somebody
from tests.builders import a_permit, granting
from tests.referrals.conftest import ENTRIES, HOUSING, Desk, an_anchor, partner, reader, referrer

AT_HOME: Final[tuple[dict[str, Any], ...]] = (
    {"field": "phones", "category": "contact_details", "scope": HOUSING, "form": "value", "value": ["07700 900123"]},
    {"field": "addresses", "category": "address", "scope": HOUSING, "form": "value", "value": ["17 Larkspur Row"]},
    {"field": "members", "category": "household", "scope": HOUSING, "form": "value", "value": ["Chidi"]},
)
NAME: Final = ENTRIES[0]
ANCHORED: Final = ("referrals", "payloads", "referral_history")
EVERYTHING: Final = granting(HOUSING)


async def guard(desk: Desk, about: Anchor, *, protected: bool = True, sealed: bool = False) -> None:
    """Have customer-index tell that somebody is protected or sealed."""
    assert about.record_id is not None
    event = PersonProtected(records=[about.record_id], protected=protected, sealed=sealed)
    await desk.tell(event, subject=str(about.person_id), source="customer-index")


async def read_by_partner(desk: Desk, referral: str) -> list[Any]:
    """Read a referral in every way the partner can."""
    return [
        await desk.payload(referral, reader(grants=EVERYTHING)),
        await desk.call("GET", f"/v1/referrals/{referral}", partner()),
        await desk.call("GET", "/v1/referrals?role=partner", partner()),
    ]


def another_borough(**changes: Any) -> Permit:
    """Permit a caseworker of wcc to see lbhf's referrals."""
    return a_permit("wcc", grants=granting(HOUSING), purpose="homelessness", **changes)


@pytest.mark.parametrize("told_first", [True, False])
async def test_a_payload_loses_a_protected_person_s_whereabouts_as_if_they_had_never_been_in_it(
    told_first: bool, desk: Desk
) -> None:
    ada, ben = an_anchor(), an_anchor()
    if told_first:
        await guard(desk, ada)
    with_whereabouts = await desk.refer(about=ada, payload=[NAME, *AT_HOME], message="She has a dog.")
    if not told_first:
        assert "Larkspur" in (await desk.payload(with_whereabouts, reader(grants=EVERYTHING))).text
        await guard(desk, ada)
    protected = await read_by_partner(desk, with_whereabouts)
    await desk.move(with_whereabouts, "withdraw", referrer(), reason="to clear the list")
    await desk.move(with_whereabouts, "enter-in-error", referrer())

    assert [one.status_code for one in protected] == [200] * 3
    assert protected[0].json()["subject"] == {"given_names": ["Adaeze"]}
    assert protected[0].json()["discloses"] == protected[1].json()["discloses"] == {"identity": ["given_names"]}
    assert protected[0].json()["messages"][0]["text"] == "She has a dog."
    without = await desk.refer(about=ben, payload=[NAME], message="She has a dog.")
    never_given = await read_by_partner(desk, without)
    for one, other in zip(protected[:2], never_given[:2], strict=True):
        assert told_of_somebody(one) == told_of_somebody(other)
    own = await desk.view(with_whereabouts, referrer())
    assert own["discloses"] == {"identity": ["given_names"]}, "so the referrer knows what the partner reads"


async def test_a_protection_takes_no_more_than_whereabouts_and_gives_them_back_when_it_ends(desk: Desk) -> None:
    ada = an_anchor()
    referral = await desk.refer(about=ada, payload=[NAME, *AT_HOME])
    before = told(await desk.payload(referral, reader(grants=EVERYTHING)))
    await guard(desk, ada)
    assert told(await desk.payload(referral, reader(grants=EVERYTHING))) != before

    await guard(desk, ada, protected=False)

    assert told(await desk.payload(referral, reader(grants=EVERYTHING))) == before


@pytest.mark.parametrize("told_first", [True, False])
async def test_of_a_sealed_person_the_partner_reads_nobody_s_words(told_first: bool, desk: Desk) -> None:
    ada = an_anchor()
    if told_first:
        await guard(desk, ada, sealed=True)
    referral = await desk.refer(about=ada, payload=[NAME, *AT_HOME], message="Ask for Adaeze.", need="Adaeze's bed")
    await desk.moves(referral, "receive", "request-info")
    await desk.move(referral, "supply-info", referrer(), message="Adaeze it is.", reason="Adaeze said so")
    if not told_first:
        assert "Adaeze" in (await desk.payload(referral, reader(grants=EVERYTHING))).text
        await guard(desk, ada, sealed=True)

    sealed = await read_by_partner(desk, referral)
    moved = await desk.move(referral, "accept", partner())

    assert [one.status_code for one in (*sealed, moved)] == [200] * 4, "the partner works on"
    for one in (*sealed, moved):
        assert "Adaeze" not in one.text
        assert "Larkspur" not in one.text
    assert (sealed[0].json()["subject"], sealed[0].json()["discloses"]) == ({}, {})
    assert sealed[0].headers["scv-disclosed"].count("identity") == 0


async def test_to_another_owner_s_caller_the_referral_of_a_sealed_person_does_not_exist(desk: Desk) -> None:
    ada = an_anchor()
    referral = await desk.refer(about=ada)
    path = f"/v1/people/{ada.person_id}/referrals"
    theirs = another_borough(about=(replace(ada, record_id=None, scope=None),))
    assert (await desk.call("GET", f"/v1/referrals/{referral}", theirs)).status_code == 200
    assert len((await desk.call("GET", path, theirs)).json()["items"]) == 1

    await guard(desk, ada, sealed=True)

    nothing = await desk.call("GET", f"/v1/referrals/{uuid4()}", theirs)
    assert told(await desk.call("GET", f"/v1/referrals/{referral}", theirs)) == told(nothing)
    assert (await desk.call("GET", path, theirs)).json() == {"items": []}
    own = await desk.view(referral, referrer())
    assert (own["need"], own["status"]) == ("a bed for tonight", "sent"), "its owner sees what it saw"


async def test_for_a_worker_a_hidden_person_s_referral_does_not_exist(desk: Desk) -> None:
    ada = an_anchor()
    referral = await desk.refer(about=ada)
    assert ada.record_id is not None
    hidden = (uuid4(), ada.record_id)
    own = referrer(hidden=hidden, about=(replace(ada, record_id=None, scope=None),))

    nothing = await desk.call("GET", f"/v1/referrals/{uuid4()}", own)
    for permit in (own, partner(hidden=hidden)):
        assert told(await desk.call("GET", f"/v1/referrals/{referral}", permit)) == told(nothing)
        assert (await desk.call("GET", "/v1/referrals", permit)).json()["items"] == []
    assert (await desk.call("GET", f"/v1/people/{ada.person_id}/referrals", own)).json() == {"items": []}
    assert told(await desk.payload(referral, reader(hidden=hidden))) == told(nothing)
    for action, permit in (("withdraw", own), ("receive", partner(hidden=hidden))):
        refused = await desk.move(referral, action, permit, reason="x" if action == "withdraw" else None)
        assert refused.status_code == 404
    assert (await desk.view(referral, referrer()))["status"] == "sent"


async def test_a_partner_s_events_are_the_same_whoever_is_behind_them(desk: Desk) -> None:
    people = {"protected": an_anchor(), "sealed": an_anchor(), "ordinary": an_anchor()}
    await guard(desk, people["protected"])
    await guard(desk, people["sealed"], sealed=True)
    streams: dict[str, str] = {}
    after = None
    for name, about in people.items():
        heard = len(desk.heard)
        referral = await desk.refer(about=about, payload=[NAME, *AT_HOME], message="Ring after six.")
        await desk.moves(referral, "receive", "accept", "start")
        await guard(desk, about, protected=name != "ordinary", sealed=name == "sealed")
        await desk.moves(referral, "complete", outcome="need-met")
        await desk.publish()
        feed = await desk.feed(after)
        after = feed["next"]
        on_topic = [one for one in desk.heard[heard:] if one.topic == "scv.partner.shelter-west.referrals"]
        first = on_topic[0].aggregate_version
        carried = [
            {
                **one.data,
                "type": one.type,
                "owner": one.owner,
                "version": one.aggregate_version - first,
                "sequence": one.data["sequence"],
            }
            for one in on_topic
        ]
        streams[name] = stream(feed["items"]) + stream(carried)
        assert {key for item in feed["items"] for key in item} == {
            "id", "sequence", "type", "time", "referral_id", "status",
        }  # fmt: skip
        assert str(about.person_id) not in to_json([one.model_dump(mode="json") for one in on_topic]).decode()

    assert streams["protected"] == streams["sealed"] == streams["ordinary"]
    assert [item["status"] for item in feed["items"]] == ["sent", "received", "accepted", "in-progress", "completed"]


async def test_of_two_persons_events_about_one_record_the_later_counts(desk: Desk) -> None:
    ada = an_anchor()
    referral = await desk.refer(about=ada, payload=[NAME, *AT_HOME])
    desk.at += timedelta(minutes=2)
    await guard(desk, replace(ada, person_id=uuid4()))
    desk.at -= timedelta(minutes=1)

    await guard(desk, ada, protected=False)

    assert "Larkspur" not in (await desk.payload(referral, reader(grants=EVERYTHING))).text


async def test_raw_sql_as_the_application_sees_no_sealed_and_no_hidden_row(
    desk: Desk, admins: dict[str, AsyncEngine]
) -> None:
    ada = an_anchor()
    await desk.refer(about=ada)
    assert ada.record_id is not None
    await guard(desk, ada, sealed=True)
    contexts = {
        "hidden": context_of(referrer(hidden=(ada.record_id,))),
        "hidden from the partner": payload_context(partner(hidden=(ada.record_id,))),
        "sealed": context_of(another_borough()),
        "sealed, by nobody": dict(context_of(another_borough())) | {"scv.org": ""},
    }

    for name, context in contexts.items():
        async with desk.database.transaction(context) as tx:
            seen = {table: await counted(tx, table) for table in ANCHORED}
        assert set(seen.values()) == {0}, (name, seen)
        without = await seen_without_restrictions(admins["referrals"], context)
        assert (without["referrals"], without["referral_history"]) == (1, 3), name
        assert without["payloads"] == (1 if "partner" in name else 0)
    async with desk.database.transaction() as tx:
        assert await counted(tx, "guarded_records") == 0


async def counted(tx: Any, table: str) -> int:
    """Count the rows that a role sees of a table."""
    return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def seen_without_restrictions(admin: AsyncEngine, context: Any) -> dict[str, int]:
    """Count what the application would see without the restrictive policies, which is what they are for."""
    async with admin.connect() as connection:
        policies = await connection.execute(
            text("SELECT tablename, policyname FROM pg_policies WHERE permissive = 'RESTRICTIVE'")
        )
        for table, policy in policies.all():
            await connection.execute(text(f"DROP POLICY {policy} ON {table}"))
        for name, value in context.items():
            await connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
        await connection.execute(text("SET LOCAL ROLE referrals_app"))
        seen = {table: await counted(connection, table) for table in ANCHORED}
        await connection.rollback()
    return seen


@given(st.lists(st.sampled_from(Category), max_size=8), st.booleans(), st.booleans())
def test_a_guard_lets_out_only_what_it_is_not_there_for(
    categories: list[Category], protected: bool, sealed: bool
) -> None:
    entries = [
        Entry(field=f"{category}-{number}", category=category, scope=HOUSING, form=Form.VALUE, value=number)
        for number, category in enumerate(categories)
    ]
    guard = Guard(protected=protected, sealed=sealed)

    left = let_out(entries, guard)

    kept_back = set(Category) if sealed else WHEREABOUTS if protected else set()
    assert left == [entry for entry in entries if entry.category not in kept_back]
    assert set(discloses(left)).isdisjoint(kept_back)
