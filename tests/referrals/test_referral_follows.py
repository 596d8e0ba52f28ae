"""A referral stays with its record and follows it from person to person, whatever the order events come in."""

import asyncio
from dataclasses import replace
from itertools import permutations
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events import Event, PersonMerged, PersonRecordLinked, PersonRecordUnlinked, PersonSplit
from shared.permit import Anchor
from tests.builders import a_permit
from tests.customer_index import behind
from tests.referrals.conftest import Desk, an_anchor


def record_of(anchor: Anchor) -> UUID:
    assert anchor.record_id is not None
    return anchor.record_id


async def persons(admins: dict[str, AsyncEngine]) -> list[UUID]:
    """Give whom each referral is about, the first that was made first."""
    found = await behind.ask(admins["referrals"], "SELECT person_id FROM referrals ORDER BY number")
    return [person for (person,) in found]


async def told(desk: Desk, *events: tuple[UUID, Event]) -> None:
    """Let customer-index's events come, each of the person named with it."""
    for person_id, event in events:
        await desk.tell(event, subject=str(person_id), source="customer-index")


async def test_a_referral_follows_its_record_from_person_to_person(desk: Desk, admins: dict[str, AsyncEngine]) -> None:
    anchor, merged, split, linked = an_anchor(), uuid4(), uuid4(), uuid4()
    assert anchor.record_id is not None
    records = [anchor.record_id]
    await desk.refer(about=anchor)
    await desk.refer()

    other = (await persons(admins))[1]
    for event, subject, now in (
        (PersonMerged(into=merged, records=records), anchor.person_id, merged),
        (PersonSplit(into=split, records=records), merged, split),
        (PersonRecordLinked(record_id=anchor.record_id), linked, linked),
    ):
        await desk.tell(event, subject=str(subject), source="customer-index")
        assert await persons(admins) == [now, other]
    path = f"/v1/people/{linked}/referrals"
    about = (replace(anchor, person_id=linked),)
    assert len((await desk.call("GET", path, a_permit("lbhf", about=about))).json()["items"]) == 1


async def test_a_referral_ends_with_the_same_person_in_whatever_order_two_moves_are_told(
    desk: Desk, admins: dict[str, AsyncEngine]
) -> None:
    last: list[UUID] = []
    for order in sorted(set(permutations("aabbc"))):
        anchor, second, third = an_anchor(), uuid4(), uuid4()
        record = record_of(anchor)
        await desk.ask_to_refer(about=anchor)
        events: dict[str, list[tuple[UUID, Event]]] = {
            "a": [
                (anchor.person_id, PersonRecordLinked(record_id=record)),
                (anchor.person_id, PersonMerged(into=second, records=[record])),
            ],
            "b": [
                (second, PersonRecordLinked(record_id=record)),
                (second, PersonSplit(into=third, records=[record])),
            ],
            "c": [(third, PersonRecordLinked(record_id=record))],
        }
        for whose in order:
            await told(desk, events[whose].pop(0))
        last.append(third)

    assert await persons(admins) == last


async def test_a_referral_about_a_withdrawn_record_keeps_whom_it_was_about(
    desk: Desk, admins: dict[str, AsyncEngine]
) -> None:
    anchor = an_anchor()
    await desk.refer(about=anchor)

    await told(
        desk,
        (anchor.person_id, PersonRecordLinked(record_id=record_of(anchor))),
        (anchor.person_id, PersonRecordUnlinked(record_id=record_of(anchor))),
    )

    assert await persons(admins) == [anchor.person_id]


async def test_a_referral_made_with_a_permit_that_events_have_overtaken_is_about_the_right_person(
    desk: Desk, admins: dict[str, AsyncEngine]
) -> None:
    anchor, survivor = an_anchor(), uuid4()
    record = record_of(anchor)
    await told(
        desk,
        (anchor.person_id, PersonRecordLinked(record_id=record)),
        (anchor.person_id, PersonMerged(into=survivor, records=[record])),
        (survivor, PersonRecordLinked(record_id=record)),
    )

    await desk.refer(about=anchor)

    assert await persons(admins) == [survivor]


async def test_referrals_made_while_a_merge_arrives_are_none_of_them_left_behind(
    desk: Desk, admins: dict[str, AsyncEngine]
) -> None:
    anchor, survivor = an_anchor(), uuid4()
    record = record_of(anchor)
    await told(desk, (anchor.person_id, PersonRecordLinked(record_id=record)))

    async def merge() -> None:
        await asyncio.sleep(0.01)
        await told(
            desk,
            (anchor.person_id, PersonMerged(into=survivor, records=[record])),
            (survivor, PersonRecordLinked(record_id=record)),
        )

    made = await asyncio.gather(merge(), *(desk.ask_to_refer(about=anchor) for _ in range(12)))

    assert {one.status_code for one in made if one is not None} == {201}
    assert set(await persons(admins)) == {survivor}
