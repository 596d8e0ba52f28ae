"""The wire of the directory, in the shapes of Open Referral UK 3.0 and with what those lack.

What a service is entered with (`NewService`) is what the directory answers (`ServiceView`), completed with ids. `org`,
`capacity`, `expected_response`, `accepted_categories` and `stale` are ours.
"""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.categories import Category
from shared.wire import Day, Name, Text, Wire

T = TypeVar("T")

Long = Annotated[Text, StringConstraints(max_length=5000)]
Short = Annotated[Text, StringConstraints(max_length=300)]
Number = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Age = Annotated[int, Field(ge=0, le=150)]
Hours = Annotated[int, Field(ge=1, le=24 * 366)]
ServiceStatus = Literal["active", "inactive", "defunct", "temporarily closed"]
ServiceId = Annotated[UUID, Field(description="the id its organisation gave the service")]


class Phone(Wire):
    """A number on which a service is reached."""

    number: Short
    extension: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    type: Short | None = None
    description: Short | None = None


class Language(Wire):
    """A language in which a service is given."""

    name: Short | None = None
    code: Short | None = None
    note: Short | None = None


class Schedule(Wire):
    """When a service is open, in the words of iCalendar."""

    valid_from: Day | None = None
    valid_to: Day | None = None
    dtstart: Day | None = None
    freq: Literal["WEEKLY", "MONTHLY"] | None = None
    interval: Annotated[int, Field(ge=1, le=100)] | None = None
    byday: Short | None = None
    bymonthday: Short | None = None
    opens_at: Short | None = None
    closes_at: Short | None = None
    description: Long | None = None


class ServiceArea(Wire):
    """Where those live whom a service helps."""

    name: Short | None = None
    description: Long | None = None
    extent: Short | None = None
    extent_type: Short | None = None


class Address(Wire):
    """Where a location is."""

    address_1: Short
    address_2: Short | None = None
    city: Short
    region: Short | None = None
    state_province: Short
    postal_code: Short
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "GB"
    address_type: Literal["physical", "postal", "virtual"] = "physical"


class Location(Wire):
    """A place where a service is given."""

    location_type: Literal["physical", "postal", "virtual"] = "physical"
    name: Short | None = None
    description: Long | None = None
    transportation: Short | None = None
    latitude: Number | None = None
    longitude: Number | None = None
    addresses: Annotated[list[Address], Field(max_length=5)] = []


class NewServiceAtLocation(Wire):
    """A place where a service is given, and what is special about it there."""

    description: Long | None = None
    location: Location


class Capacity(Wire):
    """How many more people a service can take now."""

    available: Annotated[int, Field(ge=0, le=1_000_000)]
    maximum: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    description: Short | None = None


class ExpectedResponse(Wire):
    """How fast a service answers a referral, in hours from its authorisation."""

    receive_hours: Hours = 24
    accept_hours: Hours = 72
    complete_hours: Hours | None = 24 * 28


class NewService(Wire):
    """A service as its organisation enters it in the directory."""

    name: Name
    alternate_name: Short | None = None
    description: Long | None = None
    url: Short | None = None
    email: Short | None = None
    status: ServiceStatus = "active"
    interpretation_services: Short | None = None
    application_process: Long | None = None
    fees_description: Long | None = None
    wait_time: Short | None = None
    accreditations: Long | None = None
    eligibility_description: Long | None = None
    minimum_age: Age | None = None
    maximum_age: Age | None = None
    assured_date: Day | None = None
    assurer_email: Short | None = None
    licenses: Short | None = None
    alert: Long | None = None
    phones: Annotated[list[Phone], Field(max_length=20)] = []
    languages: Annotated[list[Language], Field(max_length=100)] = []
    schedules: Annotated[list[Schedule], Field(max_length=50)] = []
    service_areas: Annotated[list[ServiceArea], Field(max_length=100)] = []
    service_at_locations: Annotated[list[NewServiceAtLocation], Field(max_length=50)] = []
    taxonomy_terms: Annotated[list[Short], Field(max_length=30)] = []
    """Codes of `GET /v1/taxonomy_terms`."""
    capacity: Capacity | None = None
    expected_response: ExpectedResponse = ExpectedResponse()
    accepted_categories: Annotated[list[Category], Field(max_length=len(Category))] | None = None
    """Categories of data the service takes with a referral; all that may be disclosed if absent."""


class OrganizationView(Wire):
    """Who offers a service."""

    id: UUID
    name: str


class TaxonomyView(Wire):
    """A list of codes."""

    id: UUID
    name: str
    description: str
    uri: str | None = None
    version: str


class TaxonomyTermView(Wire):
    """A code of a list."""

    id: UUID
    code: str
    name: str
    description: str
    taxonomy: str
    taxonomy_detail: TaxonomyView
    language: str = "en"


class AttributeView(Wire):
    """A code that was given to a service."""

    id: UUID
    link_id: UUID
    link_entity: Literal["service"] = "service"
    taxonomy_term: TaxonomyTermView


class LocationView(Location):
    """A place, with its id."""

    id: UUID


class ServiceAtLocationView(Wire):
    """A service at a place."""

    id: UUID
    service_id: UUID
    description: str | None
    location: LocationView


class ServiceView(NewService):
    """A service as the directory gives it."""

    id: UUID
    org: str
    """The organisation's id on this platform."""
    organization: OrganizationView
    last_modified: datetime
    stale: bool
    """Whether nobody has assured the entry for a year."""
    service_at_locations: list[ServiceAtLocationView]  # type: ignore[assignment]  # the same places, with ids
    attributes: list[AttributeView]


class DirectoryPage(Wire, Generic[T]):
    """A page of the directory, in the shape of Open Referral UK."""

    total_items: int
    total_pages: int
    page_number: int
    size: int
    first_page: bool
    last_page: bool
    empty: bool
    contents: list[T]
