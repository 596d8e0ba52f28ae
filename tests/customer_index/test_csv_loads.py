"""Loads in CSV: the same records come to the same result as in NDJSON, and what is wrong is told by line or column."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from single_node.population import csv_lines, generate
from tests.builders import a_record, write_permit
from tests.conftest import empty
from tests.customer_index import behind, canaries
from tests.customer_index.conftest import Index
from tests.customer_index.loading import hand_over, load, ndjson, people, progress, rejects

CSV = "text/csv"
CONTENT = "SELECT local_id, data, warnings FROM records WHERE owner = :owner ORDER BY local_id"


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


def as_csv(records: list[dict[str, Any]]) -> bytes:
    """Write records, each with its `local_id`, as CSV."""
    return "".join(csv_lines(records)).encode()


async def test_a_load_in_csv_is_accepted_taken_in_and_counted(index: Index, admin: AsyncEngine) -> None:
    body = (
        "\ufefflocal_id,family_name,given_names.0,given_names.1,addresses.0.lines.0,addresses.0.postcode,"
        "interpreter_required,phones.0,relationships.0.kind,relationships.0.local_id\r\n"
        'c-1,"O""Brien, Ash",Ada,,"Flat 1\r\n2 High Street",W6 9ZY,true,07700 900123,parent,c-2\r\n'
        "c-2,Ash,,Ben,,,,,,\r\n"
    ).encode()

    load_id = await load(index, "lbhf", "crm", body, content_type="Text/CSV; charset=UTF-8; header=present")

    done = await progress(index, "lbhf", load_id)
    assert (done["status"], done["received"], done["created"], done["rejected"]) == ("done", 2, 2, 0)
    assert [(local_id, data) for local_id, data, _ in await behind.ask(admin, CONTENT, owner="lbhf")] == [
        (
            "c-1",
            {
                "family_name": 'O"Brien, Ash',
                "given_names": ["Ada"],
                "addresses": [{"lines": ["Flat 1\r\n2 High Street"], "postcode": "W6 9ZY"}],
                "interpreter_required": True,
                "phones": ["07700 900123"],
                "relationships": [{"kind": "parent", "local_id": "c-2"}],
            },
        ),
        ("c-2", {"family_name": "Ash", "given_names": ["Ben"]}),
    ]


async def test_every_field_of_a_record_has_its_columns(index: Index, admin: AsyncEngine) -> None:
    record = {"local_id": "c-1", **canaries.RECORD}

    await load(index, "lbhf", "crm", ndjson([record]))
    await load(index, "wcc", "crm", as_csv([record]), content_type=CSV)

    assert await behind.ask(admin, CONTENT, owner="wcc") == await behind.ask(admin, CONTENT, owner="lbhf")


async def test_what_is_broken_is_rejected_by_the_line_it_begins_on(index: Index) -> None:
    body = b"\n".join(
        [
            b"local_id,family_name,title,date_of_birth",
            b"g-2,Ash,,",
            b'g-3,"Ash',
            b'on two lines",,',
            b"b-5,Zyxanthe,Dr",
            b"b-6,Zyxanthe,Dr,1980-02-29,",
            b"",
            b"b-8,,Zyxanthe,",
            b",Zyxanthe,,",
            b"b-10,Ash,,Zyxanthe",
            b'b-11,"Zyxanthe"s,,',
            b'b-12,"Zyxanthe,,',
            b"g-13,Ash,,1980-02-29",
            b"b-14,Zyx\x00anthe,,",
            b"b-15," + b"Z" * 140_000 + b",,",
            b'b-16,"' + b"Z" * 140_000 + b'",,',
            b",,,",
            b"g-18,Ash,,",
        ]
    )

    load_id = await load(index, "lbhf", "crm", body, content_type=CSV)

    found = await rejects(index, "lbhf", load_id)
    assert [(one["line"], one["local_id"], [error["pointer"] for error in one["errors"]]) for one in found] == [
        (5, None, [""]),
        (6, None, [""]),
        (8, "b-8", ["/family_name"]),
        (9, None, ["/local_id"]),
        (10, "b-10", ["/date_of_birth"]),
        (11, None, [""]),
        (12, None, [""]),
        (14, "b-14", ["/family_name"]),
        (15, None, [""]),
        (16, None, [""]),
        (17, None, ["/local_id"]),
    ]
    assert "Zyxanthe" not in str(found)
    done = await progress(index, "lbhf", load_id)
    assert (done["status"], done["received"], done["created"] + done["linked"] + done["review"]) == ("done", 15, 4)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"local_id,shoe_size\nc-1,9\n", 422, "column shoe_size"),
        (b"local_id,family_name,family_name\nc-1,Ash,Ash\n", 422, "column family_name"),
        (b"local_id,given_names.1\nc-1,Ada\n", 422, "column given_names.0"),
        (b"family_name\nAsh\n", 422, "column local_id"),
        (b"c-1,Zyxanthe,1980-02-29\n", 422, "column local_id"),
        (b"", 422, "column local_id"),
        (b'local_id,"family_name\nc-1,Ash\n', 422, "line 1"),
        (b"local_id,family_name\nc-1,Ash\nc-2,Zyxanth\xe9\n", 400, "line 3"),
        ("local_id,family_name\nc-1,Ash\n".encode("utf-16"), 400, "line 1"),
    ],
)
async def test_a_file_that_cannot_be_read_at_all_is_refused_and_leaves_nothing(
    index: Index, admin: AsyncEngine, body: bytes, status: int, pointer: str
) -> None:
    before = await behind.contents(admin)

    answer = await hand_over(index, "lbhf", "crm", body, content_type=CSV)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (status, [pointer])
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Zyxanth" not in answer.text
    assert await behind.contents(admin) == before


async def test_another_character_set_is_refused(index: Index) -> None:
    answer = await hand_over(index, "lbhf", "crm", b"local_id\n", content_type="text/csv; charset=windows-1252")

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


async def test_the_synthetic_boroughs_come_to_the_same_persons_in_either_form(index: Index, admin: AsyncEngine) -> None:
    found = [one for one in generate(12, residents=120).records if (one.owner, one.source) == ("lbhf", "crm")]
    records = [{"local_id": one.local_id, **one.record} for one in found]

    first = await progress(index, "lbhf", await load(index, "lbhf", "crm", ndjson(records)))
    second = await progress(index, "wcc", await load(index, "wcc", "crm", as_csv(records), content_type=CSV))

    assert {**second, "load_id": first["load_id"]} == first
    assert first["received"] == len(records)
    assert await behind.partition(admin, "wcc") == await behind.partition(admin, "lbhf")
    assert await behind.ask(admin, CONTENT, owner="wcc") == await behind.ask(admin, CONTENT, owner="lbhf")


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
PERSONS = st.fixed_dictionaries(
    {"local_id": NAMES},
    optional={
        "family_name": NAMES,
        "given_names": st.lists(NAMES, min_size=1, max_size=3),
        "date_of_birth": st.one_of(st.dates().map(str), NAMES),
        "interpreter_required": st.booleans(),
        "addresses": st.lists(
            st.fixed_dictionaries(
                {"town": NAMES}, optional={"lines": st.lists(NAMES, min_size=1, max_size=8), "from": NAMES}
            ),
            min_size=1,
            max_size=2,
        ),
        "verification": st.dictionaries(st.sampled_from(["phones", "gender"]), st.sampled_from(["declared", "?"])),
    },
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PERSONS, min_size=1, max_size=4))
async def test_the_same_records_come_to_the_same_result_in_either_form(
    index: Index, admin: AsyncEngine, records: list[dict[str, Any]]
) -> None:
    await empty(admin)

    first = await load(index, "lbhf", "crm", ndjson(records))
    second = await load(index, "wcc", "crm", as_csv(records), content_type=CSV)

    assert await _told(index, "wcc", second) == await _told(index, "lbhf", first)
    assert {**await progress(index, "wcc", second), "load_id": first} == await progress(index, "lbhf", first)
    assert await behind.ask(admin, CONTENT, owner="wcc") == await behind.ask(admin, CONTENT, owner="lbhf")


async def _told(index: Index, owner: str, load_id: str) -> list[tuple[str, list[str]]]:
    """List what was refused and why, whatever the order of a record's fields was."""
    found = await rejects(index, owner, load_id)
    return [
        (one["local_id"], sorted(f"{error['pointer']} {error['detail']}" for error in one["errors"])) for one in found
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([b"", b"local_id,family_name,addresses.0.lines.0\n", b"\xef\xbb\xbflocal_id\n"]),
    st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b'"', b"\n", b",", b"c-1,", b"\r", b"\x00", b"\\"]))),
)
async def test_random_bytes_are_taken_in_or_refused_and_never_an_accident(
    index: Index, header: bytes, pieces: list[bytes]
) -> None:
    answer = await hand_over(index, "lbhf", "crm", header + b"".join(pieces), content_type=CSV)
    await index.finish_loads()

    assert answer.status_code in (202, 400, 422)
    if answer.status_code == 202:
        done = await progress(index, "lbhf", answer.json()["load_id"])
        outcomes = ("created", "linked", "review", "updated", "unchanged", "rejected")
        assert (done["status"], sum(done[name] for name in outcomes)) == ("done", done["received"])


