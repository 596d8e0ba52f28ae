"""Where the segments of a ledger are kept: off-site, each written once, whole, and never changed.

What is built is a directory, which has to be storage of another place that was mounted, best one that lets nobody
change a file (WORM). Another kind of storage is another class with these three methods.
"""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from shared.segments import LedgerBroken

_NAME: Final = re.compile(r"^(\d{12})\.segment$")


class SegmentTaken(Exception):
    """Somebody else has written the segment of this number."""


class Sink(Protocol):
    """What keeps the segments of one ledger."""

    def last(self) -> int:
        """Give the number of the last segment, 0 if there is none; raise `LedgerBroken` if one before it is missing,
        `OSError` if the storage is not there."""

    def read(self, number: int) -> bytes:
        """Give the bytes of a segment."""

    def add(self, number: int, content: bytes) -> None:
        """Keep a segment for good before returning; raise `SegmentTaken` if there is one of this number."""


class Directory:
    """Segments as files of a directory, which is never made here: one that is missing is one that was not mounted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> int:
        """Give the number of the last segment."""
        found = sorted(int(match[1]) for name in os.listdir(self._path) if (match := _NAME.match(name)))
        for number, there in enumerate(found, start=1):
            if number != there:
                raise LedgerBroken(f"Segment {number} is missing.")
        return len(found)

    def read(self, number: int) -> bytes:
        """Give the bytes of a segment."""
        return self._file(number).read_bytes()

    def add(self, number: int, content: bytes) -> None:
        """Write a segment beside its place and put it there whole, if the place is free; flush it and the directory."""
        beside = self._path / f".{number:012d}.{secrets.token_hex(4)}"
        try:
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(beside, self._file(number))
            except FileExistsError:
                raise SegmentTaken(number) from None
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        directory = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _file(self, number: int) -> Path:
        return self._path / f"{number:012d}.segment"


def sink_at(url: str) -> Sink:
    """Give the sink at an address: `file:///…`, a directory that exists."""
    return Directory(Path(unquote(urlsplit(url).path)))
