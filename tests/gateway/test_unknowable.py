"""For those who may not know them, people who are there and people who are not look the same, on every route.

The whole platform is asked: the gateway, the three services, the events between them.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy.ext.asyncio import AsyncEngine

from single_node.postgres import Server
from tests.alike import stream, told, told_of_somebody
from tests.conftest import empty
from tests.documents import applications
from tests.gateway.conftest import people
from tests.gateway.residents import (
    COLLEAGUE,
    EXCLUDED_WORKER,
    OF_WCC,
    PURPOSES,
    Resident,
    a_resident,
    exclude,
    look_alike,
    move_in,
    nobody,
    protect,
    settle_in,
    work_for,
)
from tests.gateway.unknowable import ASKS, Ask, Asker, Route, ask_about, asked, is_covered, listed
from tests.gateway.whole import PARTNER, Whole, a_peopled_platform

LOOKS_OF_ANOTHER_BOROUGH = (
    "/v1/people/{person_id}",
    "/v1/people/{person_id}/timeline",
    "/v1/people/{person_id}/household",
    "/v1/people/{person_id}/access-log",
    "/v1/people/{person_id}/assessments",
    "/v1/people/search",
    "/v1/cases/{case_id}",
    "/v1/episodes/{episode_id}",
    "/v1/referrals/{referral_id}",
    "/v1/assessments/{assessment_id}/reuse",
)
"""What another borough sees of somebody ordinary, so that it is worth asking about somebody who is not."""


@pytest.fixture
async def whole(peopled: Server) -> AsyncIterator[Whole]:
    """The whole platform."""
    async with a_peopled_platform(peopled) as served:
        yield served


def test_every_route_of_the_gateway_is_asked_about_somebody_or_is_about_nobody() -> None:
    routes = [
        (method, str(route.path))
        for route in iter_route_contexts(applications()["gateway"].routes)
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]

    forgotten = [route for route in routes if not is_covered(*route)]
    assert not forgotten, "say in `unknowable` how they name a person, or why they are about nobody"
    gone = set(ASKS) - set(routes)
    assert not gone, "no longer there"


async def differences(
    whole: Whole, asker: Asker, about: Resident, *others: Resident, purposes: tuple[str, ...] = PURPOSES
) -> list[tuple[Route, str, str]]:
    """List the ways of asking in which somebody does not look as the others do, with the purpose."""
    found = []
    for route, ask in asked():
        for purpose in purposes if route[0] == "GET" else purposes[:2]:
            said = [told(await ask_about(whole, asker, one, route, ask, purpose=purpose)) for one in (about, *others)]
            if len(set(said)) > 1:
                found.append((route, ask.name, purpose))
    return found


def unnamed_by_source(resident: Resident) -> Resident:
    """Give somebody of lbhf's as another borough may name them: it has records of its own under every local id."""
    return replace(resident, local_id="r-nobody")


async def test_to_another_borough_a_sealed_person_is_nobody(whole: Whole) -> None:
    residents = await settle_in(whole, "quilla", "osric", "ludo", only_in_lbhf=("quilla",), household=False)
    quilla, osric, ludo = (unnamed_by_source(residents[name]) for name in ("quilla", "osric", "ludo"))
    asker = Asker(who=OF_WCC, knows=ludo.theirs)
    of_ordinary = {route for (_, route), *_ in await differences(whole, asker, quilla, nobody(), purposes=PURPOSES[:1])}
    before = await listed(whole, asker, purpose="homelessness")

    for sealed in (quilla, osric):
        await protect(whole, sealed, "adoption")

    assert set(LOOKS_OF_ANOTHER_BOROUGH) <= of_ordinary, "or the test would say nothing"
    assert await differences(whole, asker, quilla, nobody()) == []
    assert await listed(whole, asker, purpose="homelessness") == before
    for of_another in (osric.theirs, ludo.theirs, ludo.person_id):
        for path in ("", "/household", "/timeline", "/access-log", "/assessments"):
            answer = await whole.call("GET", f"/v1/people/{of_another}{path}", OF_WCC)
            assert answer.status_code == 200, answer.text
            told_of = [one for one in (*quilla.canaries(), *osric.canaries()) if one in answer.text]
            assert not told_of, f"{path} of somebody else, or of wcc's own person who was linked"


