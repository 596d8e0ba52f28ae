"""Preparation: what can be said of a record from the record alone."""

from typing import Any

import pytest

from customer_index.household import relation_key
from customer_index.preparation import Assertion, Prepared, prepare
from customer_index.problems import NamelessRecord
from customer_index.schemas import NewRecord
from tests.builders import AT, a_record, facts, write_permit
from tests.customer_index import canaries


def prepared(record: Any, *, source: str = "crm") -> Prepared:
    return prepare(source, "c-1", NewRecord.model_validate(record))


def test_a_record_is_kept_to_the_letter() -> None:
    assert prepared(dict(canaries.RECORD)).data == canaries.RECORD


def test_what_says_nothing_is_not_kept() -> None:
    said: dict[str, Any] = {"family_name": "Ash", "title": None, "phones": [], "addresses": [], "verification": {}}

    assert prepared(said).data == {"family_name": "Ash"}


def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written() -> None:
    one = a_record()
    backwards = dict(reversed(one.items()))

    assert prepared(one).digest == prepared(backwards).digest
    assert prepared(one).digest != prepared(a_record(title="Dr")).digest


def test_a_warning_names_the_place() -> None:
    found = prepared(a_record(phones=["07700 900123", "none"], emails=["x"]))

    assert [one.pointer for one in found.warnings] == ["/phones/1", "/emails/0"]


def test_a_record_carries_keys_for_whom_it_names_as_related() -> None:
    said = a_record(relationships=[{"kind": "child", "local_id": "c-2"}, {"kind": "carer", "local_id": "c-2"}])

    assert [key.digest for key in prepared(said).keys if key.kind == "relation"] == [relation_key("crm", "c-2")]
    assert relation_key("crm", "c-2") != relation_key("housing", "c-2")


@pytest.mark.parametrize("record", [{}, {"phones": ["07700 900123"]}, {"family_name": "n/a", "given_names": ["?"]}])
def test_a_record_that_names_nobody_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(NamelessRecord):
        prepared(record)


@pytest.mark.parametrize(
    "record", [{"known_as": "Addy"}, {"previous_family_names": ["Ash"]}, {"nhs_number": "999 000 0018"}]
)
def test_one_usable_name_or_identifier_is_enough(record: dict[str, Any]) -> None:
    assert prepared(record).data == record


def test_an_assertion_belongs_to_the_scope_of_its_source() -> None:
    permit = write_permit("lbhf", "housing")

    assert Assertion(owner="lbhf", source=facts("housing"), txn=permit.txn, at=AT).scope == "lbhf/housing"
