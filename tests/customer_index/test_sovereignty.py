"""Sovereignty: nothing one borough is told depends, to the byte, on what another borough holds.

The same calls of lbhf are made twice: in a world where wcc holds records of the very same humans, and in one where it
does not. Random ids are renamed by order of appearance; what remains has to be equal.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Action, Category, Form
from shared.permit import Permit
from single_node.population import Extracted, generate
from tests.builders import ORDINARY_AREAS, SOURCE_AREAS, a_permit, facts, granting, linking, write_permit
from tests.conftest import empty
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import agreement_changed, put
from tests.customer_index.loading import hand_over, ndjson, progress
from tests.customer_index.test_links import BOTH

SEEDS = (3, 17)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MAY_DIFFER = {"date", "x-request-id", "traceparent"}


def known_to_both(seed: int) -> tuple[list[Extracted], list[Extracted]]:
    """Give lbhf's records of a generated world, and wcc's of the same humans, half of them copied to the letter."""
    world = generate(seed, residents=60)
    ours = [one for one in world.records if one.owner == "lbhf"]
    theirs = [one for one in world.records if one.owner == "wcc"]
    copied = [Extracted("wcc", one.source, f"copy-{one.local_id}", one.resident, one.record) for one in ours[::2]]
    return ours, [*theirs, *copied]


class Transcript:
    """Everything that was answered, with random ids renamed by order of appearance."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.answers: list[str] = []

    def note(self, answer: httpx.Response) -> None:
        headers = sorted((name, value) for name, value in answer.headers.items() if name not in _MAY_DIFFER)
        self.answers.append(self._renamed(f"{answer.status_code}\n{headers}\n{answer.text}", answer))

    def _renamed(self, said: str, answer: httpx.Response) -> str:
        said = said.replace(answer.headers["X-Request-Id"], "request")
        return _UUID.sub(lambda found: self._names.setdefault(found[0], f"id-{len(self._names)}"), said)


async def lbhf_at_work(index: Index, ours: Sequence[Extracted], *, reading: Permit) -> list[str]:
    """Let lbhf assert, correct, load, withdraw, search and look, and give all it was told."""
    told = Transcript()
    half = len(ours) // 2

    async def call(method: str, path: str, permit: Permit, **sent: Any) -> httpx.Response:
        answer = await index.call(method, path, permit, **sent)
        told.note(answer)
        await index.link()
        return answer

    for one in ours[:half]:
        path = f"/v1/sources/{one.source}/records/{one.local_id}"
        await call("PUT", path, write_permit("lbhf", one.source), json=one.record)
    for source in SOURCE_AREAS:
        lines = [{"local_id": one.local_id, **one.record} for one in ours[half:] if one.source == source]
        accepted = await hand_over(index, "lbhf", source, ndjson(lines))
        told.note(accepted)
        await index.finish_loads()
        await index.link()
        told.answers.append(str({**(await progress(index, "lbhf", accepted.json()["load_id"])), "load_id": ""}))
    for one, other in zip(ours[:10], ours[10:20], strict=True):
        path = f"/v1/sources/{one.source}/records/{one.local_id}"
        await call("PUT", path, write_permit("lbhf", one.source), json=other.record)
    for one in ours[20:26]:
        path = f"/v1/sources/{one.source}/records/{one.local_id}"
        await call("DELETE", path, write_permit("lbhf", one.source))
    persons: dict[str, None] = {}
    for one in ours:
        reader = replace(reading, source=facts(one.source))
        read = await call("GET", f"/v1/sources/{one.source}/records/{one.local_id}", reader)
        if read.status_code == 200:
            persons[read.json()["person_id"]] = None
    for person_id in persons:
        for section in ("", "/household", "/known"):
            await call("GET", f"/v1/people/{person_id}{section}", reading)
    searching = replace(reading, action=Action.SEARCH)
    for one in ours[::4]:
        for wanted in searches(one.record):
            await call("POST", "/v1/people/search", searching, json=wanted)
    return told.answers


def searches(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Search for somebody by name, by home and by contact."""
    named: dict[str, Any] = {
        name: record[name] for name in ("given_names", "family_name", "date_of_birth") if name in record
    }
    wanted: list[dict[str, Any]] = [named] if len(named) > 1 else []
    wanted += [{"postcode": one["postcode"]} for one in record.get("addresses", [])[:1] if one.get("postcode")]
    wanted += [{"phone": one} for one in record.get("phones", [])[:1]]
    return wanted


async def in_world(
    index: Index, ours: Sequence[Extracted], theirs: Sequence[Extracted], *, reading: Permit
) -> list[str]:
    for one in theirs:
        await put(index, "wcc", f"{one.source}/{one.local_id}", one.record)
    return await lbhf_at_work(index, ours, reading=reading)


def own_only() -> Permit:
    """Permit what lbhf may see of its own."""
    areas = (*ORDINARY_AREAS, "adult-social-care")
    return a_permit("lbhf", grants=granting(*(f"lbhf/{area}" for area in areas)), source=facts("crm"))


def linked_without_existence() -> Permit:
    """Permit the same, and everything but the existence of wcc's people, with linkage in force."""
    unknown: dict[Category, Form] = dict.fromkeys(Category, Form.VALUE)
    del unknown[Category.EXISTENCE]
    theirs = granting(*(f"wcc/{area}" for area in ORDINARY_AREAS), categories=unknown)
    own = own_only()
    return a_permit("lbhf", grants={**own.grants, **theirs}, linkages=(linking("lbhf", "wcc"),), source=facts("crm"))


@pytest.mark.parametrize("seed", SEEDS)
async def test_without_linkage_nothing_lbhf_is_told_depends_on_what_wcc_holds(
    seed: int, index: Index, admins: dict[str, AsyncEngine]
) -> None:
    ours, theirs = known_to_both(seed)

    alone = await in_world(index, ours, [], reading=own_only())
    await empty(admins["customer_index"])
    beside = await in_world(index, ours, theirs, reading=own_only())

    assert len(alone) > 100
    assert_equal(alone, beside)


async def test_with_linkage_but_without_existence_it_does_not_either(
    index: Index, admins: dict[str, AsyncEngine]
) -> None:
    ours, theirs = known_to_both(SEEDS[0])
    worlds = []
    for held in ([], theirs):
        await empty(admins["customer_index"])
        await index.consume(agreement_changed(*BOTH))
        worlds.append(await in_world(index, ours, held, reading=linked_without_existence()))

    assert_equal(*worlds)
    assert await behind.count(admins["customer_index"], "links") > 10, (
        "the boroughs were linked, so there was something to give away"
    )


async def test_the_comparison_bites(index: Index, admins: dict[str, AsyncEngine]) -> None:
    """The control: with existence granted the very same calls are answered otherwise."""
    ours, theirs = known_to_both(SEEDS[0])
    ours, theirs = ours[:27], [one for one in theirs if one.local_id.startswith("copy-")][:13]
    seeing = a_permit(
        "lbhf",
        grants={**own_only().grants, **granting(*(f"wcc/{area}" for area in ORDINARY_AREAS))},
        linkages=(linking("lbhf", "wcc"),),
        source=facts("crm"),
    )
    worlds = []
    for held in ([], theirs):
        await empty(admins["customer_index"])
        await index.consume(agreement_changed(*BOTH))
        worlds.append(await in_world(index, ours, held, reading=seeing))

    assert worlds[0] != worlds[1]


def assert_equal(alone: list[str], beside: list[str]) -> None:
    for place, (one, other) in enumerate(zip(alone, beside, strict=True)):
        assert one == other, f"answer {place} differs"
