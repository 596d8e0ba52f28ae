"""A file of comma-separated values, cut into rows as it arrives (RFC 4180), each with the line on which it begins.

Pure. A row that cannot be read is told by its line and reading goes on with the very next line, so that a quote nobody
closed does not swallow the rows behind it. What waits for more of the file is bounded, and so is what is read twice.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from shared.problems import FieldError, MalformedRequest

LONGEST_ROW: Final = 1024 * 1024
"""Characters of the longest row; a longer one is refused."""
_MOST_READ_TWICE: Final = 32 * LONGEST_ROW
"""Characters, after which so many quotes are wrong that the file is no CSV."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row; `line` is the one it begins on, counted from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot be read, and why."""

    line: int
    error: FieldError


class _MoreNeeded(Exception):
    """The text ends inside a row."""


@dataclass(slots=True)
class Rows:
    """Reads text piece by piece; what a piece leaves unfinished is read again with the next, so make pieces large."""

    _line: int = 1
    _waiting: list[str] = field(default_factory=list)
    _unfinished: str = ""
    _read_twice: int = 0

    def read(self, text: str) -> Iterator[Row | BrokenRow]:
        """Give the rows that this text completes. Raises `MalformedRequest` for what is no CSV at all."""
        *whole, rest = (self._unfinished + text).split("\n")
        self._waiting += [line[:LONGEST_ROW] + "\n" for line in whole]
        self._unfinished = rest[: LONGEST_ROW + 1]
        return self._rows(is_end=False)

    def finish(self) -> Iterator[Row | BrokenRow]:
        """Give the rows left at the end of the file, whose last line needs no line end."""
        if self._unfinished:
            self._waiting.append(self._unfinished[:LONGEST_ROW] + "\n")
            self._unfinished = ""
        return self._rows(is_end=True)

    def _rows(self, *, is_end: bool) -> Iterator[Row | BrokenRow]:
        start, lines = 0, self._waiting
        while start < len(lines):
            source = _Lines(lines, start)
            try:
                cells = next(csv.reader(source, strict=True))
            except _MoreNeeded:
                if not is_end and source.size <= LONGEST_ROW:
                    break
                error = _UNCLOSED if source.size <= LONGEST_ROW else _TOO_LONG
            except csv.Error as failure:
                error = _CELL_TOO_LONG if "field larger" in str(failure) else _MISQUOTED
            else:
                if source.size > LONGEST_ROW:
                    yield BrokenRow(self._line + start, _TOO_LONG)
                elif len(cells) > 1 or any(cell.strip() for cell in cells):
                    yield Row(self._line + start, cells)
                start = source.position
                continue
            yield BrokenRow(self._line + start, error)
            self._read_twice += source.size - len(lines[start])
            if self._read_twice > _MOST_READ_TWICE:
                raise MalformedRequest(
                    "The extract is no CSV: too many quotes are opened and not closed.",
                    errors=[FieldError(f"line {self._line + start}", _UNCLOSED.detail)],
                )
            start += 1
        self._line += start
        del lines[:start]


_UNCLOSED: Final = FieldError("", "opens a quote that is not closed")
_MISQUOTED: Final = FieldError("", "has a quoted cell with something behind its closing quote, or a stray line end")
_CELL_TOO_LONG: Final = FieldError(
    "", f"has a cell longer than {csv.field_size_limit()} characters, or opens a quote that is not closed"
)
_TOO_LONG: Final = FieldError("", f"is longer than {LONGEST_ROW} characters")


class _Lines:
    """Hands lines to the csv module from a position on, and keeps count of where it is and how much it gave."""

    def __init__(self, lines: list[str], position: int) -> None:
        self._lines = lines
        self.position = position
        self.size = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.position == len(self._lines) or self.size > LONGEST_ROW:
            raise _MoreNeeded
        line = self._lines[self.position]
        self.position += 1
        self.size += len(line)
        return line
