"""The chain of segments, and the directory they are kept in: nothing in it is changed, dropped or moved unseen."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.segments import Entry, Head, LedgerBroken, seal, unseal
from shared.sink import Directory, SegmentTaken, sink_at

LEDGER = UUID("11111111-1111-4111-8111-111111111111")
images = st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text(max_size=9)), max_size=3)
entries = st.builds(Entry, id=st.integers(1, 2**62), of=st.text(max_size=9), key=images, image=st.none() | images)
batches = st.lists(st.lists(entries, max_size=3), min_size=2, max_size=5)


def chain(told: list[list[Entry]]) -> list[bytes]:
    head, written = Head(LEDGER), []
    for one in told:
        content, head = seal(one, after=head)
        written.append(content)
    return written


def read(written: list[bytes], *, ledger: UUID = LEDGER) -> list[list[Entry]]:
    head, told = Head(ledger), []
    for content in written:
        found, head = unseal(content, after=head)
        told.append(found)
    return told


@given(batches)
def test_what_was_sealed_is_what_is_read(told: list[list[Entry]]) -> None:
    assert read(chain(told)) == told


@given(batches, st.data())
def test_no_byte_of_a_segment_can_be_changed(told: list[list[Entry]], data: st.DataObject) -> None:
    written = chain(told)
    number = data.draw(st.integers(0, len(written) - 1))
    place = data.draw(st.integers(0, len(written[number]) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != written[number][place]))
    written[number] = written[number][:place] + bytes([other]) + written[number][place + 1 :]

    with pytest.raises(LedgerBroken):
        read(written)


@given(batches, st.data())
def test_a_segment_that_was_written_anew_is_not_followed_by_the_next(
    told: list[list[Entry]], data: st.DataObject
) -> None:
    written = chain(told)
    number = data.draw(st.integers(0, len(written) - 2))
    forged = [*told[number], Entry(id=1, of="staff", key={}, image=None)]
    written[number] = chain([*told[:number], forged])[-1]

    with pytest.raises(LedgerBroken):
        read(written)


@given(batches, st.data())
def test_segments_can_be_neither_dropped_nor_swapped_nor_repeated(told: list[list[Entry]], data: st.DataObject) -> None:
    written = chain(told)
    number = data.draw(st.integers(0, len(written) - 2))
    spoilt = data.draw(
        st.sampled_from(
            [
                written[:number] + written[number + 1 :],
                [*written[:number], written[number + 1], written[number], *written[number + 2 :]],
                [*written[: number + 1], *written[number:]],
            ]
        )
    )

    with pytest.raises(LedgerBroken):
        read(spoilt)


def test_the_ledger_of_another_database_is_refused() -> None:
    with pytest.raises(LedgerBroken, match="another database"):
        read(chain([[]]), ledger=uuid4())


def test_a_segment_is_written_once_and_for_good(tmp_path: Path) -> None:
    sink = sink_at(tmp_path.as_uri())
    sink.add(1, b"first")

    with pytest.raises(SegmentTaken):
        sink.add(1, b"another")
    assert (sink.last(), sink.read(1)) == (1, b"first")
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == [], "nothing half written is left"


def test_a_directory_that_lacks_a_segment_is_refused(tmp_path: Path) -> None:
    sink = Directory(tmp_path)
    for number in (1, 2, 3):
        sink.add(number, b"")
    (tmp_path / "000000000002.segment").unlink()

    with pytest.raises(LedgerBroken, match="Segment 2 is missing"):
        sink.last()


def test_a_directory_that_is_not_mounted_is_not_taken_for_an_empty_ledger(tmp_path: Path) -> None:
    sink: Any = Directory(tmp_path / "not-mounted")

    with pytest.raises(FileNotFoundError):
        sink.last()
    with pytest.raises(FileNotFoundError):
        sink.add(1, b"")
