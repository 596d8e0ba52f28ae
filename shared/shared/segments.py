"""Segments of the ledger: numbered, each with the digest of the one before it, so that none can be changed, taken out
or put in between unseen.

In this room: what a segment is as bytes, and whether one follows another. Pure. Not in this room: where segments are
kept (`sink`), and what the rows in them mean (`ledger`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json, to_json

_NO_DIGEST: Final = "0" * 64


class LedgerBroken(Exception):
    """The ledger is not whole, or not that of this database; says which segment, and nothing of what is in it."""


class ChangesLost(LedgerBroken):
    """The ledger holds changes that this database does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row as a change left it, or gone if `image` is None; `id` counts the changes of one database."""

    id: int
    of: str
    key: Mapping[str, Any]
    image: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Head:
    """The last segment of a ledger; number 0 stands before the first."""

    ledger: UUID
    number: int = 0
    digest: str = _NO_DIGEST


def seal(entries: Sequence[Entry], *, after: Head) -> tuple[bytes, Head]:
    """Write the segment that follows another; give its bytes, and the head that it is."""
    head = {"ledger": str(after.ledger), "number": after.number + 1, "previous": after.digest}
    body = to_json({**head, "entries": [[one.id, one.of, one.key, one.image] for one in entries]})
    digest = hashlib.sha256(body).hexdigest()
    return digest.encode() + b"\n" + body, Head(after.ledger, after.number + 1, digest)


def unseal(content: bytes, *, after: Head) -> tuple[list[Entry], Head]:
    """Read the segment that follows another; raise `LedgerBroken` unless it is that one, and whole."""
    number = after.number + 1
    digest, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise LedgerBroken(f"Segment {number} is not as it was written.")
    said = from_json(body)
    if said["ledger"] != str(after.ledger):
        raise LedgerBroken(f"Segment {number} is of another database's ledger.")
    if (said["number"], said["previous"]) != (number, after.digest):
        raise LedgerBroken(f"Segment {number} does not follow the one before it.")
    entries = [Entry(id=id_, of=of, key=key, image=image) for id_, of, key, image in said["entries"]]
    return entries, Head(after.ledger, number, digest.decode())