async def test_it_may_arrive_in_pieces_of_any_size_and_hold_more_records_than_a_chunk(index: Index) -> None:
    records = people(250)
    for number, record in enumerate(records):
        record["known_as"] = "é\n" * (number % 4) + "x"
    body = as_csv([*records, {"local_id": "bad"}])

    async def dripping() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 89):
            yield body[start : start + 89]

    load_id = await load(index, "lbhf", "crm", dripping(), content_type=CSV)

    done = await progress(index, "lbhf", load_id)
    assert (done["received"], done["rejected"]) == (251, 1)
    assert [one["line"] for one in await rejects(index, "lbhf", load_id)] == [body.count(b"\n")]


async def test_the_same_key_and_file_are_one_load_and_another_form_is_another(index: Index, admin: AsyncEngine) -> None:
    record = {"local_id": "c-1", **a_record()}
    first = await hand_over(index, "lbhf", "crm", as_csv([record]), key="monday", content_type=CSV)
    again = await hand_over(index, "lbhf", "crm", as_csv([record]), key="monday", content_type=CSV)
    other = await hand_over(index, "lbhf", "crm", ndjson([record]), key="monday")

    assert (first.status_code, again.json()) == (202, first.json())
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await behind.count(admin, "loads") == 1


async def test_the_description_names_both_forms(index: Index) -> None:
    described = (await index.call("GET", "/openapi.json", write_permit("lbhf"))).json()

    body = described["paths"]["/v1/sources/{source}/loads"]["post"]["requestBody"]
    assert set(body["content"]) == {"application/x-ndjson", "text/csv"}
