"""The wire of customer-index: records, loads, searches and the index's part of the single customer view.

Values of free text are taken as they come and doubted in `warnings[]`, so that one bad phone number does not lose a
customer; only types, dates and sizes are strict.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.categories import Category, Form
from shared.wire import Day, Moment, Slug, Text, Wire


def _nameable(local_id: str) -> str:
    if "/" in local_id or local_id in (".", ".."):
        raise ValueError("must not hold a slash, nor be . or .., for no path could name the record")
    return local_id


LocalId = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
NewLocalId = Annotated[LocalId, AfterValidator(_nameable)]
"""A local id that comes in a body; one that comes in a path is named by a path already."""
ShortText = Annotated[Text, StringConstraints(max_length=100)]
LongText = Annotated[Text, StringConstraints(max_length=300)]
GivenName = Annotated[Text, StringConstraints(max_length=35)]
Attribute = Literal[
    "given_names",
    "family_name",
    "previous_family_names",
    "known_as",
    "title",
    "date_of_birth",
    "date_of_death",
    "gender",
    "nhs_number",
    "national_insurance_number",
    "addresses",
    "phones",
    "emails",
    "preferred_channel",
    "preferred_language",
    "interpreter_required",
    "accessibility_needs",
    "relationships",
    "markers",
]


class Address(Wire):
    """Where somebody lives or lived; without `to` it is current."""

    lines: Annotated[list[LongText], Field(max_length=8)] = []
    town: ShortText | None = None
    postcode: ShortText | None = None
    uprn: ShortText | None = None
    from_: Annotated[Day | None, Field(alias="from")] = None
    to: Day | None = None
    use: ShortText | None = None


class Relationship(Wire):
    """A relation to another record of the same source; it waits for one that is not known yet."""

    kind: ShortText
    local_id: LocalId


class Marker(Wire):
    """A cautionary marker."""

    kind: ShortText
    from_: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    told_person: bool | None = None


class NewRecord(Wire):
    """What a source system says about one customer."""

    given_names: Annotated[list[GivenName], Field(max_length=5)] = []
    family_name: ShortText | None = None
    previous_family_names: Annotated[list[ShortText], Field(max_length=10)] = []
    known_as: ShortText | None = None
    title: ShortText | None = None
    date_of_birth: Day | None = None
    date_of_death: Day | None = None
    gender: ShortText | None = None
    nhs_number: ShortText | None = None
    national_insurance_number: ShortText | None = None
    addresses: Annotated[list[Address], Field(max_length=20)] = []
    phones: Annotated[list[ShortText], Field(max_length=10)] = []
    emails: Annotated[list[LongText], Field(max_length=10)] = []
    preferred_channel: ShortText | None = None
    preferred_language: ShortText | None = None
    interpreter_required: bool | None = None
    accessibility_needs: Annotated[list[ShortText], Field(max_length=20)] = []
    relationships: Annotated[list[Relationship], Field(max_length=50)] = []
    markers: Annotated[list[Marker], Field(max_length=50)] = []
    observed_at: Moment | None = None
    verification: dict[Attribute, Literal["unverified", "declared", "document", "authoritative"]] = {}
    """How well the source checked an attribute; `unverified` where it does not say."""


class LoadLine(NewRecord):
    """A line of an extract: a record with its local id."""

    local_id: NewLocalId


class Warned(Wire):
    """An optional value that was kept but is not used, and why."""

    pointer: str
    detail: str


class Asserted(Wire):
    """What became of an assertion; nothing in it depends on another owner's data."""

    record_id: UUID
    person_id: UUID
    outcome: Literal["created", "linked", "review", "updated", "unchanged"]
    warnings: list[Warned]


class RecordView(Wire):
    """A source record as its own organisation may see it: the fields of a record, as far as they are granted."""

    model_config = ConfigDict(frozen=True, extra="allow")

    record_id: UUID
    person_id: UUID
    source: str
    local_id: str
    version: int
    warnings: list[Warned]


class LoadAccepted(Wire):
    """A load that was taken over whole."""

    load_id: UUID
    status: Literal["queued", "running", "done", "failed"]


class LoadView(LoadAccepted):
    """How far a load has come: of the lines received, how many became what so far."""

    received: int
    created: int
    linked: int
    review: int
    updated: int
    unchanged: int
    rejected: int
    records_per_second: float | None
    started_at: datetime | None
    finished_at: datetime | None


class Reject(Wire):
    """A line that was refused, and why."""

    line: int
    local_id: str | None
    errors: list[Warned]


class NewSearch(Wire):
    """What is known of somebody."""

    given_names: Annotated[list[GivenName], Field(max_length=5)] = []
    family_name: ShortText | None = None
    date_of_birth: Day | None = None
    postcode: ShortText | None = None
    uprn: ShortText | None = None
    phone: ShortText | None = None
    email: LongText | None = None
    nhs_number: ShortText | None = None
    national_insurance_number: ShortText | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=50)] = 20


class Found(Wire):
    """A person who may be the one; the summary holds what is granted of it."""

    person_id: UUID
    owner: str
    weight: float
    probability: float
    summary: dict[str, Any]


class SearchResult(Wire):
    """The persons found, the likeliest first."""

    items: list[Found]


class Linked(Wire):
    """Another owner's person believed to be the same human being."""

    owner: str
    person_id: UUID
    link: Literal["automatic", "steward"]
    probability: float


class HouseholdMember(Wire):
    """Somebody of the household, with the period that is known."""

    person_id: UUID | None = None
    role: str
    from_: Annotated[date | None, Field(alias="from")] = None
    until: date | None = None


class Household(Wire):
    """Who lives or is related together, and by what that is known."""

    members: list[HouseholdMember]
    basis: list[Literal["address", "relationship"]]


class PersonView(Wire):
    """The index's part of the single customer view, as this call may see it."""

    person_id: UUID
    owner: str
    golden: dict[str, Any]
    records: list[dict[str, Any]]
    linked: list[Linked]
    household: Household | dict[str, bool] | None


class KnownPerson(Wire):
    """A person this call may know of: whom it lives on as, or who was merged into it."""

    person_id: UUID
    owner: str
    survivor: UUID | None
    formerly: list[UUID]


class DisclosedEntry(Wire):
    """A value that may be handed over, with the cell that lets it out and the form that cell grants."""

    field: str
    category: Category
    scope: str
    form: Form
    value: Any


class Disclosure(Wire):
    """All that may be handed over of a person."""

    entries: list[DisclosedEntry]


class NewAnchor(Wire):
    """A subject by the name its source has for it or by its person id; with `household`, who lives with it too."""

    source: Slug | None = None
    local_id: LocalId | None = None
    person_id: UUID | None = None
    household: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        named = (self.source is not None, self.local_id is not None, self.person_id is not None)
        if named not in ((True, True, False), (False, False, True)):
            raise ValueError("name either source and local_id, or person_id")
        return self


class AnchorView(Wire):
    """The record a subject was resolved to, the person it belongs to, and the persons of its household if asked for."""

    owner: str
    person_id: UUID
    record_id: UUID
    scope: str
    household: list[UUID]
