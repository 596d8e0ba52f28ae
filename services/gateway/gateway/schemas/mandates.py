"""The wire of mandates and exclusions: who may act for an organisation, and who may not see whom."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from gateway.schemas.organisations import Subject
from shared.categories import Purpose, Role
from shared.wire import Day, Slug, Text, Wire

EntryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""The id that an organisation gives an entry; it is in paths, so it never says what the entry is about."""


class NewMandate(Wire):
    """Whose workers may act for the organisation, in which roles, for which purposes, from which day to which."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)

    to_org: Slug
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
    purposes: Annotated[list[Purpose], Field(min_length=1, max_length=len(Purpose))]
    first_day: Annotated[Day, Field(alias="from")]
    last_day: Annotated[Day, Field(alias="until")]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("until must not be before from")
        return self


class MandateView(NewMandate):
    """A mandate of an organisation."""

    org: Slug
    id: EntryId


class MandateList(Wire):
    """All mandates of an organisation."""

    items: list[MandateView]
    next: None = None


class NamedRecord(Wire):
    """A record of the organisation, by the name that its source has for it."""

    source: Slug
    local_id: Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class NewExclusion(Wire):
    """Which worker may not see whom, why, and when that is looked at again."""

    subject: Subject
    record: NamedRecord
    reason: Annotated[Text, StringConstraints(min_length=1, max_length=2000)]
    review_on: Day
    employer: Slug | None = None
    """Whose worker it is; the organisation's own if it is not given, another's if that one acts under a mandate."""


class ExclusionView(NewExclusion):
    """An exclusion that an organisation entered."""

    org: Slug
    id: EntryId


class ExclusionList(Wire):
    """All exclusions that an organisation entered, but for those of the reader."""

    items: list[ExclusionView]
    next: None = None
