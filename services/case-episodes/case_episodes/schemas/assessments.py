"""The wire of assessments and their reuse."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from case_episodes.assessment import AssessmentStatus, ReuseDecision
from case_episodes.schemas.common import AboutSomebody, Code, ShortText, Words
from shared.wire import Day, Wire

_MOST: Final = 10**15


def _a_value(value: object) -> object:
    if isinstance(value, str) and value.isprintable() and 1 <= len(value) <= 200:
        return value
    if isinstance(value, (bool, int, float)) and -_MOST <= value <= _MOST:
        return value
    raise ValueError("must be a text of at most 200 printable characters, a number, true or false")


Value = Annotated[
    str | int | float | bool,
    PlainValidator(_a_value),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"type": "number"}, {"type": "boolean"}]}
    ),
]


class Fact(Wire):
    """Something established about somebody, as a value or a band, and while it holds."""

    attribute: ShortText
    value: Value | None = None
    band: ShortText | None = None
    evidence: ShortText | None = None
    verified_by: ShortText | None = None
    valid_from: Day | None = None
    valid_until: Day | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.value is None) == (self.band is None):
            raise ValueError("give either value or band")
        return self


class NewAssessment(AboutSomebody):
    """Facts and perhaps an outcome, for a service."""

    lgsl: Code
    facts: Annotated[list[Fact], Field(min_length=1, max_length=100)]
    outcome: Words | None = None
    status: Literal["draft", "evidence-requested", "eligible", "not-eligible"] = "draft"


class AssessmentTransition(Wire):
    """Where an assessment is to go; an outcome that is given replaces the one before."""

    to: AssessmentStatus
    reason: Words | None = None
    outcome: Words | None = None


class AssessmentView(Wire):
    """An assessment, as this call may see it."""

    assessment_id: UUID
    owner: str
    service_area: str
    person_id: UUID | None
    lgsl: int
    facts: list[Fact]
    outcome: str | None
    status: AssessmentStatus
    status_reason: str | None
    assessed_by: str
    assessed_at: datetime
    changed_at: datetime


class NewReuse(Wire):
    """What another service makes of an assessment."""

    decision: ReuseDecision
    reason: Words | None = None
    for_lgsl: Code


class ReuseView(Wire):
    """What was made of an assessment, and how many facts need not be asked again."""

    reuse_id: UUID
    assessment_id: UUID
    decision: ReuseDecision
    reason: str | None
    for_lgsl: int
    re_asks_avoided: int
