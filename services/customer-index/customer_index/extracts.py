"""An extract on its way in: its bytes cut into chunks of lines, a JSON record a line, whatever form it was written in.

In this room: what can be told from the form alone. A chunk's lines stand at their places in the file, so that a record
in CSV that begins on line 7 is line 7 here too; lines without a record are empty. Not in this room: whether a record is
good, and where chunks are kept (`commands/loads.py`).
"""

import codecs
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic_core import to_json

from customer_index.columns import Columns, columns_of
from customer_index.csv_rows import BrokenRow, Row, Rows
from shared.problems import FieldError, InvalidRequest, MalformedRequest

CHUNK_LINES: Final = 100
LINE_BYTES: Final = 1024 * 1024
"""Longest line of an extract; a longer one is cut here and rejected."""
_PIECE_BYTES: Final = 64 * 1024
"""Bytes of a CSV looked at together: enough that what a piece leaves unfinished is seldom read again."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record refused for its form, by the line it begins on."""

    line: int
    error: FieldError


@dataclass(slots=True)
class Chunk:
    """Lines that follow one another, with JSON records on some of them, and those that hold what is refused."""

    first_line: int
    lines: list[bytes] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def received(self) -> int:
        """Count the records that arrived with this chunk."""
        return sum(1 for line in self.lines if line.strip()) + len(self.rejects)


async def ndjson_chunks(body: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    """Cut NDJSON into chunks; a line too long is cut short."""
    pending, chunk = b"", Chunk(1)
    async for raw in body:
        first, *rest = raw.split(b"\n")
        pending = (pending + first)[: LINE_BYTES + 1]
        for following in rest:
            chunk.lines.append(pending)
            pending = following[: LINE_BYTES + 1]
            if len(chunk.lines) >= CHUNK_LINES:
                yield chunk
                chunk = Chunk(chunk.first_line + len(chunk.lines))
    chunk.lines.append(pending)
    yield chunk


async def csv_chunks(body: AsyncIterator[bytes]) -> AsyncIterator[Chunk]:
    """Cut CSV into chunks. Raises `InvalidRequest` for a wrong header, `MalformedRequest` for what is not UTF-8."""
    rows, table = Rows(), _Table()
    async for text in _texts(body):
        for row in rows.read(text):
            for chunk in table.take(row):
                yield chunk
    for row in rows.finish():
        for chunk in table.take(row):
            yield chunk
    yield table.rest()


class Form(StrEnum):
    """How an extract may be written, as its content type."""

    NDJSON = "application/x-ndjson"
    CSV = "text/csv"

    @property
    def chunks(self) -> Callable[[AsyncIterator[bytes]], AsyncIterator[Chunk]]:
        """Give what cuts an extract of this form into chunks."""
        return _CUTTERS[self]


_CUTTERS: Final = {Form.NDJSON: ndjson_chunks, Form.CSV: csv_chunks}


class _Table:
    """Rows of a CSV put into chunks; the first row is the header."""

    def __init__(self) -> None:
        self._columns: Columns | None = None
        self._chunk = Chunk(1)

    def take(self, row: Row | BrokenRow) -> Iterator[Chunk]:
        """Take a row; give the chunk before it if that is full."""
        if self._columns is None:
            self._columns = _header(row)
            return
        place = row.line - self._chunk.first_line
        if place >= CHUNK_LINES:
            yield self._chunk
            self._chunk, place = Chunk(row.line), 0
        taken = _converted(row, columns=self._columns)
        if isinstance(taken, FieldError):
            self._chunk.rejects.append(Reject(row.line, taken))
        else:
            self._chunk.lines += [b""] * (place - len(self._chunk.lines))
            self._chunk.lines.append(taken)

    def rest(self) -> Chunk:
        """Give the last chunk. Raises `InvalidRequest` if not even a header has come."""
        if self._columns is None:
            columns_of(())
        return self._chunk


def _header(row: Row | BrokenRow) -> Columns:
    if isinstance(row, BrokenRow):
        raise InvalidRequest(
            "The first line of the extract must name its columns.",
            errors=[FieldError(f"line {row.line}", row.error.detail)],
        )
    return columns_of(row.cells)


def _converted(row: Row | BrokenRow, *, columns: Columns) -> bytes | FieldError:
    """Write a row as JSON, or say why that cannot be done."""
    if isinstance(row, BrokenRow):
        return row.error
    if len(row.cells) != len(columns.ways):
        return FieldError("", f"has {len(row.cells)} cells, and the header names {len(columns.ways)} columns")
    line = to_json(columns.record(row.cells))
    return line if len(line) <= LINE_BYTES else FieldError("", f"is longer than {LINE_BYTES} bytes")


async def _texts(body: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Decode a body, in pieces of some size. Raises `MalformedRequest` if it is not UTF-8; a byte order mark goes."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line, pending = 1, bytearray()
    try:
        async for raw in body:
            pending += raw
            if len(pending) >= _PIECE_BYTES:
                text = decoder.decode(bytes(pending))
                yield text
                line += pending.count(b"\n")
                pending.clear()
        yield decoder.decode(bytes(pending), final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        raise MalformedRequest(
            "The extract is not UTF-8.", errors=[FieldError(f"line {line}", "is not UTF-8")]
        ) from None
