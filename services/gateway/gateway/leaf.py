"""What of an audit row goes into the log, and how each organisation that may read of it opens its own part.

A leaf is the root of a small tree of its own. In each of its places stands HMAC-SHA256(salt, view), where a view is
what one organisation may read of the row and the salt is that organisation's alone, or nothing but chance. Whoever is
shown a view, its salt and the way up can see that the leaf was made of it, and learns neither what others may read nor
how many they are. The bodies can go, and the leaves still stand.

Pure, but for chance. What is written here is read for as long as there are logs: another way of making a view or its
bytes is another version, beside this one.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Any, Final
from uuid import UUID

from gateway.merkle import leaf_hash, node_hash
from shared.categories import Scope, split_scope

VERSION: Final = 1
_FEWEST_LEVELS: Final = 6
"""64 places, which is more than there are boroughs; a row with more readers has a higher tree."""
_HASH_BYTES: Final = 32
_CHANCE: Final = SystemRandom()

Row = Mapping[str, Any]
Content = Mapping[str, Any]
"""What is hashed of a view: `v`, and every column that is not null by its name; as the database gives them, or as JSON
that was read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What shows, with a view, what a leaf was made of: the salt, the view's place, and the hashes beside its way."""

    salt: bytes
    slot: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """A row as a leaf of the log, and what opens it for each of its readers."""

    hash: bytes
    openings: Mapping[str, Opening]


def seal_row(row: Row, *, chance: Random = _CHANCE) -> SealedRow:
    """Make a leaf of an audit row."""
    readers = readers_of(row)
    levels = max(_FEWEST_LEVELS, (len(readers) - 1).bit_length())
    # Numbered like a heap: 1 is the root, the children of n are 2n and 2n + 1, and the places follow from 2 ** levels.
    places = dict(zip(readers, chance.sample(range(1 << levels, 2 << levels), len(readers)), strict=True))
    salts = {reader: chance.randbytes(_HASH_BYTES) for reader in readers}
    tree = {place: _place(content_of(seen_by(row, org=reader)), salt=salts[reader]) for reader, place in places.items()}
    grown = set(tree)
    for _ in range(levels):
        for beside in [node ^ 1 for node in grown if node ^ 1 not in tree]:
            tree[beside] = chance.randbytes(_HASH_BYTES)
        grown = {node >> 1 for node in grown}
        tree |= {node: node_hash(tree[2 * node], tree[2 * node + 1]) for node in grown}
    openings = {
        reader: Opening(
            salt=salts[reader],
            slot=place - (1 << levels),
            path=tuple(tree[place >> level ^ 1] for level in range(levels)),
        )
        for reader, place in places.items()
    }
    return SealedRow(hash=leaf_hash(tree[1]), openings=openings)


def opened(content: Content, opening: Opening) -> bytes:
    """Give the hash of the leaf that this view, opened like this, was made into."""
    climbed = _place(content, salt=opening.salt)
    for level, beside in enumerate(opening.path):
        pair = (beside, climbed) if opening.slot >> level & 1 else (climbed, beside)
        climbed = node_hash(*pair)
    return leaf_hash(climbed)


def readers_of(row: Row) -> list[str]:
    """List the organisations that may read of a row: whose call it was, and whose data it touched."""
    return sorted({*_callers(row), *row["owners"]})


def seen_by(row: Row, *, org: str) -> Row:
    """Leave of a call what an organisation may know: of its own all; of another's, who saw which of its data, and why.

    Clauses are told only where no third owner's data were touched, whose clauses they might be.
    """
    if org in _callers(row):
        return row
    persons = [pair for pair in zip(row["person_ids"], row["person_owners"], strict=True) if pair[1] == org]
    return {
        **row,
        "case_reference": None,
        "person_ids": [person_id for person_id, _ in persons],
        "person_owners": [owner for _, owner in persons],
        "records": [record for record in row["records"] if record.partition("/")[0] == org],
        "owners": [owner for owner in row["owners"] if owner == org],
        "clauses": row["clauses"] if {*row["owners"]} <= {org, row.get("acting_for") or row["organisation"]} else [],
        "scopes": {scope: told for scope, told in row["scopes"].items() if split_scope(Scope(scope))[0] == org},
        "policy": None,
        "epoch": None,
    }


def content_of(view: Row) -> Content:
    """Say what is hashed of a view; null is left out, so that a column added later changes no leaf made before."""
    return {"v": VERSION} | {name: value for name, value in view.items() if value is not None}


def canonical(content: Content) -> bytes:
    """Give the bytes that are hashed: JSON as RFC 8785 writes it, names in order and nothing between; no row holds a
    number with a fraction, whose digits would be a matter of taste."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()


def moment(at: datetime) -> str:
    """Write a moment in the one form that is hashed and signed: UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _callers(row: Row) -> set[str]:
    """Name the organisations whose call it was: that of the worker, and the one it acted for."""
    return {row["organisation"], row.get("acting_for") or row["organisation"]}


def _place(content: Content, *, salt: bytes) -> bytes:
    return leaf_hash(hmac.digest(salt, canonical(content), "sha256"))


def _plain(value: Any) -> str:
    """Write a value that JSON does not have."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return moment(value)
    raise TypeError(f"an audit row holds no {type(value).__name__}")