async def test_to_an_excluded_worker_a_person_is_nobody(whole: Whole) -> None:
    residents = await settle_in(whole, "osric", "ludo", household=False)
    osric, ludo = residents["osric"], residents["ludo"]
    await exclude(whole, osric)
    eve, ada = (Asker(who=who, knows=ludo.person_id) for who in (EXCLUDED_WORKER, COLLEAGUE))

    assert await differences(whole, eve, osric, nobody()) == []

    for purpose in PURPOSES:
        seen = await listed(whole, eve, purpose=purpose)
        assert not [one for one in (*osric.canaries(), osric.local_id) if one in seen], purpose
    for path in ("", "/household", "/timeline"):
        answer = await whole.call("GET", f"/v1/people/{ludo.person_id}{path}", EXCLUDED_WORKER)
        assert answer.status_code == 200, answer.text
        assert not [one for one in osric.canaries() if one in answer.text], f"{path} of who lives with him"
    linked = replace(nobody(), person_id=osric.theirs, search=osric.search)
    assert await differences(whole, eve, linked, nobody()) == [], "nor is wcc's person who is the same human being"
    assert osric.case_id in await listed(whole, ada, purpose="homelessness"), "and to a colleague he is there"
    of_colleague = {route for route, *_ in await differences(whole, ada, osric, nobody(), purposes=PURPOSES[:2])}
    assert set(ASKS) - of_colleague <= ONLY_WITH_MORE


ONLY_WITH_MORE: set[Route] = {
    ("PUT", "/v1/sources/{source}/records/{local_id}"),
    ("DELETE", "/v1/sources/{source}/records/{local_id}"),
    ("GET", "/v1/referrals/{referral_id}/payload"),
    ("POST", "/v1/reviews/{review_id}/decision"),
    ("POST", "/v1/stewardship/{stewardship_id}/undo"),
}
"""Routes on which even a colleague sees no difference: those of machines and of partners, and those of items that these
residents have none of."""


async def test_a_question_about_somebody_unknowable_is_put_to_no_steward(whole: Whole) -> None:
    residents = await settle_in(whole, "osric", "ludo")
    osric, ludo = [await look_alike(whole, name, residents[name]) for name in ("osric", "ludo")]
    await exclude(whole, osric)
    eve, ada = (Asker(who=who, knows=ludo.person_id) for who in (EXCLUDED_WORKER, COLLEAGUE))
    route = ("POST", "/v1/reviews/{review_id}/decision")
    (ask,) = ASKS[route]

    async def decided(asker: Asker, about: Resident) -> str:
        return told(await ask_about(whole, asker, about, route, ask, purpose="data-stewardship"))

    assert await decided(eve, osric) == await decided(eve, nobody())
    seen = [await listed(whole, asker, purpose="data-stewardship") for asker in (eve, ada)]
    assert [osric.review_id in one for one in seen] == [False, True]
    assert [ludo.review_id in one for one in seen] == [True, True]
    await protect(whole, ludo, "gender-recognition")
    assert await decided(ada, ludo) == await decided(ada, nobody()), "a seal takes the question away"
    assert ludo.review_id not in await listed(whole, ada, purpose="data-stewardship")
    assert (await decided(ada, osric)).startswith("200")


async def seen_of_a_protected(whole: Whole, thandeka: Resident) -> list[str]:
    """Give what another borough is told of somebody by all looks but the searches that use whereabouts."""
    asker = Asker(who=OF_WCC, knows=thandeka.theirs)
    looks: list[tuple[Route, Ask]] = [
        (route, ask) for route, ask in asked() if route[1] in LOOKS_OF_ANOTHER_BOROUGH and ask.name not in WHEREABOUTS
    ]
    answers = [
        (route, await ask_about(whole, asker, thandeka, route, ask, purpose="homelessness")) for route, ask in looks
    ]
    return [
        happened(answer) if path.endswith("/timeline") else told_of_somebody(answer) for (_, path), answer in answers
    ]


