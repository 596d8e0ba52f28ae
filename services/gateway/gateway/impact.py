"""What a changed policy would have made of calls that were made: pure, so that nothing is saved to find out.

In this room: deciding some calls under two states of the rules, and where they differ. Not in this room: which calls
those are (`queries.policies`) and the decisions (`policy`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.borough_policy import compile_policy
from gateway.governance import Governance
from gateway.policy import decide
from gateway.standing import Caller
from shared.categories import Action, Category, Purpose, Scope, split_scope


@dataclass(frozen=True, kw_only=True)
class PastCall:
    """A call as it was made, `times` over; `at` is the last time."""

    caller: Caller
    purpose: Purpose
    action: Action
    emergency: str | None
    at: datetime
    times: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Categories of a scope that one kind of call would be denied, or allowed, were the policy changed.

    `calls` is how often such a call was made; `policies` are those that would forbid them, as `borough/id`.
    """

    organisation: str
    acting_for: str
    purpose: Purpose
    action: Action
    scope: Scope
    denied: tuple[Category, ...]
    allowed: tuple[Category, ...]
    policies: tuple[str, ...]
    calls: int


def with_policy(governance: Governance, *, org: str, text: str) -> Governance:
    """Give the rules as they would be if a borough's policy were this text."""
    others = {each: policy for each, policy in governance.policies.items() if each != org}
    compiled = compile_policy(org, text)
    return replace(governance, policies=others | ({org: compiled} if compiled else {}))


def differences(before: Governance, after: Governance, *, org: str, calls: Iterable[PastCall]) -> list[Difference]:
    """List what a change would deny or allow in calls that were made, those made most often first.

    Of calls by others' workers for others, only what concerns the data of `org` is told.
    """
    times: dict[Difference, int] = defaultdict(int)
    for call in calls:
        for difference in _differences(before, after, org=org, call=call):
            times[difference] += call.times
    found = [replace(difference, calls=number) for difference, number in times.items()]
    return sorted(found, key=lambda one: (-one.calls, one.scope, one.organisation, one.purpose, one.action))


def _differences(before: Governance, after: Governance, *, org: str, call: PastCall) -> Iterator[Difference]:
    caller = call.caller
    old, new = (
        decide(
            governance, caller=caller, purpose=call.purpose, action=call.action, at=call.at, emergency=call.emergency
        )
        for governance in (before, after)
    )
    concerned = org in (caller.org, caller.employing_org)
    for scope in sorted(old.grants.keys() | new.grants.keys()):
        if not concerned and split_scope(scope)[0] != org:
            continue
        told, left = old.grants.get(scope, {}), new.grants.get(scope, {})
        denied, allowed = told.keys() - left.keys(), left.keys() - told.keys()
        if denied or allowed:
            forbidden: Mapping[Category, str] = new.forbidden.get(scope, {})
            yield Difference(
                organisation=caller.employing_org,
                acting_for=caller.org,
                purpose=call.purpose,
                action=call.action,
                scope=scope,
                denied=tuple(sorted(denied)),
                allowed=tuple(sorted(allowed)),
                policies=tuple(sorted({forbidden[category] for category in denied})),
                calls=0,
            )
