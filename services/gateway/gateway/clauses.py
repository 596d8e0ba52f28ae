"""Whether an agreement may be proposed: the checks the law asks for, and what is still missing.

In this room: pure checks of an agreement's content, each naming the place by JSON pointer and never quoting a value.
The law is UK GDPR and the Data Protection Act 2018, Schedule 1. Not in this room: the shape of the content
(`agreement`) and who signs it (`lifecycle`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from gateway.agreement import AgreementContent, AgreementType, BreakGlass, Cohort, Flow, LegalPower, Trigger, areas_of
from gateway.organisation import OrganisationKind
from shared.categories import AREA_CLASS, CATEGORY_CLASS, Category, DataClass, Role

Finding = tuple[str, str]
"""Where, as a JSON pointer, and what is wrong there."""

_PART_1: Final = frozenset(range(1, 5))
_PART_2: Final = frozenset(range(6, 29))
_PART_3: Final = frozenset(range(29, 38))
_SCHEDULE_1_PART: Final[Mapping[str, frozenset[int]]] = dict.fromkeys("bhij", _PART_1) | {"g": _PART_2}
"""The part of Schedule 1 in which a letter of Article 9 must find its condition (DPA 2018 s.10)."""

_POLICY_DOCUMENT_PARAGRAPHS: Final = frozenset({1, 35, 36, 37}) | _PART_2
"""The conditions of Schedule 1 that are met only with an appropriate policy document."""

_LONGEST_EMERGENCY: Final = 24 * 60
_LATEST_REVIEW: Final = 30 * 24
"""Minutes for which an emergency may open something, and hours within which it must be looked at."""

_CHILD_POWER: Final = re.compile(r"child|safeguarding|education|school", re.IGNORECASE)
"""An act that names children, safeguarding, education or schools in its title is a power to share a child's rows."""


def problems_of(content: AgreementContent, *, organisations: Mapping[str, OrganisationKind]) -> list[Finding]:
    """List what keeps an agreement from being proposed; nothing means that it may be."""
    return [*_whole_problems(content, organisations=organisations), *_flow_problems(content, organisations)]


def warnings_of(content: AgreementContent) -> list[Finding]:
    """List what production asks for and a single node only warns about, and clauses that grant less than they say."""
    missing = {
        "/dpia": ("a data protection impact assessment is required in production", content.dpia),
        "/retention": ("retention is required in production", content.retention),
        "/review_due": ("a review date is required in production", content.review_due),
    }
    findings = [(pointer, detail) for pointer, (detail, value) in missing.items() if not value]
    for index, flow in enumerate(content.flows):
        if flow.cohort is not Cohort.ALL:
            findings.append((f"/flows/{index}/cohort", "a flow about some people only grants nothing yet"))
        if flow.trigger is not Trigger.BATCH and Category.LINKAGE in _categories(flow):
            findings.append((f"/flows/{index}/trigger", "linkage is granted by flows with trigger batch only"))
    return findings


def names_condition(flow: Flow, row_class: DataClass) -> bool:
    """Tell whether a flow names the legal condition on which rows of a class may be shared."""
    paragraphs = {_paragraph_number(text) for text in flow.schedule1}
    match row_class:
        case DataClass.ORDINARY:
            return True
        case DataClass.SPECIAL:
            parts = (_SCHEDULE_1_PART.get(letter) for letter in flow.article9)
            return bool(flow.article9) and all(part is None or paragraphs & part for part in parts)
        case DataClass.CRIMINAL:
            return flow.article10 and bool(paragraphs & (_PART_1 | _PART_2 | _PART_3))
        case DataClass.CHILD:
            return flow.legal_power is not None and _CHILD_POWER.search(flow.legal_power.act) is not None


def _whole_problems(content: AgreementContent, *, organisations: Mapping[str, OrganisationKind]) -> Iterator[Finding]:
    if content.valid_until < content.valid_from:
        yield "/valid_until", "must not be before valid_from"
    if len({party.org for party in content.parties}) < 2:
        yield "/parties", "an agreement has at least two parties"
    for index in _repeated(party.org for party in content.parties):
        yield f"/parties/{index}/org", "is a party already"
    for index, party in enumerate(content.parties):
        if party.org not in organisations:
            yield f"/parties/{index}/org", "is not a registered organisation"
    if not content.flows:
        yield "/flows", "an agreement has at least one flow"
    for index in _repeated(flow.id for flow in content.flows):
        yield f"/flows/{index}/id", "is the id of an earlier flow"
    if content.type is AgreementType.ONE_WAY:
        reading = {(flow.provider, flow.recipient) for flow in content.flows if _tells_more_than_linkage(flow)}
        for index, flow in enumerate(content.flows):
            if _tells_more_than_linkage(flow) and (flow.recipient, flow.provider) in reading:
                yield f"/flows/{index}", "an agreement of type dda goes one way in all but linkage"
    if content.break_glass is not None and content.break_glass.allowed:
        yield from _emergency_problems(content.break_glass)


def _emergency_problems(terms: BreakGlass) -> Iterator[Finding]:
    """Say what keeps terms that allow emergency access from opening anything, or from ending."""
    for name in ("reasons", "roles", "categories"):
        if not getattr(terms, name):
            yield f"/break_glass/{name}", "is required where emergency access is allowed"
    for index, reason in enumerate(terms.reasons):
        if ";" in reason:
            yield f"/break_glass/reasons/{index}", "must not hold a semicolon, which ends a reason when it is given"
    for name, most in (("max_minutes", _LONGEST_EMERGENCY), ("review_within_hours", _LATEST_REVIEW)):
        if not 1 <= getattr(terms, name) <= most:
            yield f"/break_glass/{name}", f"must be from 1 to {most}"


