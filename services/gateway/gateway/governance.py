"""The agreements between organisations and the policies of boroughs, compiled for asking.

In this room: the clauses that grant, each with its cells spelt out and its conditions, indexed by who receives and for
which purpose, and the boroughs' own policies. Not in this room: whether a caller meets the conditions (`standing`),
what a policy forbids (`narrowing`) and the decision (`policy`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from gateway.agreement import (
    AgreementContent,
    Cohort,
    CommitmentDemand,
    Flow,
    TrainingDemand,
    Trigger,
    areas_of,
)
from gateway.borough_policy import Forbids, compile_policy
from gateway.clauses import names_condition
from gateway.lifecycle import AgreementStatus
from gateway.organisation import OrganisationKind
from shared.categories import (
    CATEGORY_CLASS,
    STRICTER_ROWS,
    Category,
    DataClass,
    Form,
    Purpose,
    Role,
    Scope,
    row_scope,
    scope_of,
    split_scope,
)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One version of an agreement and where it stands."""

    agreement_id: str
    version: int
    status: AgreementStatus
    content: AgreementContent


@dataclass(frozen=True, kw_only=True)
class BarredSource:
    """A source whose rows a statute keeps from being linked or shared, but for a clause that cites the statute."""

    owner: str
    service_area: str
    statute: str


