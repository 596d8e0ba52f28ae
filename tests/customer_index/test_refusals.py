"""Bad input: the right 4xx problem, the place that is wrong but never the value, and nothing half-written."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.categories import Action
from tests.builders import a_permit, a_record, write_permit
from tests.customer_index import behind
from tests.customer_index.conftest import Index

RECORD = "/v1/sources/crm/records/c-1"
CANARY = "Zyxanthe"


async def refused(index: Index, admin: AsyncEngine, method: str, path: str, permit: Any, **sent: Any) -> Any:
    """Send what must be refused, check that it left no trace in database or answer, and give the problem."""
    before = await behind.contents(admin)
    answer = await index.call(method, path, permit, **sent)
    assert await behind.contents(admin) == before
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert set(problem) == {"type", "title", "status", "detail", "request_id", "errors"}
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


@pytest.fixture
def admin(admins: dict[str, AsyncEngine]) -> AsyncEngine:
    return admins["customer_index"]


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({CANARY: CANARY}, f"/{CANARY}"),
    "an unknown field of an address": ({"addresses": [{"street": CANARY}]}, "/addresses/0/street"),
    "a bad date": ({"date_of_birth": f"{CANARY}-13-45"}, "/date_of_birth"),
    "a date that no calendar has": ({"date_of_birth": "1999-02-29"}, "/date_of_birth"),
    "a date with a time": ({"date_of_birth": "1999-02-28T13:00:00Z"}, "/date_of_birth"),
    "a date with a time of midnight": ({"date_of_birth": "1999-02-28T00:00:00Z"}, "/date_of_birth"),
    "a number for a date": ({"date_of_birth": 86400}, "/date_of_birth"),
    "a date in a nested place": ({"addresses": [{"from": CANARY}]}, "/addresses/0/from"),
    "a moment before all zones": ({"observed_at": "0001-01-01T00:00:00+23:59"}, "/observed_at"),
    "a moment after all zones": ({"observed_at": "9999-12-31T23:59:59-23:59"}, "/observed_at"),
    "a number for a moment": ({"observed_at": 86400}, "/observed_at"),
    "a number for a name": ({"family_name": 17}, "/family_name"),
    "an object for a name": ({"family_name": {CANARY: CANARY}}, "/family_name"),
    "a text for a list": ({"given_names": CANARY}, "/given_names"),
    "too many given names": ({"given_names": [CANARY] * 6}, "/given_names"),
    "a given name too long": ({"given_names": [CANARY * 5]}, "/given_names/0"),
    "a family name too long": ({"family_name": CANARY * 20}, "/family_name"),
    "a null character": ({"family_name": CANARY + "\x00"}, "/family_name"),
    "a null character deep inside": ({"addresses": [{"lines": ["x\x00"]}]}, "/addresses/0/lines/0"),
    "a time without a zone": ({"observed_at": "2026-06-01T10:00:00"}, "/observed_at"),
    "a flag that is none": ({"interpreter_required": CANARY}, "/interpreter_required"),
    "a degree of verification nobody knows": ({"verification": {"family_name": CANARY}}, "/verification/family_name"),
    "a relationship to nobody": ({"relationships": [{"kind": CANARY}]}, "/relationships/0/local_id"),
}


@pytest.mark.parametrize("wrong", FIELDS)
async def test_a_field_that_is_wrong_is_named_and_its_value_never_told(
    wrong: str, index: Index, admin: AsyncEngine
) -> None:
    change, pointer = FIELDS[wrong]
    before = await behind.contents(admin)

    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json={**a_record(), **change})

    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "/problems/invalid-request"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert CANARY not in answer.text.replace(f"/{CANARY}", ""), "only the name of an unknown field may show"
    assert await behind.contents(admin) == before


BODIES = {
    "no JSON": (b'{"family_name": "Zyxanthe"', 400, "/problems/malformed-request"),
    "no text": (b"\xff\xfe\x00Zyxanthe", 400, "/problems/malformed-request"),
    "nested too deep": (b'{"family_name":' + b"[" * 200_000, 400, "/problems/malformed-request"),
    "a list": (b'["Zyxanthe"]', 422, "/problems/invalid-request"),
    "nothing": (b"", 422, "/problems/invalid-request"),
    "null": (b"null", 422, "/problems/invalid-request"),
    "half a character": (b'{"family_name": "Zyxanthe\\ud800"}', 422, "/problems/invalid-request"),
    "half a character for a field": (b'{"family_name": "Ash", "\\ud800": 1}', 422, "/problems/invalid-request"),
    "a number beyond all bounds": (b'{"family_name": ' + b"9" * 5000 + b"}", 400, "/problems/malformed-request"),
    "not a number": (b'{"family_name": NaN}', 422, "/problems/invalid-request"),
    "too large": (b'{"family_name": "' + b"Zyxanthe" * 140_000 + b'"}', 413, "/problems/body-too-large"),
}


@pytest.mark.parametrize("wrong", BODIES)
async def test_a_body_that_is_wrong_gets_the_right_problem(wrong: str, index: Index, admin: AsyncEngine) -> None:
    body, status, kind = BODIES[wrong]

    problem = await refused(
        index, admin, "PUT", RECORD, write_permit("lbhf"), content=body, headers={"Content-Type": "application/json"}
    )

    assert (problem["status"], problem["type"]) == (status, kind)


async def test_a_body_too_large_is_refused_though_nobody_said_how_large(index: Index, admin: AsyncEngine) -> None:
    async def drip() -> Any:
        for _ in range(20):
            yield b" " * 65_536

    problem = await refused(
        index, admin, "PUT", RECORD, write_permit("lbhf"), content=drip(), headers={"Content-Type": "application/json"}
    )

    assert (problem["status"], problem["type"]) == (413, "/problems/body-too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-ndjson", "multipart/form-data"])
async def test_a_content_type_that_is_not_json_is_refused(kind: str, index: Index, admin: AsyncEngine) -> None:
    problem = await refused(
        index, admin, "PUT", RECORD, write_permit("lbhf"),
        content=b'{"family_name": "Zyxanthe"}', headers={"Content-Type": kind},
    )  # fmt: skip

    assert (problem["status"], problem["type"]) == (415, "/problems/unsupported-media-type")


NAMELESS: list[dict[str, Any]] = [
    {},
    {"title": "Dr", "phones": ["07700 900123"]},
    {"given_names": [" ", "-"], "family_name": "unknown"},
    {"nhs_number": "9990000019"},
    {"national_insurance_number": "QQ123456C"},
]


@pytest.mark.parametrize("record", NAMELESS, ids=str)
async def test_a_record_that_names_nobody_is_refused(record: dict[str, Any], index: Index, admin: AsyncEngine) -> None:
    problem = await refused(index, admin, "PUT", RECORD, write_permit("lbhf"), json=record)

    assert (problem["status"], problem["type"]) == (422, "/problems/nameless-record")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/sources/Not_A_Source/records/c-1",
        "/v1/sources/crm/records/%00",
        f"/v1/sources/crm/records/{'9' * 201}",
    ],
)
async def test_a_path_that_names_nothing_possible_is_refused(path: str, index: Index, admin: AsyncEngine) -> None:
    problem = await refused(index, admin, "PUT", path, write_permit("lbhf"), json=a_record())

    assert (problem["status"], problem["type"]) == (422, "/problems/invalid-request")


async def test_an_id_that_is_none_and_one_that_nobody_has(index: Index, admin: AsyncEngine) -> None:
    for path, status in (
        (f"/v1/people/{CANARY}", 422),
        ("/v1/people/00000000-0000-4000-8000-000000000000", 404),
        (f"/v1/loads/{CANARY}", 422),
        ("/v1/loads/00000000-0000-4000-8000-000000000000/rejects", 404),
        ("/v1/loads/00000000-0000-4000-8000-000000000000/rejects?limit=0", 422),
        ("/v1/loads/00000000-0000-4000-8000-000000000000/rejects?cursor=Zyxanthe", 400),
        (f"/v1/nowhere/{CANARY}", 404),
    ):
        problem = await refused(index, admin, "GET", path, a_permit("lbhf"))
        assert problem["status"] == status, path


async def test_a_method_that_a_route_does_not_take(index: Index, admin: AsyncEngine) -> None:
    problem = await refused(index, admin, "PATCH", RECORD, write_permit("lbhf"), json=a_record())

    assert (problem["status"], problem["type"]) == (405, "/problems/method-not-allowed")


@pytest.mark.parametrize(
    "wanted",
    [{CANARY: 1}, {"date_of_birth": CANARY}, {"postcode": "W6 9ZZ", "limit": 51}, {"postcode": "W6 9ZZ", "limit": 0},
     {"phone": CANARY + "\x00"}, {"given_names": [CANARY] * 6}],
    ids=str,
)  # fmt: skip
async def test_a_search_that_is_wrong_is_refused(wanted: dict[str, Any], index: Index) -> None:
    answer = await index.call("POST", "/v1/people/search", a_permit("lbhf", action=Action.SEARCH), json=wanted)

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-request"
    assert CANARY not in answer.text.replace(f"/{CANARY}", "")
