"""What boroughs' policies take away from what a call was granted.

In this room: which policies are in play, what each is asked about, and what is left. Not in this room: what was granted
before (`policy`), what a policy may say (`borough_policy`) and how it answers (`verdict`).

A policy is in play for its borough's data, whoever asks, and for its borough's workers and whoever acts for it,
whatever they ask for. Any of them may forbid a cell, and none can grant one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.borough_policy import DATA_ATTRIBUTES, Forbids
from gateway.standing import Caller, Standing, days_later
from gateway.verdict import Cell, forbidden_cells
from shared.categories import (
    AREA_CLASS,
    CATEGORY_CLASS,
    STRICTER_ROWS,
    Action,
    Category,
    DataClass,
    Grants,
    Purpose,
    Scope,
    is_stricter,
    split_scope,
    strictest,
)

_LONDON: Final = ZoneInfo("Europe/London")
_TRAINING_DAYS: Final = 365
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """What is left of some grants, and for each cell that was taken away the policy that forbids it.

    `forbidden` names policies as `borough/id`. `valid_until` is the first moment at which time alone could change it.
    """

    grants: Grants
    forbidden: Mapping[Scope, Mapping[Category, str]]
    valid_until: datetime | None


def narrow(
    policies: Mapping[str, tuple[Forbids, ...]],
    grants: Grants,
    *,
    caller: Caller,
    purpose: Purpose,
    action: Action,
    emergency: str | None,
    at: datetime,
) -> Narrowed:
    """Take from some grants what a policy in play forbids; without `existence` nothing of a scope is left."""
    questions = list(_questions(policies, grants, caller=caller, action=action))
    if not questions:
        return Narrowed(grants=grants, forbidden={}, valid_until=None)
    asked: dict[Forbids, set[Cell]] = defaultdict(set)
    for question in questions:
        asked[question.policy].update(question.cells[category] for category in grants[question.scope])
    told = _circumstances(caller, purpose=purpose, action=action, emergency=emergency, at=at)
    answers = {
        policy: forbidden_cells(
            policy,
            circumstances=tuple((name, value) for name, value in told.items() if name in policy.mentions),
            cells=frozenset(cells),
        )
        for policy, cells in asked.items()
    }
    forbidden: dict[Scope, dict[Category, str]] = defaultdict(dict)
    for question in questions:
        if answer := answers[question.policy]:
            for category in grants[question.scope]:
                policy_id = answer.get(question.cells[category])
                if policy_id is not None:
                    forbidden[question.scope].setdefault(category, policy_id)
    for scope, of_scope in forbidden.items():
        if Category.EXISTENCE in of_scope:
            forbidden[scope] = dict.fromkeys(grants[scope], of_scope[Category.EXISTENCE]) | of_scope
    left = {
        scope: {category: form for category, form in told.items() if category not in forbidden[scope]}
        if scope in forbidden
        else told
        for scope, told in grants.items()
    }
    mentioned = frozenset[str]().union(*(policy.mentions for policy in asked))
    return Narrowed(
        grants={scope: told for scope, told in left.items() if told},
        forbidden=dict(forbidden),
        valid_until=_first_change(mentioned, standing=caller.standing, at=at),
    )


class _Question(NamedTuple):
    """A scope that policies are asked about; `cells` are its categories as they are asked of these policies."""

    scope: Scope
    policy: Forbids
    cells: Mapping[Category, Cell]


def _questions(
    policies: Mapping[str, tuple[Forbids, ...]], grants: Grants, *, caller: Caller, action: Action
) -> Iterable[_Question]:
    """Ask the provider's policies first, then those of whom the caller acts for, then the employer's."""
    for scope in grants:
        for org in dict.fromkeys([split_scope(scope)[0], caller.org, caller.employing_org]):
            for policy in policies.get(org, ()):
                if action in policy.actions:
                    yield _Question(scope, policy, _cells(scope, policy.mentions & DATA_ATTRIBUTES))


@lru_cache(maxsize=8192)
def _cells(scope: Scope, mentions: frozenset[str]) -> Mapping[Category, Cell]:
    owner, area = split_scope(scope)
    classes = [AREA_CLASS[area], *([STRICTER_ROWS[area]] if is_stricter(scope) else [])]
    cells = {}
    for category in Category:
        attributes = {
            "owner": owner,
            "service_area": area,
            "category": category.value,
            "class": strictest([*classes, CATEGORY_CLASS.get(category, DataClass.ORDINARY)]).value,
        }
        cells[category] = tuple((name, value) for name, value in attributes.items() if name in mentions)
    return cells


def _circumstances(
    caller: Caller, *, purpose: Purpose, action: Action, emergency: str | None, at: datetime
) -> dict[str, Any]:
    on = at.astimezone(UTC).date()
    standing = caller.standing
    return {
        "organisation": caller.employing_org,
        "roles": caller.held_roles,
        "training_current": any(0 <= (on - day).days <= _TRAINING_DAYS for day in standing.training.values()),
        "commitment_current": any(day <= on for day in _signed_on(standing)),
        "action": action,
        "purpose": purpose,
        "emergency": emergency is not None,
        "acting_for": caller.org,
        "local_hour": at.astimezone(_LONDON).hour,
    }


def _first_change(mentioned: frozenset[str], *, standing: Standing, at: datetime) -> datetime | None:
    """Give the first moment at which the passing of time alone may change what policies were told."""
    on = at.astimezone(UTC).date()
    days: list[date] = []
    if "training_current" in mentioned:
        days += [
            day
            for completed in standing.training.values()
            for day in (completed, days_later(completed, _TRAINING_DAYS + 1))
        ]
    if "commitment_current" in mentioned:
        days += _signed_on(standing)
    moments = [datetime.combine(day, time(), UTC) for day in days if day > on]
    if "local_hour" in mentioned:
        # London is a whole number of hours from UTC all year.
        moments.append(at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR)
    return min(moments, default=None)


def _signed_on(standing: Standing) -> list[date]:
    return [day for versions in standing.commitments.values() for day in versions.values()]
