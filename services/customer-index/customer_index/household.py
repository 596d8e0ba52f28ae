"""Who lives or is related together.

In this room: overlapping residence in one home, and asserted relationships. Not in this room: whose membership a call
may see (the caller hands in only records of scopes that grant `household`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from customer_index.blocking import BlockKey, residence_keys
from customer_index.normalise import Features, Residence

_INVERSE: Final = {"parent": "child", "child": "parent", "guardian": "ward", "carer": "cared-for", "cared-for": "carer"}
_MUTUAL: Final = frozenset({"spouse", "partner", "sibling", "twin", "cohabitant", "relative"})


@dataclass(frozen=True, slots=True)
class HouseholdRecord:
    """A record with what makes it part of a household."""

    record_id: UUID
    person_id: UUID
    owner: str
    source: str
    local_id: str
    features: Features
    relationships: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody of the household, and by what: an ISO date is empty where it is not known."""

    person_id: UUID
    role: str
    basis: str
    start: str
    end: str


def relation_key(source: str, local_id: str) -> int:
    """Give the key that records carry which assert a relationship to a record of their source."""
    digest = hashlib.blake2b(f"relation|{source}|{local_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def relation_keys(source: str, data: Mapping[str, Any]) -> list[BlockKey]:
    """Give a record's keys for the records it relates to, so that these find it."""
    related = dict.fromkeys(one["local_id"] for one in data.get("relationships", ()))
    return [BlockKey("relation", relation_key(source, local_id)) for local_id in related]


def home_digests(record: HouseholdRecord) -> set[int]:
    """Give the keys of the homes a record names."""
    return {key.digest for key in residence_keys(record.features)}


def memberships(person: Sequence[HouseholdRecord], others: Iterable[HouseholdRecord]) -> list[Membership]:
    """Tell who of others shares a household with a person, each once: relationships first, else in the order given."""
    found: dict[tuple[UUID, str], Membership] = {}
    for other in others:
        for record in person:
            role = _relation(record, other)
            if role is not None:
                found.setdefault(
                    (other.person_id, "relationship"), Membership(other.person_id, role, "relationship", "", "")
                )
            stay = _shared_stay(record.features, other.features)
            if stay is not None:
                found.setdefault(
                    (other.person_id, "address"), Membership(other.person_id, "resident", "address", *stay)
                )
    related = {person_id for person_id, basis in found if basis == "relationship"}
    return [
        membership
        for (person_id, basis), membership in sorted(found.items(), key=lambda one: one[0][1] != "relationship")
        if basis == "relationship" or person_id not in related
    ]


def _relation(record: HouseholdRecord, other: HouseholdRecord) -> str | None:
    """Name what the other is to the person, from either side's assertion."""
    if (record.owner, record.source) != (other.owner, other.source):
        return None
    for one in record.relationships:
        if one["local_id"] == other.local_id:
            return str(one["kind"])
    for one in other.relationships:
        if one["local_id"] == record.local_id:
            kind = str(one["kind"])
            return kind if kind in _MUTUAL else _INVERSE.get(kind, "related")
    return None


def _shared_stay(one: Features, other: Features) -> tuple[str, str] | None:
    """Give the period for which two live in one home, if they do; who moves in on the day another leaves does not."""
    for left in one.residences:
        for right in other.residences:
            if _is_one_home(left, right):
                start = max(left.start, right.start)
                end = min(left.end or "9999", right.end or "9999")
                if start < end:
                    return start, "" if end == "9999" else end
    return None


def _is_one_home(left: Residence, right: Residence) -> bool:
    lefts = {key.digest for key in residence_keys(Features(residences=(left,)))}
    rights = {key.digest for key in residence_keys(Features(residences=(right,)))}
    return not lefts.isdisjoint(rights)
