"""CSV on its way in: rows are those of the csv module, on the lines where they begin, however the text arrives."""

import csv
from collections.abc import AsyncIterator
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_index.columns import columns_of
from customer_index.csv_rows import LONGEST_ROW, BrokenRow, Row, Rows
from customer_index.extracts import csv_chunks
from shared.problems import InvalidRequest, MalformedRequest

CELLS = st.text(st.sampled_from('ab",\n\r é'), max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=6)


def rows_of(*pieces: str) -> list[Row | BrokenRow]:
    """Read text that arrives in pieces."""
    rows = Rows()
    return [*(row for piece in pieces for row in rows.read(piece)), *rows.finish()]


STYLES = st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)])


@given(TABLES, STYLES, st.lists(st.integers(0, 60), max_size=4))
def test_what_the_csv_module_writes_comes_back_on_its_line(
    table: list[list[str]], style: tuple[str, int], cuts: list[int]
) -> None:
    sink = StringIO()
    writer = csv.writer(sink, lineterminator=style[0], quoting=style[1])  # type: ignore[arg-type]
    begins = []
    for row in table:
        begins.append(sink.getvalue().count("\n") + 1)
        writer.writerow(row)
    text = sink.getvalue()
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:stop] for start, stop in pairwise(places)]

    assert rows_of(*pieces) == [Row(line, row) for line, row in zip(begins, table, strict=True)]


def test_a_quote_nobody_closes_costs_its_own_row_only() -> None:
    found = rows_of('1,a\n2,"b\n3,c\n4,d')

    assert [(one.line, isinstance(one, Row)) for one in found] == [(1, True), (2, False), (3, True), (4, True)]


def test_a_quote_closed_far_below_by_anothers_costs_its_own_row_only() -> None:
    found = rows_of('1,a\n2,"b\n3,c\n4,"d"\n5,"e\nf"\n')

    assert [one.line for one in found if isinstance(one, BrokenRow)] == [2]
    assert [(one.line, one.cells[0]) for one in found if isinstance(one, Row)] == [
        (1, "1"),
        (3, "3"),
        (4, "4"),
        (5, "5"),
    ]


def test_what_waits_for_the_end_of_a_quote_is_bounded() -> None:
    rows = Rows()
    found = []
    for _ in range(20):
        found += list(rows.read('x,"' + "filling\n" * 8192))
        assert sum(map(len, rows._waiting)) <= LONGEST_ROW + 65536 + 3

    assert [one.line for one in found if isinstance(one, BrokenRow)][:2] == [1, 8193]
    assert sum(isinstance(one, Row) for one in found) > 100_000


def test_a_line_without_an_end_is_cut_and_refused() -> None:
    rows = Rows()
    for _ in range(40):
        assert list(rows.read("y" * 65536)) == []
        assert len(rows._unfinished) <= LONGEST_ROW + 1
    found = list(rows.read("\n1,2\n"))

    assert [(one.line, type(one)) for one in found] == [(1, BrokenRow), (2, Row)]


def test_wrong_quotes_without_end_are_no_csv() -> None:
    with pytest.raises(MalformedRequest):
        rows_of(*[('b","' + "z" * 200 + "\n") * 300] * 400)


def test_blank_lines_are_passed_over_and_rows_of_empty_cells_are_not() -> None:
    assert rows_of("a,b\n\n  \r\n,\n\r\nc,d") == [Row(1, ["a", "b"]), Row(4, ["", ""]), Row(6, ["c", "d"])]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (["local_id", "shoe_size"], ["shoe_size"]),
        (["local_id", "family_name", "family_name"], ["family_name"]),
        (["local_id", "given_names.1"], ["given_names.0"]),
        (["local_id", "addresses.0.town", "addresses.2.town"], ["addresses.1"]),
        (["local_id", "addresses.0.lines.1"], ["addresses.0.lines.0"]),
        (["local_id", "given_names"], ["given_names"]),
        (["local_id", "addresses.0"], ["addresses.0"]),
        (["local_id", "given_names.00"], ["given_names.00"]),
        (["local_id", "given_names.-1"], ["given_names.-1"]),
        (["local_id", "given_names.٠"], ["given_names.٠"]),
        (["local_id", "family_name.0"], ["family_name.0"]),
        (["local_id", "verification.local_id"], ["verification.local_id"]),
        (["local_id", *(f"given_names.{place}" for place in range(6))], ["given_names.5"]),
        (["local_id", ""], [""]),
        (["local_id", "x", "y"], ["x", "y"]),
        (["given_names.0", "Zyxanthe"], ["local_id"]),
        ([], ["local_id"]),
    ],
)
def test_a_wrong_header_names_the_columns_that_are_wrong(header: list[str], columns: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        columns_of(header)

    assert [error.pointer for error in refused.value.errors] == [f"column {name}" for name in columns]


def test_cells_go_where_their_columns_say_and_empty_ones_nowhere() -> None:
    columns = columns_of(
        ["phones.1", "addresses.0.from", "local_id", "phones.0", "phones.2", "verification.phones", "addresses.1.town"]
    )

    assert columns.record(["2", "", "c-1", "1", "", "declared", "Acton"]) == {
        "local_id": "c-1",
        "phones": ["1", "2"],
        "verification": {"phones": "declared"},
        "addresses": [{"town": "Acton"}],
    }


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b'"', b"\n", b",", b"\r\n", b"\xef\xbb\xbf"]))))
async def test_any_bytes_behind_a_header_are_read_or_refused(pieces: list[bytes]) -> None:
    body = b"local_id,family_name\n" + b"".join(pieces)

    async def arriving() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    try:
        body.decode()
    except UnicodeDecodeError:
        with pytest.raises(MalformedRequest):
            [chunk async for chunk in csv_chunks(arriving())]
    else:
        chunks: list[Any] = [chunk async for chunk in csv_chunks(arriving())]
        lines = [chunk.first_line + place for chunk in chunks for place, line in enumerate(chunk.lines) if line] + [
            reject.line for chunk in chunks for reject in chunk.rejects
        ]
        assert len(set(lines)) == len(lines) == sum(chunk.received for chunk in chunks)
        assert all(1 < line <= body.count(b"\n") + 1 for line in lines)
