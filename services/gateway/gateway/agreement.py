"""What an information-sharing agreement says, and the digest its parties sign.

In this room: the shape of an agreement's content, on the wire and in memory, and its digest. Not in this room: whether
that content may be proposed (`clauses`), who has signed or suspended it (`lifecycle`), what it grants (`governance`).
"""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from shared.categories import AREA_CLASS, Category, DataClass, Form, Purpose, Role
from shared.wire import Day

EVERY_ORDINARY_AREA = "*"
ORDINARY_AREAS = frozenset(area for area, data_class in AREA_CLASS.items() if data_class is DataClass.ORDINARY)


class AgreementType(StrEnum):
    """What kind of arrangement the parties make."""

    RECIPROCAL = "isp"
    ONE_WAY = "dda"
    JOINT_CONTROLLERS = "jca"


class PartyRole(StrEnum):
    """What a party is in data protection law."""

    CONTROLLER = "controller"
    JOINT_CONTROLLER = "joint-controller"
    PROCESSOR = "processor"
    RECIPIENT = "recipient"


class Trigger(StrEnum):
    """What sets a flow in motion: a call, an event, a referral, or a load and its linking."""

    REQUEST = "request"
    EVENT = "event"
    REFERRAL = "referral"
    BATCH = "batch"


class Cohort(StrEnum):
    """Which of the provider's people a flow is about."""

    ALL = "all"
    ADULTS = "adults"
    CHILDREN = "children"
    OPEN_CASE = "open-case"
    OPEN_REFERRAL = "open-referral"


def _known_area(value: str) -> str:
    if value != EVERY_ORDINARY_AREA and value not in AREA_CLASS:
        raise ValueError("must be one of the service areas, or * for every ordinary one")
    return value


# PostgreSQL stores no NUL, so no text may hold one.
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
OrganisationId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
FlowId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
AreaName = Annotated[str, AfterValidator(_known_area)]
Article6 = Literal["a", "b", "c", "d", "e", "ea", "f"]
Article9 = Literal["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
Paragraph = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}[A-Z]?(\([0-9a-z]{1,3}\)){0,3}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)


class Contacts(_Part):
    """Whom to reach at a party, by office."""

    dpo: Text | None = None
    caldicott_guardian: Text | None = None
    privacy_officer: Text | None = None


class Assurance(_Part):
    """A security scheme a party holds a certificate of."""

    scheme: Text
    valid_until: Day


class Party(_Part):
    """One organisation that signs."""

    org: OrganisationId
    role: PartyRole
    contacts: Contacts | None = None
    assurances: Annotated[tuple[Assurance, ...], Field(max_length=50)] = ()


class LegalPower(_Part):
    """The act and section that let an organisation do what it does."""

    act: Text
    section: Text


class RecipientBasis(_Part):
    """The recipient's own basis, where it differs from the provider's."""

    article6: Article6
    legal_power: LegalPower | None = None


class GrantedCategory(_Part):
    """A category a flow grants, and how much of it."""

    category: Category
    form: Form = Form.VALUE


class TrainingDemand(_Part):
    """A course that must have been completed, and for how many days it counts."""

    course: Text
    max_age_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 365


class CommitmentDemand(_Part):
    """A statement that must have been signed, in this version or a later one."""

    statement: Text
    version: Annotated[int, Field(strict=True, ge=1, le=10_000)]


class Flow(_Part):
    """A clause that grants: what goes from one organisation to another, for what, to whom and on what legal basis."""

    id: FlowId
    provider: Annotated[OrganisationId, Field(alias="from")]
    recipient: Annotated[OrganisationId, Field(alias="to")]
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=len(Purpose))]
    trigger: Trigger
    service_areas: Annotated[tuple[AreaName, ...], Field(min_length=1, max_length=1 + len(AREA_CLASS))]
    categories: Annotated[tuple[GrantedCategory, ...], Field(min_length=1, max_length=len(Category))]
    recipient_roles: Annotated[tuple[Role, ...], Field(max_length=len(Role))] = ()
    legal_power: LegalPower | None = None
    article6: Article6
    annex1: Text | None = None
    article9: Annotated[tuple[Article9, ...], Field(max_length=10)] = ()
    schedule1: Annotated[tuple[Paragraph, ...], Field(max_length=50)] = ()
    article10: StrictBool = False
    policy_document: Text | None = None
    dpa_part3: StrictBool = False
    recipient_basis: RecipientBasis | None = None
    training: TrainingDemand | None = None
    commitment: CommitmentDemand | None = None
    cohort: Cohort = Cohort.ALL


class Retention(_Part):
    """How long the recipient keeps what it was shown."""

    category: Category | None = None
    days: Count
    basis: Text | None = None


class Rights(_Part):
    """Who answers a subject access request, and how fast a correction travels."""

    sar_lead: OrganisationId | None = None
    propagation_hours: Count | None = None


class LogDeferral(_Part):
    """Why and until when the resident's log stays closed, and on whose word."""

    reason: Text
    until: Day
    authorised_by: Text


class Transparency(_Part):
    """What residents are told."""

    privacy_notice: Text | None = None
    resident_log: Literal["visible"] | LogDeferral = "visible"


class Dpia(_Part):
    """The data protection impact assessment behind the agreement."""

    ref: Text
    date: Day
    outcome: Text


class BreakGlass(_Part):
    """What emergency access the parties allow."""

    allowed: StrictBool
    reasons: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    roles: Annotated[tuple[Role, ...], Field(max_length=len(Role))] = ()
    max_minutes: Count = 60
    categories: Annotated[tuple[Category, ...], Field(max_length=len(Category))] = ()
    review_within_hours: Count = 72


class ExitTerms(_Part):
    """What happens when a party leaves."""

    notice_days: Count
    in_flight: Literal["complete", "freeze", "recall"]


class Money(_Part):
    """Who pays what, and who gains."""

    contribution: Text | None = None
    benefit_rule: Text | None = None


class AgreementContent(_Part):
    """Everything the parties sign. A default may be added with a field but never changed: digests leave it out."""

    title: Text
    type: AgreementType
    valid_from: Day
    valid_until: Day
    review_due: Day | None = None
    notice_days: Count | None = None
    parties: Annotated[tuple[Party, ...], Field(max_length=100)]
    flows: Annotated[tuple[Flow, ...], Field(max_length=500)]
    retention: Annotated[tuple[Retention, ...], Field(max_length=50)] = ()
    rights: Rights | None = None
    transparency: Transparency | None = None
    dpia: Dpia | None = None
    break_glass: BreakGlass | None = None
    exit: ExitTerms | None = None
    money: Money | None = None


def digest(content: AgreementContent) -> str:
    """Give the SHA-256, in hex, of the content as canonical JSON (RFC 8785).

    Fields at their default are left out: writing a default down or not is the same agreement, and a field added to the
    product later does not unmake the signatures of today. Names are ASCII and numbers integers, so sorting the names
    and dropping the white space is all that RFC 8785 asks.
    """
    told = content.model_dump(mode="json", exclude_defaults=True)
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def areas_of(flow: Flow) -> frozenset[str]:
    """Give the service areas a flow opens, `*` spelt out as every ordinary one."""
    named = frozenset(flow.service_areas) - {EVERY_ORDINARY_AREA}
    return named | ORDINARY_AREAS if EVERY_ORDINARY_AREA in flow.service_areas else named