def happened(answer: httpx.Response) -> str:
    """Give what a timeline tells; what happened at one moment is in the order of random ids, so order is left out."""
    entries = answer.json()["items"]
    return str(sorted((one["kind"], one["owner"], one["summary"]) for one in entries))


WHEREABOUTS = ("postcode", "address", "phone", "email")
"""Searches that use them."""


async def test_to_another_borough_a_protected_person_is_one_of_whom_no_whereabouts_were_ever_given(
    peopled: Server, admins: dict[str, AsyncEngine]
) -> None:
    async with a_peopled_platform(peopled) as whole:
        thandeka = unnamed_by_source((await settle_in(whole, "thandeka", "ludo"))["thandeka"])
        await protect(whole, thandeka, "refuge")
        protected = await seen_of_a_protected(whole, thandeka)
    for engine in admins.values():
        await empty(engine)
    await people(peopled, admins["gateway"])
    async with a_peopled_platform(peopled) as whole:
        await settle_in(whole, "ludo")
        without = a_resident("thandeka", addresses=None, phones=None, emails=None)
        moved_in = await move_in(whole, "thandeka", without)
        await whole.settle()
        plain = await work_for(whole, moved_in, household=False, postcode_sector=None)
        never_given = await seen_of_a_protected(whole, unnamed_by_source(plain))

    for one, other in zip(protected, never_given, strict=True):
        assert one == other


async def test_no_search_by_whereabouts_and_nobody_s_household_shows_a_protected_person(whole: Whole) -> None:
    residents = await settle_in(whole, "thandeka", "ludo")
    thandeka, ludo = residents["thandeka"], residents["ludo"]
    found_before = await whole.call("POST", "/v1/people/search", OF_WCC, json=thandeka.search["phone"])
    assert thandeka.person_id in found_before.text
    before = {path: (await whole.call("GET", path, OF_WCC)).text for path in _beside(thandeka, ludo)}
    assert thandeka.person_id in "".join(before.values())

    await protect(whole, thandeka, "refuge")

    for kind in WHEREABOUTS:
        found = await whole.call("POST", "/v1/people/search", OF_WCC, json=thandeka.search[kind])
        assert thandeka.person_id not in found.text, kind
    for path in _beside(thandeka, ludo):
        answer = await whole.call("GET", path, OF_WCC)
        assert (answer.status_code, thandeka.person_id in answer.text) == (200, False), path
    for kind in ("name", "identifier"):
        found = await whole.call("POST", "/v1/people/search", OF_WCC, json=thandeka.search[kind])
        assert thandeka.person_id in found.text, kind


def _beside(thandeka: Resident, ludo: Resident) -> list[str]:
    return [
        f"/v1/people/{ludo.person_id}/household",
        f"/v1/people/{ludo.person_id}?include=household",
        f"/v1/people/{ludo.theirs}/household",
        f"/v1/people/{thandeka.theirs}/household",
    ]


async def test_a_partner_cannot_tell_from_its_events_who_is_behind_a_referral(whole: Whole) -> None:
    residents = await settle_in(whole, "quilla", "thandeka", "ludo")
    start = (await whole.call("GET", "/v1/events", PARTNER, None)).json()["next"]
    published = len(whole.heard)
    await protect(whole, residents["quilla"], "witness")
    await protect(whole, residents["thandeka"], "refuge")
    assert (await whole.call("GET", f"/v1/events?after={start}", PARTNER, None)).json()["items"] == []

    streams: dict[str, str] = {}
    for name, resident in residents.items():
        for action in ("receive", "accept", "start"):
            path = f"/v1/referrals/{resident.referral_id}/transitions"
            await whole.done("POST", path, PARTNER, "referral", json={"action": action})
        await whole.settle()
        feed = (await whole.call("GET", f"/v1/events?after={start}", PARTNER, None)).json()
        start = feed["next"]
        on_topic, published = whole.heard[published:], len(whole.heard)
        carried: list[dict[str, Any]] = [{**one.data, "type": one.type, "owner": one.owner} for one in on_topic]
        streams[name] = stream(feed["items"]) + stream(carried)

    assert streams["quilla"] == streams["thandeka"] == streams["ludo"]
    assert streams["ludo"].count("accepted") == 2
