"""The golden view: the best value of each attribute, from what one caller may see and nothing else.

In this room: survivorship over records that were already disclosed, so that a golden value can never tell more than its
records do. It is computed per call and never stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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


def golden_view(records: Sequence[DisclosedRecord]) -> dict[str, Any]:
    """Give for each attribute `{value, source, conflicts}`, by source trust, then verification, then recency."""
    attributes = dict.fromkeys(name for record in records for name in record.fields if name not in _NOT_ATTRIBUTES)
    view: dict[str, Any] = {}
    for name in attributes:
        held = sorted((one for one in records if name in one.fields), key=lambda one: _rank(one, name), reverse=True)
        if name in _GATHERED:
            view[name] = _attribute(_gather([one.fields[name] for one in held]), held[0], name, [])
        else:
            view[name] = _attribute(held[0].fields[name], held[0], name, _conflicts(held, name))
        if name in _CURRENT:
            view[_CURRENT[name]] = _current(held, name)
    return view


def _rank(record: DisclosedRecord, name: str) -> tuple[Any, ...]:
    telling = not _is_exists(record.fields[name])
    verified = _VERIFIED.index(record.verification.get(name, "unverified"))
    return telling, record.trust, verified, record.observed_at, record.owner, record.source, record.local_id


def _current(held: Sequence[DisclosedRecord], name: str) -> dict[str, Any]:
    """Give the best value in use today: the first address that has not ended, the first phone or e-mail."""
    for record in held:
        values = record.fields[name]
        if isinstance(values, list):
            for value in values:
                if not isinstance(value, dict) or not value.get("to"):
                    others = [one for one in held if one is not record and isinstance(one.fields[name], list)]
                    conflicts = [
                        {"value": one.fields[name][0], "source": _source(one, name)}
                        for one in others
                        if _folded(value) not in map(_folded, one.fields[name])
                    ]
                    return _attribute(value, record, name, conflicts)
    return _attribute({"exists": True}, held[0], name, [])


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