@dataclass(frozen=True, kw_only=True)
class EmergencyTerms:
    """What an agreement opens in an emergency, in the scopes of one of its clauses: to whom, why, what and how long.

    A category of a class of its own is opened only where the flow names the legal condition of that class.
    """

    agreement_id: str
    reasons: frozenset[str]
    roles: frozenset[Role]
    categories: frozenset[Category]
    max_minutes: int
    review_within_hours: int


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One flow of an agreement, spelt out: what it opens and on which conditions.

    Rows stricter than their area are opened only where the flow names the area and the legal condition of their class.
    `linked` are the areas whose persons it lets compare; `cells` what it shows, save in scopes a statute has barred.
    """

    clause_id: str
    provider: str
    recipient: str
    status: AgreementStatus
    valid_from: date
    valid_until: date
    purposes: frozenset[Purpose]
    recipient_roles: frozenset[Role]
    training: TrainingDemand | None
    commitment: CommitmentDemand | None
    cohort: Cohort
    needs_consent: bool
    cells: Mapping[Scope, Mapping[Category, Form]]
    barred: frozenset[Scope]
    linked: frozenset[str]
    emergency: EmergencyTerms | None = None


@dataclass(frozen=True, kw_only=True)
class Governance:
    """All that decisions are made from. `owners` are the boroughs, in order: only they own areas."""

    owners: tuple[str, ...]
    received: Mapping[str, tuple[Clause, ...]]
    received_for: Mapping[tuple[str, Purpose], tuple[Clause, ...]]
    referred: Mapping[str, tuple[Clause, ...]]
    """The clauses under which people are referred, by who receives them."""
    linking: tuple[Clause, ...]
    policies: Mapping[str, tuple[Forbids, ...]] = field(default_factory=dict)
    """What each borough forbids; those that forbid nothing are not among them."""


_KNOWN_TO_THE_PARTIES: Final = frozenset({AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED, AgreementStatus.EXPIRED})
"""Only an active agreement grants; one that was active may explain why it no longer does."""


def compile_governance(
    organisations: Mapping[str, OrganisationKind],
    *,
    agreements: Iterable[Agreement],
    barred_sources: Iterable[BarredSource] = (),
    policy_texts: Mapping[str, str] | None = None,
) -> Governance:
    """Compile everything that decisions are made from, once for each change of it.

    `policy_texts` are the policies in force, by borough.
    """
    statutes: dict[Scope, set[str]] = defaultdict(set)
    for source in barred_sources:
        statutes[scope_of(source.owner, source.service_area)].add(_cited(source.statute))
    received: dict[str, list[Clause]] = defaultdict(list)
    received_for: dict[tuple[str, Purpose], list[Clause]] = defaultdict(list)
    referred: dict[str, list[Clause]] = defaultdict(list)
    linking: list[Clause] = []
    for agreement in sorted(agreements, key=lambda each: (each.agreement_id, each.version)):
        if agreement.status not in _KNOWN_TO_THE_PARTIES:
            continue
        for flow in agreement.content.flows:
            if not _joins_a_borough_to_another(flow, organisations=organisations):
                continue
            clause = _compile(flow, agreement=agreement, statutes=statutes)
            if flow.trigger is Trigger.BATCH:
                linking.append(clause)
            elif flow.trigger is Trigger.REFERRAL:
                referred[flow.recipient].append(clause)
            elif flow.trigger is Trigger.REQUEST:
                received[flow.recipient].append(clause)
                for purpose in clause.purposes:
                    received_for[flow.recipient, purpose].append(clause)
    return Governance(
        owners=tuple(sorted(org for org, kind in organisations.items() if kind is OrganisationKind.BOROUGH)),
        received={org: tuple(clauses) for org, clauses in received.items()},
        received_for={key: tuple(clauses) for key, clauses in received_for.items()},
        referred={org: tuple(clauses) for org, clauses in referred.items()},
        linking=tuple(linking),
        policies={
            org: policy
            for org, text in sorted((policy_texts or {}).items())
            if organisations.get(org) is OrganisationKind.BOROUGH and (policy := compile_policy(org, text))
        },
    )


def _joins_a_borough_to_another(flow: Flow, *, organisations: Mapping[str, OrganisationKind]) -> bool:
    return (
        flow.provider != flow.recipient
        and organisations.get(flow.provider) is OrganisationKind.BOROUGH
        and organisations.get(flow.recipient) in (OrganisationKind.BOROUGH, OrganisationKind.PARTNER)
    )


def _compile(flow: Flow, *, agreement: Agreement, statutes: Mapping[Scope, set[str]]) -> Clause:
    shown: dict[Category, Form] = {
        each.category: each.form for each in flow.categories if each.category is not Category.LINKAGE
    }
    links = any(each.category is Category.LINKAGE for each in flow.categories)
    cited = set() if flow.legal_power is None else {_cited(flow.legal_power.act)}
    scopes = [scope_of(flow.provider, area) for area in sorted(areas_of(flow))]
    scopes += [
        row_scope(flow.provider, area, row_class)
        for area, row_class in STRICTER_ROWS.items()
        if area in flow.service_areas and names_condition(flow, row_class)
    ]
    barred = frozenset(scope for scope in scopes if not statutes.get(scope_of(*split_scope(scope)), set()) <= cited)
    return Clause(
        clause_id=f"{agreement.agreement_id}/{flow.id}",
        provider=flow.provider,
        recipient=flow.recipient,
        status=agreement.status,
        valid_from=agreement.content.valid_from,
        valid_until=agreement.content.valid_until,
        purposes=frozenset(flow.purposes),
        recipient_roles=frozenset(flow.recipient_roles) - {Role.OPERATOR},
        training=flow.training,
        commitment=flow.commitment,
        cohort=flow.cohort,
        needs_consent="a" in (flow.article6, *flow.article9),
        cells=dict.fromkeys(scopes, shown),
        barred=barred,
        linked=frozenset(split_scope(scope)[1] for scope in scopes if links and scope not in barred),
        emergency=_emergency(flow, agreement=agreement),
    )


def _emergency(flow: Flow, *, agreement: Agreement) -> EmergencyTerms | None:
    terms = agreement.content.break_glass
    if terms is None or not terms.allowed:
        return None
    return EmergencyTerms(
        agreement_id=agreement.agreement_id,
        reasons=frozenset(terms.reasons),
        roles=frozenset(terms.roles) - {Role.OPERATOR},
        categories=frozenset(
            category
            for category in terms.categories
            if category is not Category.LINKAGE
            and names_condition(flow, CATEGORY_CLASS.get(category, DataClass.ORDINARY))
        ),
        max_minutes=terms.max_minutes,
        review_within_hours=terms.review_within_hours,
    )


def _cited(act: str) -> str:
    """Give an act's title as it is compared: case and spacing do not matter."""
    return " ".join(act.casefold().split())
