"""The wire of organisations, their identity providers, source systems and staff."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import to_json

from gateway.organisation import OrganisationKind
from shared.categories import AREA_CLASS, Role
from shared.identity import ALGORITHMS, may_fetch_keys_from, usable_keys
from shared.wire import Day, Name, Slug, Text, Wire


def _known_area(area: str) -> str:
    if area not in AREA_CLASS:
        raise ValueError("must be one of the service areas")
    return area


def _known_algorithm(algorithm: str) -> str:
    if algorithm not in ALGORITHMS:
        raise ValueError("must be an asymmetric signature algorithm")
    return algorithm


def _fetchable(uri: str) -> str:
    if not may_fetch_keys_from(uri):
        raise ValueError("must be an https address")
    return uri


def _of_public_keys(jwks: dict[str, Any]) -> dict[str, Any]:
    usable_keys(to_json(jwks).decode())
    if any(not isinstance(key, dict) or {"d", "k"} & key.keys() for key in jwks["keys"]):
        raise ValueError("must hold public keys only")
    return jwks


ServiceArea = Annotated[str, AfterValidator(_known_area)]
Subject = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Version = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class NewOrganisation(Wire):
    """An organisation as its operator describes it."""

    name: Name
    kind: OrganisationKind
    gss: Annotated[str, StringConstraints(pattern=r"^E[0-9]{8}$")] | None = None


class OrganisationView(NewOrganisation):
    """An organisation."""

    org: Slug


class OrganisationList(Wire):
    """All organisations."""

    items: list[OrganisationView]
    next: None = None


class NewIdentityProvider(Wire):
    """Who vouches for an organisation's workers: its issuer, and its keys or where they are published."""

    issuer: Annotated[Text, StringConstraints(min_length=1, max_length=500)]
    jwks: Annotated[dict[str, Any], AfterValidator(_of_public_keys)] | None = None
    jwks_uri: Annotated[Text, StringConstraints(max_length=500), AfterValidator(_fetchable)] | None = None
    algorithms: Annotated[list[Annotated[str, AfterValidator(_known_algorithm)]], Field(min_length=1, max_length=12)]
    audience: Annotated[Text, StringConstraints(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _one_place_of_keys(self) -> Self:
        if (self.jwks is None) == (self.jwks_uri is None):
            raise ValueError("exactly one of jwks and jwks_uri is needed")
        return self


class IdentityProviderView(NewIdentityProvider):
    """An identity provider of an organisation."""

    org: Slug
    name: Slug


class NewSource(Wire):
    """A source system as its borough registers it."""

    service_area: ServiceArea
    trust: Annotated[int, Field(strict=True, ge=0, le=100)] = 50
    """Which of two sources is believed first, where nothing else decides."""
    linkage: Literal["own", "shared"] = "shared"
    """`own` keeps its persons from being compared with those of other owners."""
    statutory_bar: Name | None = None
    """The act that keeps its rows from being linked or shared."""


class SourceView(NewSource):
    """A source system of a borough."""

    org: Slug
    source: Slug


class SourceList(Wire):
    """All source systems of a borough."""

    items: list[SourceView]
    next: None = None


class Training(Wire):
    """A course and the day it was completed."""

    course: Name
    completed_on: Day


class Commitment(Wire):
    """A statement in one version and the day it was signed."""

    statement: Name
    version: Version
    signed_on: Day


class NewStaff(Wire):
    """What an organisation's staff register says of one subject."""

    roles: Annotated[list[Role], Field(max_length=len(Role))]
    training: Annotated[list[Training], Field(max_length=100)] = []
    commitments: Annotated[list[Commitment], Field(max_length=100)] = []


class StaffView(NewStaff):
    """A subject of an organisation's staff register."""

    org: Slug
    subject: Subject