def _flow_problems(content: AgreementContent, organisations: Mapping[str, OrganisationKind]) -> Iterator[Finding]:
    parties = {party.org for party in content.parties}
    for index, flow in enumerate(content.flows):
        for where, detail in (
            *_end_problems(flow, parties=parties, organisations=organisations),
            *_grant_problems(flow),
            *_basis_problems(flow, organisations=organisations),
            *_class_problems(flow),
        ):
            yield f"/flows/{index}{where}", detail


def _end_problems(flow: Flow, *, parties: set[str], organisations: Mapping[str, OrganisationKind]) -> Iterator[Finding]:
    if flow.provider == flow.recipient:
        yield "/to", "must be another organisation than from"
    for where, org in (("/from", flow.provider), ("/to", flow.recipient)):
        if org not in parties:
            yield where, "is not a party to the agreement"
        if org not in organisations:
            yield where, "is not a registered organisation"
        if organisations.get(org) is OrganisationKind.OPERATOR:
            yield where, "the operator of the platform neither provides nor receives personal data"


def _grant_problems(flow: Flow) -> Iterator[Finding]:
    for name, values in (("purposes", flow.purposes), ("service_areas", flow.service_areas)):
        for index in _repeated(values):
            yield f"/{name}/{index}", "is listed twice"
    for index in _repeated(granted.category for granted in flow.categories):
        yield f"/categories/{index}/category", "is listed twice"
    if _tells_more_than_linkage(flow) and not flow.recipient_roles:
        yield "/recipient_roles", "is required for every category but linkage"
    for index, role in enumerate(flow.recipient_roles):
        if role is Role.OPERATOR:
            yield f"/recipient_roles/{index}", "the operator of the platform sees no personal data"


def _basis_problems(flow: Flow, *, organisations: Mapping[str, OrganisationKind]) -> Iterator[Finding]:
    if (flow.annex1 is not None) != (flow.article6 == "ea"):
        yield "/annex1", "is given if, and only if, article6 is ea"
    if "a" in (flow.article6, *flow.article9) and flow.trigger is not Trigger.REFERRAL:
        yield "/trigger", "consent is recorded with a referral only, so no other flow may rest on it"
    yield from _one_basis("", flow.article6, flow.legal_power, kind=organisations.get(flow.provider))
    recipient_kind = organisations.get(flow.recipient)
    if flow.recipient_basis is not None:
        basis = flow.recipient_basis
        yield from _one_basis("/recipient_basis", basis.article6, basis.legal_power, kind=recipient_kind)
    elif flow.article6 in ("ea", "f") and recipient_kind is OrganisationKind.BOROUGH:
        yield "/recipient_basis", "a borough may not rest its own tasks on ea or f"


def _one_basis(
    where: str, article6: str, legal_power: LegalPower | None, *, kind: OrganisationKind | None
) -> Iterator[Finding]:
    if article6 in ("c", "e") and legal_power is None:
        yield f"{where}/legal_power", "article6 c and e need a legal power"
    if article6 in ("ea", "f") and kind is OrganisationKind.BOROUGH:
        yield f"{where}/article6", "a borough may not rest its own tasks on ea or f"


def _class_problems(flow: Flow) -> Iterator[Finding]:
    classes = {AREA_CLASS[area] for area in areas_of(flow)}
    classes |= {CATEGORY_CLASS[category] for category in _categories(flow) if category in CATEGORY_CLASS}
    paragraphs = {_paragraph_number(text) for text in flow.schedule1}
    for index, text in enumerate(flow.schedule1):
        if _paragraph_number(text) not in _PART_1 | _PART_2 | _PART_3:
            yield f"/schedule1/{index}", "is not a condition of DPA 2018 Schedule 1"
    if DataClass.SPECIAL in classes and not flow.article9:
        yield "/article9", "special category data needs a condition of Article 9"
    for index, letter in enumerate(flow.article9):
        part = _SCHEDULE_1_PART.get(letter)
        if part is not None and not paragraphs & part:
            number = 2 if letter == "g" else 1
            yield f"/article9/{index}", f"this condition needs one of DPA 2018 Schedule 1 Part {number} in schedule1"
    if DataClass.CRIMINAL in classes:
        if not flow.article10:
            yield "/article10", "criminal offence data needs article10"
        if not paragraphs & (_PART_1 | _PART_2 | _PART_3):
            yield "/schedule1", "criminal offence data needs a condition of DPA 2018 Schedule 1"
    if paragraphs & _POLICY_DOCUMENT_PARAGRAPHS and flow.policy_document is None:
        yield "/policy_document", "a condition in schedule1 is met only with an appropriate policy document"
    if DataClass.CHILD in classes and not names_condition(flow, DataClass.CHILD):
        yield "/legal_power", "a child's rows need a named safeguarding or education power"


def _categories(flow: Flow) -> frozenset[Category]:
    return frozenset(granted.category for granted in flow.categories)


def _tells_more_than_linkage(flow: Flow) -> bool:
    return bool(_categories(flow) - {Category.LINKAGE})


def _paragraph_number(text: str) -> int:
    """Give the number of a paragraph such as `18(1)(a)`."""
    digits = re.match(r"\d+", text)
    return int(digits.group()) if digits else 0


def _repeated(values: Iterable[str]) -> Sequence[int]:
    """List the places of values that stood earlier in the list."""
    seen: set[str] = set()
    places = []
    for index, value in enumerate(values):
        if value in seen:
            places.append(index)
        seen.add(value)
    return places
