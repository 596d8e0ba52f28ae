"""The golden view: the best value of each attribute, from what one caller may see and nothing else.

In this room: survivorship over records that were already disclosed, so that a golden value can never tell more than its
records do. It is computed per call and never stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

_VERIFIED: Final = ("unverified", "declared", "document", "authoritative")
_GATHERED: Final = frozenset(
    {"previous_family_names", "addresses", "phones", "emails", "accessibility_needs", "relationships", "markers"}
)
"""Attributes of which a person has several; all values are kept, the best source's first."""
_CURRENT: Final = {"addresses": "address", "phones": "phone", "emails": "email"}
_NOT_ATTRIBUTES: Final = frozenset({"observed_at"})


@dataclass(frozen=True, slots=True)
class DisclosedRecord:
    """What a caller may see of a record, with what its survival depends on."""

    owner: str
    source: str
    local_id: str
    trust: int
    observed_at: datetime
    verification: Mapping[str, str]
    fields: Mapping[str, Any]
    doubted: frozenset[str] = frozenset()
    """JSON pointers of values that were kept although they cannot be right."""


def golden_view(records: Sequence[DisclosedRecord], *, today: date) -> dict[str, Any]:
    """Give for each attribute `{value, source, conflicts}`, by source trust, then verification, then recency; a doubted
    value gives way to any other.

    `address`, `phone` and `email` are the best in use today, and absent where none is.
    """
    attributes = dict.fromkeys(name for record in records for name in record.fields if name not in _NOT_ATTRIBUTES)
    view: dict[str, Any] = {}
    for name in attributes:
        held = sorted((one for one in records if name in one.fields), key=lambda one: _rank(one, name), reverse=True)
        if name in _GATHERED:
            view[name] = _attribute(_gather([one.fields[name] for one in held]), held[0], name, [])
        else:
            view[name] = _attribute(held[0].fields[name], held[0], name, _conflicts(held, name))
        current = _current(held, name, today=today) if name in _CURRENT else None
        if current is not None:
            view[_CURRENT[name]] = current
    return view


def surviving_fields(records: Sequence[DisclosedRecord]) -> list[tuple[int, str]]:
    """Name what a golden view is made of, as the index of a record and a field of it: the best record's value of each
    attribute, and every record's of those of which a person has several, best first."""
    ranked: list[tuple[int, str]] = []
    for name in dict.fromkeys(name for record in records for name in record.fields if name not in _NOT_ATTRIBUTES):
        held = [index for index, record in enumerate(records) if name in record.fields]
        held.sort(key=lambda index: _rank(records[index], name), reverse=True)
        ranked += [(index, name) for index in (held if name in _GATHERED else held[:1])]
    return ranked


def _rank(record: DisclosedRecord, name: str) -> tuple[Any, ...]:
    telling = not _is_exists(record.fields[name])
    sound = f"/{name}" not in record.doubted
    verified = _VERIFIED.index(record.verification.get(name, "unverified"))
    return telling, sound, record.trust, verified, record.observed_at, record.owner, record.source, record.local_id


def _current(held: Sequence[DisclosedRecord], name: str, *, today: date) -> dict[str, Any] | None:
    """Give the best value in use today, each other record's first one in use a conflict; None if all have ended."""
    used = [(record, value) for record in held for value in _in_use(record, name, today)[:1]]
    used.sort(key=lambda one: _is_doubted(one[0], name, one[1]))
    if not used:
        existing = [record for record in held if _is_exists(record.fields[name])]
        return _attribute({"exists": True}, existing[0], name, []) if existing else None
    (best, value), *others = used
    seen = [_folded(value)]
    conflicts = []
    for record, other in others:
        if _folded(other) not in seen and _folded(value) not in map(_folded, record.fields[name]):
            seen.append(_folded(other))
            conflicts.append({"value": other, "source": _source(record, name)})
    return _attribute(value, best, name, conflicts)


def _in_use(record: DisclosedRecord, name: str, today: date) -> list[Any]:
    """Give the values of a list that have begun and not ended, sound ones first; values without dates are in use."""
    values = record.fields[name]
    if not isinstance(values, list):
        return []
    day = today.isoformat()
    used = [
        value
        for value in values
        if not isinstance(value, Mapping)
        or ((value.get("from") or "") <= day and (not value.get("to") or value["to"] > day))
    ]
    return sorted(used, key=lambda value: _is_doubted(record, name, value))


def _is_doubted(record: DisclosedRecord, name: str, value: Any) -> bool:
    return f"/{name}/{record.fields[name].index(value)}" in record.doubted


def _conflicts(held: Sequence[DisclosedRecord], name: str) -> list[dict[str, Any]]:
    seen = [_folded(held[0].fields[name])]
    conflicts = []
    for record in held[1:]:
        value = record.fields[name]
        if not _is_exists(value) and _folded(value) not in seen:
            seen.append(_folded(value))
            conflicts.append({"value": value, "source": _source(record, name)})
    return conflicts


def _gather(lists: Sequence[Any]) -> Any:
    """Join lists, each value once; without any list what is left is that something exists."""
    gathered: list[Any] = []
    for values in lists:
        if isinstance(values, list):
            gathered += [value for value in values if _folded(value) not in map(_folded, gathered)]
    return gathered or {"exists": True}


def _attribute(value: Any, record: DisclosedRecord, name: str, conflicts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"value": value, "source": _source(record, name), "conflicts": conflicts}


def _source(record: DisclosedRecord, name: str) -> dict[str, Any]:
    return {
        "owner": record.owner,
        "source": record.source,
        "local_id": record.local_id,
        "observed_at": record.observed_at,
        "verification": record.verification.get(name, "unverified"),
    }


def _is_exists(value: Any) -> bool:
    return bool(value == {"exists": True})


def _folded(value: Any) -> Any:
    """Bring a value into the form in which a difference is a conflict: neither case nor blanks are."""
    if isinstance(value, str):
        return "".join(value.casefold().split())
    if isinstance(value, list):
        return [_folded(one) for one in value]
    if isinstance(value, dict):
        return {key: _folded(one) for key, one in value.items()}
    return value
