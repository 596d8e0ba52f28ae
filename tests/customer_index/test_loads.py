"""Loads: an extract is taken in whole, line by line, once, whatever happens meanwhile."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncEngine

from customer_index import jobs
from customer_index.app import create_app
from customer_index.commands.loads import take_in_chunk
from customer_index.extracts import CHUNK_LINES
from customer_index.model import load_model
from customer_index.preparation import Assertion
from customer_index.queries.loads import find_waiting
from single_node.population import csv_lines, generate
from tests.builders import AT, a_permit, a_record, facts, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index
from tests.customer_index.linked import put
from tests.customer_index.loading import hand_over, load, ndjson, people, progress, rejects

NOTHING = dict.fromkeys(("created", "linked", "review", "updated", "unchanged", "rejected"), 0)


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


async def test_a_load_is_accepted_then_taken_in_and_counted(index: Index) -> None:
    lines = [{"local_id": "c-1", **a_record()}, {"local_id": "c-2", **a_record()}, {"local_id": "c-1", **a_record()}]

    answer = await hand_over(index, "lbhf", "crm", ndjson(lines))

    assert answer.status_code == 202
    load_id = answer.json()["load_id"]
    assert answer.json() == {"load_id": load_id, "status": "queued"}
    waiting = await progress(index, "lbhf", load_id)
    assert waiting == {
        "load_id": load_id, "status": "queued", "received": 3, **NOTHING,
        "records_per_second": None, "started_at": None, "finished_at": None,
    }  # fmt: skip
    await index.finish_loads()
    done = await progress(index, "lbhf", load_id)
    assert done["status"] == "done"
    assert {name: done[name] for name in NOTHING} == {**NOTHING, "created": 1, "linked": 1, "unchanged": 1}
    assert done["started_at"] == done["finished_at"] == AT.isoformat().replace("+00:00", "Z")
    read = await index.call("GET", "/v1/sources/crm/records/c-2", a_permit("lbhf", source=facts("crm")))
    assert read.json()["family_name"] == "Okonjo-Vale"


async def test_a_bad_line_is_rejected_by_its_number_and_the_rest_goes_on(index: Index, admin: AsyncEngine) -> None:
    good = [to_json({"local_id": f"g-{number}", "family_name": "Ash"}) for number in range(3)]
    body = b"\n".join(
        [
            good[0],
            b'{"local_id": "b-2", "family_name": "Zyxanthe"',
            b"",
            b'{"local_id": "b-4", "family_name": "Ash", "Zyxanthe-field": "Zyxanthe"}',
            b'{"family_name": "Zyxanthe"}',
            b'{"local_id": "b-6", "title": "Zyxanthe"}',
            b"   \r",
            b'{"local_id": "b-8", "family_name": "Ash", "date_of_birth": "Zyxanthe"}',
            b'{"local_id": "b-9", "family_name": "' + b"Z" * 1_100_000 + b'"}',
            b'{"local_id": "b-10", "family_name": "Zyx\\u0000anthe"}',
            b"[" * 100_000,
            b"\xff\xfe",
            good[1] + b"\r",
            b'"Zyxanthe"',
            good[2],
        ]
    )

    load_id = await load(index, "lbhf", "crm", body)

    found = await rejects(index, "lbhf", load_id)
    assert [(one["line"], one["local_id"], [error["pointer"] for error in one["errors"]]) for one in found] == [
        (2, None, [""]),
        (4, "b-4", ["/Zyxanthe-field"]),
        (5, None, ["/local_id"]),
        (6, "b-6", ["/family_name"]),
        (8, "b-8", ["/date_of_birth"]),
        (9, None, [""]),
        (10, "b-10", ["/family_name"]),
        (11, None, [""]),
        (12, None, [""]),
        (14, None, [""]),
    ]
    assert "Zyxanthe" not in str(found).replace("/Zyxanthe-field", "")
    done = await progress(index, "lbhf", load_id)
    assert (done["status"], done["received"], done["rejected"]) == ("done", 13, 10)
    assert await behind.count(admin, "records") == 3


UNNAMEABLE = "must not hold a slash, nor be . or .., for no path could name the record"


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/csv"])
async def test_a_local_id_that_no_path_can_name_is_rejected_by_its_line(
    kind: str, index: Index, admin: AsyncEngine
) -> None:
    ids = ["ok-1", "Zyx/anthe", "/", ".", "..", "", "...", "a%2Fb", "a?b#c", "Gr\u00fcn 1", "a\tb"]
    records = [{"local_id": one, "family_name": "Ash"} for one in ids]
    body = ndjson(records) if kind != "text/csv" else "".join(csv_lines(records)).encode()

    load_id = await load(index, "lbhf", "crm", body, content_type=kind)

    found = await rejects(index, "lbhf", load_id)
    first = 1 if kind != "text/csv" else 2
    assert [(one["line"] - first, [error["pointer"] for error in one["errors"]]) for one in found] == [
        (number, ["/local_id"]) for number in (1, 2, 3, 4, 5)
    ]
    assert [one["errors"][0]["detail"] for one in found[:4]] == [UNNAMEABLE] * 4
    assert "Zyx" not in str(found)
    kept = [one for one in ids if one not in ("Zyx/anthe", "/", ".", "..", "")]
    assert await behind.count(admin, "records") == len(kept)
    for one in kept:
        path = f"/v1/sources/crm/records/{quote(one, safe='')}"
        assert (await index.call("GET", path, a_permit("lbhf", source=facts("crm")))).json()["local_id"] == one


async def test_the_last_line_needs_no_line_end_and_an_empty_extract_is_done(index: Index) -> None:
    one = await load(index, "lbhf", "crm", b'{"local_id": "c-1", "family_name": "Ash"}')
    none = await load(index, "lbhf", "crm", b"\n\n")

    assert (await progress(index, "lbhf", one))["created"] == 1
    assert (await progress(index, "lbhf", none))["received"] == 0
    assert (await progress(index, "lbhf", none))["status"] == "done"


async def test_lines_may_arrive_in_pieces_of_any_size(index: Index) -> None:
    body = ndjson(people(CHUNK_LINES * 2 + 5))

    async def dripping() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 997):
            yield body[start : start + 997]

    load_id = await load(index, "lbhf", "crm", dripping())

    done = await progress(index, "lbhf", load_id)
    assert (done["received"], done["rejected"]) == (CHUNK_LINES * 2 + 5, 0)
    assert sum(done[name] for name in NOTHING) == done["received"]


async def test_a_load_comes_to_the_same_persons_as_one_by_one(index: Index, admin: AsyncEngine) -> None:
    found = [one for one in generate(11, residents=150).records if one.owner == "lbhf"]
    for one in found:
        await put(index, "lbhf", f"{one.source}/{one.local_id}", one.record)
    # The same extracts once more, under another owner, who takes them in as loads in the same order.
    position = 0
    while position < len(found):
        source = found[position].source
        run = []
        while position < len(found) and found[position].source == source:
            run.append({"local_id": found[position].local_id, **found[position].record})
            position += 1
        await hand_over(index, "wcc", source, ndjson(run))
    await index.finish_loads()

    one_by_one = await behind.partition(admin, "lbhf")
    assert sum(map(len, one_by_one)) == len(found)
    assert len(one_by_one) < len(found)
    assert await behind.partition(admin, "wcc") == one_by_one
    kinds = "SELECT owner, type, count(*) FROM outbox GROUP BY 1, 2 ORDER BY 1, 2"
    counts: dict[str, list[Any]] = {"lbhf": [], "wcc": []}
    for owner, kind, count in await behind.ask(admin, kinds):
        counts[owner].append((kind, count))
    assert counts["lbhf"] == counts["wcc"]


async def test_a_load_stopped_in_the_middle_goes_on_and_doubles_nothing(index: Index, admin: AsyncEngine) -> None:
    records = people(CHUNK_LINES * 3 + 1)
    records[CHUNK_LINES + 3] = {"local_id": "bad", "title": "Dr"}
    answer = await hand_over(index, "lbhf", "crm", ndjson(records))
    load_id = answer.json()["load_id"]
    context = write_permit("lbhf").context()
    async with index.worker.transaction() as tx:
        waiting = await find_waiting(tx)
    assert waiting is not None
    by = Assertion(owner="lbhf", source=facts("crm"), txn=waiting.txn, at=AT)
    async with index.database.transaction(context) as tx:
        assert await take_in_chunk(tx, waiting, by=by, model=load_model())
    # The second chunk is at work when the process dies: nothing of it may remain.
    with suppress(ConnectionAbortedError):
        async with index.database.transaction(context) as tx:
            assert await take_in_chunk(tx, waiting, by=by, model=load_model())
            raise ConnectionAbortedError
    half = await progress(index, "lbhf", load_id)
    assert (half["status"], sum(half[name] for name in NOTHING)) == ("running", CHUNK_LINES)
    assert await behind.count(admin, "records") == CHUNK_LINES

    await index.finish_loads()

    done = await progress(index, "lbhf", load_id)
    assert (done["status"], done["rejected"], done["unchanged"]) == ("done", 1, 0)
    assert sum(done[name] for name in NOTHING) == len(records)
    assert await behind.count(admin, "records") == len(records) - 1
    assert await behind.count(admin, "load_chunks") == 0
    linked = await behind.ask(admin, "SELECT count(*) FROM outbox WHERE type = 'person.record-linked.v1'")
    assert linked == [(len(records) - 1,)]


async def test_an_extract_too_large_leaves_nothing(index: Index, admin: AsyncEngine) -> None:
    small = create_app(index.app.state.settings.model_copy(update={"max_load_bytes": 5000}), clock=lambda: AT)
    before = await behind.contents(admin)
    transport = httpx.ASGITransport(app=small)
    async with httpx.AsyncClient(transport=transport, base_url="http://customer-index") as client:
        answer = await hand_over(replace(index, client=client), "lbhf", "crm", ndjson(people(200)))
    await small.state.database.close()

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert await behind.contents(admin) == before


async def test_an_upload_that_breaks_off_leaves_nothing(index: Index, admin: AsyncEngine) -> None:
    before = await behind.contents(admin)

    async def breaking() -> AsyncIterator[bytes]:
        yield ndjson(people(150))
        raise ConnectionResetError

    answer = await hand_over(index, "lbhf", "crm", breaking())

    assert answer.status_code == 503
    assert await behind.contents(admin) == before


async def test_a_load_of_another_kind_is_refused(index: Index, admin: AsyncEngine) -> None:
    answer = await index.call(
        "POST", "/v1/sources/crm/loads", write_permit("lbhf"), content=b"{}", headers={"Content-Type": "text/html"}
    )

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")
    assert await behind.count(admin, "loads") == 0


async def test_another_organisations_load_is_not_there(index: Index) -> None:
    load_id = await load(index, "lbhf", "crm", ndjson(people(1)))

    for path in (f"/v1/loads/{load_id}", f"/v1/loads/{load_id}/rejects", f"/v1/loads/{uuid4()}"):
        answer = await index.call("GET", path, a_permit("wcc"))
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-load")


async def test_rejects_come_in_pages_whose_cursors_are_their_callers(index: Index) -> None:
    load_id = await load(index, "lbhf", "crm", b"nonsense\n" * 5)
    pages = f"/v1/loads/{load_id}/rejects?limit=2"
    lines, cursor = [], ""
    while True:
        page = (await index.call("GET", pages + cursor, a_permit("lbhf"))).json()
        lines.append([one["line"] for one in page["items"]])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert lines == [[1, 2], [3, 4], [5]]

    other = await load(index, "lbhf", "crm", b"nonsense\n" * 5)
    for path, permit in (
        (pages + cursor, a_permit("lbhf", subject="somebody else")),
        (f"/v1/loads/{other}/rejects?limit=2{cursor}", a_permit("lbhf")),
    ):
        answer = await index.call("GET", path, permit)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-request")


async def test_loads_are_taken_in_in_their_order_and_say_so(index: Index) -> None:
    first = (await hand_over(index, "lbhf", "crm", ndjson(people(1)))).json()["load_id"]
    second = (await hand_over(index, "wcc", "crm", ndjson(people(1)))).json()["load_id"]

    assert await jobs.take_in_next(index.database, index.worker, clock=lambda: AT)

    assert (await progress(index, "lbhf", first))["status"] == "done"
    assert (await progress(index, "wcc", second))["status"] == "queued"
