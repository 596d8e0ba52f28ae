"""Assessments: facts and an outcome established once, and what reusing them saves. Pure.

In this room: an assessment's statuses, which follow which, and the rules of reuse. Not in this room: eligibility, whose
criteria differ from borough to borough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from case_episodes.problems import NotReusable
from shared.problems import FieldError, InvalidRequest


class AssessmentStatus(StrEnum):
    """Where an assessment stands."""

    DRAFT = "draft"
    EVIDENCE_REQUESTED = "evidence-requested"
    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not-eligible"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    OVERTURNED = "overturned"


class ReuseDecision(StrEnum):
    """What another service makes of an assessment."""

    ACCEPTED = "accepted"
    TOPPED_UP = "topped-up"
    REJECTED = "rejected"


SET_ASIDE: Final = frozenset(
    {
        AssessmentStatus.SUPERSEDED,
        AssessmentStatus.EXPIRED,
        AssessmentStatus.WITHDRAWN,
        AssessmentStatus.OVERTURNED,
    }
)
"""Statuses in which nobody relies on an assessment any more."""

_DECIDED: Final = frozenset({AssessmentStatus.ELIGIBLE, AssessmentStatus.NOT_ELIGIBLE})

LEGAL: Final[Mapping[AssessmentStatus, frozenset[AssessmentStatus]]] = {
    AssessmentStatus.DRAFT: _DECIDED | {AssessmentStatus.EVIDENCE_REQUESTED, AssessmentStatus.WITHDRAWN},
    AssessmentStatus.EVIDENCE_REQUESTED: _DECIDED | {AssessmentStatus.WITHDRAWN},
    **dict.fromkeys(_DECIDED, SET_ASIDE),
    **dict.fromkeys(SET_ASIDE, frozenset[AssessmentStatus]()),
}
"""What may follow each status."""


@dataclass(frozen=True, slots=True)
class Period:
    """When a fact holds; an end that is None is open, and both days count."""

    valid_from: date | None
    valid_until: date | None

    def holds(self, on: date) -> bool:
        """Tell whether the fact holds on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (
            self.valid_until is None or on <= self.valid_until
        )


def require_periods(facts: Sequence[Period]) -> None:
    """Raise `InvalidRequest` naming each fact that would end before it begins."""
    errors = [
        FieldError(f"/facts/{number}/valid_until", "must not be before valid_from")
        for number, fact in enumerate(facts)
        if fact.valid_from is not None and fact.valid_until is not None and fact.valid_until < fact.valid_from
    ]
    if errors:
        raise InvalidRequest("Some fields are not valid.", errors=errors)


def re_asks_avoided(
    status: AssessmentStatus,
    *,
    decision: ReuseDecision,
    reason: str | None,
    facts: Sequence[Period],
    on: date,
) -> int:
    """Count the facts that reusing an assessment saves somebody from being asked again.

    Facts are reusable apart from the outcome, so an assessment need not be decided; one that was set aside is not
    reusable, and it is accepted whole only while all its facts hold: else `NotReusable`. A rejection needs a reason.
    """
    if decision is ReuseDecision.REJECTED:
        if reason is None:
            raise InvalidRequest(
                "Some fields are not valid.", errors=[FieldError("/reason", "is required to reject an assessment")]
            )
        return 0
    if status in SET_ASIDE:
        raise NotReusable("It was set aside.")
    holding = sum(fact.holds(on) for fact in facts)
    if decision is ReuseDecision.ACCEPTED and holding < len(facts):
        raise NotReusable("Some of its facts are out of date, so it can only be topped up.")
    return holding
