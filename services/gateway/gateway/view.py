"""The single customer view, put together from what the inner services answered.

In this room: pure composition, what was withheld and why, and what could not be served. Not in this room: the calls
(`api.people`) and what a service discloses.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from gateway.explain import Denial
from gateway.schemas.people import PersonView, Section, SectionUnavailable, Withheld
from shared.categories import Category, Purpose, Scope, scope_of

_OF_OTHERS = ("contacts", "episodes", "cases", "assessments", "referrals")
_NEVER_LISTED = frozenset({Category.EXISTENCE, Category.LINKAGE})


def other_scopes(records: Iterable[Mapping[str, Any]], *, org: str) -> list[Scope]:
    """List the scopes of other owners that a person's records are shown from, in order."""
    return sorted({scope_of(record["owner"], record["service_area"]) for record in records if record["owner"] != org})


def withheld(denials: Iterable[Denial]) -> list[Withheld]:
    """Gather what was not granted in some scopes by owner, area, reason and clause."""
    gathered: dict[tuple[str, str, str, str | None], list[Category]] = defaultdict(list)
    for denial in denials:
        if denial.category not in _NEVER_LISTED:
            why = (denial.provider, denial.service_area, denial.reason.value, denial.clause)
            gathered[why].append(denial.category)
    return [
        Withheld(owner=owner, service_area=area, categories=sorted(categories), reason=reason, clause=clause)
        for (owner, area, reason, clause), categories in gathered.items()
    ]


def compose(
    person: Mapping[str, Any],
    *,
    as_seen_by: str,
    purpose: Purpose,
    decision_id: UUID,
    kept_back: Sequence[Withheld],
    clauses: Sequence[str],
    sections: Mapping[str, Sequence[Mapping[str, Any]]],
    unavailable: Mapping[Section, str],
) -> PersonView:
    """Put a view together from customer-index's part of it and the other services' `sections`, by their names in it;
    `unavailable` gives the reason for each that is missing."""
    return PersonView(
        person_id=person["person_id"],
        owner=person["owner"],
        as_seen_by=as_seen_by,
        purpose=purpose,
        decision_id=decision_id,
        golden=person["golden"],
        records=person["records"],
        linked=person["linked"],
        household=person.get("household"),
        **{name: [dict(item) for item in sections.get(name, ())] for name in _OF_OTHERS},
        withheld=list(kept_back),
        clauses=list(clauses),
        unavailable=[SectionUnavailable(section=section, reason=reason) for section, reason in unavailable.items()],
    )
