"""What changed rules would have made of calls that were made: pure, so that nothing is saved or signed to find out.

In this room: the rules as they would be under another policy or with an agreement signed or ended, deciding some calls
under two states of the rules, and where they differ. Not in this room: which calls those are (`queries.audit`) and the
decisions (`policy`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from gateway.borough_policy import compile_policy
from gateway.governance import Agreement, BarredSource, Clause, Governance, compile_governance
from gateway.lifecycle import AgreementAction, AgreementStatus, IllegalTransitionError
from gateway.organisation import OrganisationKind
from gateway.policy import decide, render_cell
from gateway.standing import Caller
from shared.categories import Action, Category, Form, Purpose, Scope, fullest, split_scope

K = TypeVar("K")


class Supposition(StrEnum):
    """What is supposed of an agreement: that every party has signed it, or that it is suspended or terminated."""

    SIGNED = "signed"
    ENDED = "ended"


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
    """What one kind of call would be denied, or allowed, in a scope, were the rules changed.

    Categories are written as in a decision. `calls` is how often such a call was made; `policies` are those that would
    forbid what is denied, as `borough/id`.
    """

    organisation: str
    acting_for: str
    purpose: Purpose
    action: Action
    scope: Scope
    denied: tuple[str, ...]
    allowed: tuple[str, ...]
    policies: tuple[str, ...]
    calls: int


def with_policy(governance: Governance, *, org: str, text: str) -> Governance:
    """Give the rules as they would be if a borough's policy were this text."""
    others = {each: policy for each, policy in governance.policies.items() if each != org}
    compiled = compile_policy(org, text)
    return replace(governance, policies=others | ({org: compiled} if compiled else {}))


def supposed(agreement: Agreement, *, supposition: Supposition | None) -> Agreement:
    """Give an agreement as it would be; where nothing is supposed an active one would end, any other be signed.

    A text that is not in force yet counts from the first, or none of the calls made before its first day would show
    what it does. Raises `IllegalTransitionError` for one that has ended: nobody can sign it.
    """
    if supposition is None:
        supposition = Supposition.ENDED if agreement.status is AgreementStatus.ACTIVE else Supposition.SIGNED
    if supposition is Supposition.ENDED:
        return replace(agreement, status=AgreementStatus.TERMINATED)
    if agreement.status in (AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED):
        return replace(agreement, status=AgreementStatus.ACTIVE)
    if agreement.status not in (AgreementStatus.DRAFT, AgreementStatus.PROPOSED):
        raise IllegalTransitionError(AgreementAction.SIGN, legal=())
    content = agreement.content.model_copy(update={"valid_from": date.min})
    return replace(agreement, status=AgreementStatus.ACTIVE, content=content)


def with_agreement(
    governance: Governance,
    agreement: Agreement,
    *,
    organisations: Mapping[str, OrganisationKind],
    barred_sources: Iterable[BarredSource],
) -> Governance:
    """Give the rules as they would be if an agreement stood like this, in place of every version of it."""
    alone = compile_governance(organisations, agreements=[agreement], barred_sources=barred_sources)
    replaced = agreement.agreement_id
    return replace(
        governance,
        received=_all_with(governance.received, alone.received, replaced=replaced),
        received_for=_all_with(governance.received_for, alone.received_for, replaced=replaced),
        referred=_all_with(governance.referred, alone.referred, replaced=replaced),
        linking=_with(governance.linking, alone.linking, replaced=replaced),
    )


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
        denied, allowed = _beyond(left, granted=told), _beyond(told, granted=left)
        if denied or allowed:
            forbidden: Mapping[Category, str] = new.forbidden.get(scope, {})
            yield Difference(
                organisation=caller.employing_org,
                acting_for=caller.org,
                purpose=call.purpose,
                action=call.action,
                scope=scope,
                denied=_rendered(denied),
                allowed=_rendered(allowed),
                policies=tuple(sorted({forbidden[category] for category in denied if category in forbidden})),
                calls=0,
            )


def _beyond(less: Mapping[Category, Form], *, granted: Mapping[Category, Form]) -> dict[Category, Form]:
    """Give what is granted of a scope that tells more than `less` does."""
    return {
        category: form
        for category, form in granted.items()
        if category not in less or fullest(less[category], form) is not less[category]
    }


def _rendered(cells: Mapping[Category, Form]) -> tuple[str, ...]:
    return tuple(render_cell(category, form) for category, form in sorted(cells.items()))


def _all_with(
    before: Mapping[K, Sequence[Clause]], new: Mapping[K, Sequence[Clause]], *, replaced: str
) -> dict[K, tuple[Clause, ...]]:
    found = {key: _with(before.get(key, ()), new.get(key, ()), replaced=replaced) for key in before.keys() | new.keys()}
    return {key: clauses for key, clauses in found.items() if clauses}


def _with(before: Sequence[Clause], new: Sequence[Clause], *, replaced: str) -> tuple[Clause, ...]:
    """Put the new clauses of an agreement in place of its old ones, where compiling everything would put them."""
    others = [clause for clause in before if _agreement_of(clause) != replaced]
    return tuple(sorted([*others, *new], key=_agreement_of))


def _agreement_of(clause: Clause) -> str:
    return clause.clause_id.partition("/")[0]
