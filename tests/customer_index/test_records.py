"""Asserting, reading and withdrawing source records."""

from tests.builders import a_permit, a_record, facts, write_permit
from tests.customer_index.conftest import Index

RECORD = "/v1/sources/crm/records/c-1"


async def test_a_new_record_makes_a_person_and_says_so(index: Index) -> None:
    answer = await index.call("PUT", RECORD, write_permit("lbhf"), json=a_record())

    assert answer.status_code == 201, answer.text
    assert answer.json()["outcome"] == "created"
    assert answer.json()["warnings"] == []
    read = await index.call("GET", RECORD, a_permit("lbhf", source=facts("crm")))
    assert read.status_code == 200
    assert read.json()["person_id"] == answer.json()["person_id"]
    assert read.json()["family_name"] == "Okonjo-Vale"
