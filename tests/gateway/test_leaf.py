"""What a leaf is made of, and what those who open it learn."""

import hmac
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json
from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gateway.leaf import Opening, canonical, content_of, opened, readers_of, seal_row, seen_by
from gateway.tables import audit
from tests.gateway.logs import a_row, rows


def test_a_row_is_written_as_it_will_be_for_ever() -> None:
    """If this fails, leaves that were sealed no longer open: make a new version beside the old one."""
    row = a_row(7, subject="Zoë \n", status=None)

    assert canonical(content_of(seen_by(row, org="wcc"))).decode() == (
        '{"action":"read","at":"2026-07-01T09:00:07.000000Z","audit_id":"00000000-0000-4000-8000-000000000007",'
        '"case_reference":"HL/26/0042","clauses":["a1/f1"],"epoch":7,"method":"GET","organisation":"wcc",'
        '"outcome":"allowed","owners":["lbhf","wcc"],"person_ids":["00000000-0000-4000-8000-00000000000a",'
        '"00000000-0000-4000-8000-00000000000b"],"person_owners":["lbhf","wcc"],"policy":"9f2c",'
        '"purpose":"homelessness","records":["lbhf/0c4a@2","wcc/77d1@1"],"roles":["caseworker"],'
        '"route":"/v1/people/{person_id}","scopes":{"lbhf/housing":["existence","identity"],'
        '"wcc/housing":["existence"]},"sequence":7,"subject":"Zoë \\n","v":1}'
    )
    assert canonical(content_of(seen_by(row, org="lbhf"))).decode() == (
        '{"action":"read","at":"2026-07-01T09:00:07.000000Z","audit_id":"00000000-0000-4000-8000-000000000007",'
        '"clauses":["a1/f1"],"method":"GET","organisation":"wcc","outcome":"allowed","owners":["lbhf"],'
        '"person_ids":["00000000-0000-4000-8000-00000000000a"],"person_owners":["lbhf"],"purpose":"homelessness",'
        '"records":["lbhf/0c4a@2"],"roles":["caseworker"],"route":"/v1/people/{person_id}",'
        '"scopes":{"lbhf/housing":["existence","identity"]},"sequence":7,"subject":"Zoë \\n","v":1}'
    )


def test_a_leaf_is_hashed_as_it_will_be_for_ever() -> None:
    opening = Opening(salt=bytes(32), slot=0b001101, path=tuple(bytes([level]) * 32 for level in range(6)))

    content = content_of(seen_by(a_row(7), org="wcc"))
    data = sha256(b"\0" + hmac.digest(bytes(32), canonical(content), "sha256")).digest()
    for level, left in enumerate((True, False, True, True, False, False)):
        pair = (bytes([level]) * 32, data) if left else (data, bytes([level]) * 32)
        data = sha256(b"\1" + b"".join(pair)).digest()
    assert opened(content, opening) == sha256(b"\0" + data).digest()
    assert opened(content, opening).hex() == "2a7ce4a1b6adb71d901531917a13bf43a3d5fc21e8330b9124cfaae38ab0ab22"


def test_every_column_of_the_audit_is_sealed() -> None:
    assert set(a_row()) == {column.name for column in audit.c}
    whole = a_row(reason="/problems/any", acting_for="lbhf", emergency="risk-to-life")
    assert set(content_of(seen_by(whole, org="wcc"))) == {"v", *whole}


def test_a_column_added_later_changes_no_leaf_made_before() -> None:
    row = a_row()
    sealed = seal_row(row)

    assert opened(content_of(seen_by(row | {"added_later": None}, org="wcc")), sealed.openings["wcc"]) == sealed.hash


@given(rows)
def test_every_reader_opens_its_own_part(row: dict[str, Any]) -> None:
    sealed = seal_row(row)

    assert sorted(sealed.openings) == readers_of(row)
    for reader, opening in sealed.openings.items():
        exported = from_json(canonical(content_of(seen_by(row, org=reader))))
        assert opened(exported, opening) == sealed.hash


@given(rows, st.data())
def test_a_view_that_was_changed_opens_nothing(row: dict[str, Any], draw: st.DataObject) -> None:
    sealed = seal_row(row)
    reader = draw.draw(st.sampled_from(sorted(sealed.openings)))
    view = dict(content_of(seen_by(row, org=reader)))
    name = draw.draw(st.sampled_from(sorted(view)))

    for changed in ({**view, name: "another"}, {**view, "added": 1}, {key: view[key] for key in view if key != name}):
        assert opened(changed, sealed.openings[reader]) != sealed.hash


def test_who_opens_a_leaf_cannot_tell_how_many_others_could() -> None:
    alone = seal_row(a_row(owners=["lbhf"]))
    among_many = seal_row(a_row(owners=["lbhf", *(f"borough-{number}" for number in range(60))]))

    assert len(among_many.openings) == 62
    assert len(alone.openings["lbhf"].path) == len(among_many.openings["lbhf"].path) == 6
    places = {seal_row(a_row(owners=["lbhf"])).openings["lbhf"].slot for _ in range(200)}
    assert len(places) > 40, "a place says nothing of the others"


def test_a_row_with_more_readers_than_there_are_places_is_sealed_all_the_same() -> None:
    row = a_row(owners=[f"borough-{number}" for number in range(150)])
    sealed = seal_row(row)

    assert len(sealed.openings) == 151
    for reader in ("borough-0", "borough-149", "wcc"):
        assert opened(content_of(seen_by(row, org=reader)), sealed.openings[reader]) == sealed.hash


def test_the_same_row_never_makes_the_same_leaf() -> None:
    one, other = seal_row(a_row()), seal_row(a_row())

    assert one.hash != other.hash
    assert one.openings["wcc"].salt != one.openings["lbhf"].salt != other.openings["lbhf"].salt


def test_no_column_holds_what_could_be_written_in_two_ways() -> None:
    plain = (BigInteger, Integer, Text, Uuid, DateTime, ARRAY, JSONB)

    assert [column.name for column in audit.c if not isinstance(column.type, plain)] == []
    with pytest.raises(TypeError, match="bytes"):
        seal_row(a_row(subject=b"will"))
