"""The vocabulary of disclosure, and `disclose()`, the one place where fields leave a service.

In this room: service areas, categories, classes, forms, roles, purposes, scopes, grants and the allow-list that applies
them to a row's fields. Not in this room: who is granted what (the gateway's policy) and which field belongs to which
category (each service says that of its own fields).
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NewType

Scope = NewType("Scope", str)
"""`owner/service-area`, for example `lbhf/housing`: the grain at which rows are shared or withheld.

A row stricter than its area is of a scope of its own that names the class too, for example `lbhf/education:child`.
"""


class Category(StrEnum):
    """The grain at which fields are shared or withheld."""

    EXISTENCE = "existence"
    IDENTITY = "identity"
    IDENTIFIERS = "identifiers"
    CONTACT_DETAILS = "contact_details"
    ADDRESS = "address"
    ACCESSIBILITY = "accessibility"
    HOUSEHOLD = "household"
    LINKAGE = "linkage"
    CONTACTS = "contacts"
    CASES = "cases"
    CASE_NOTES = "case_notes"
    ASSESSMENTS = "assessments"
    REFERRALS = "referrals"
    MARKERS = "markers"


class DataClass(StrEnum):
    """How strictly the law guards a row or a field, mildest first."""

    ORDINARY = "ordinary"
    SPECIAL = "special"
    CRIMINAL = "criminal"
    CHILD = "child"


class Form(StrEnum):
    """How much of a value leaves, least first."""

    EXISTS = "exists"
    BAND = "band"
    VALUE = "value"


class Role(StrEnum):
    """What a worker, a partner's worker or a source system may be."""

    FRONTLINE = "frontline"
    CASEWORKER = "caseworker"
    SOCIAL_WORKER = "social-worker"
    STEWARD = "steward"
    ANALYST = "analyst"
    IG_LEAD = "ig-lead"
    SIGNATORY = "signatory"
    ADMIN = "admin"
    SYSTEM = "system"
    PARTNER_WORKER = "partner-worker"
    OPERATOR = "operator"


class Purpose(StrEnum):
    """Why a call is made; every call for personal data names one."""

    CUSTOMER_SERVICE = "customer-service"
    COUNCIL_TAX = "council-tax"
    BENEFITS = "benefits"
    HOUSING = "housing"
    HOMELESSNESS = "homelessness"
    ADULT_SOCIAL_CARE = "adult-social-care"
    ADULT_SAFEGUARDING = "adult-safeguarding"
    CHILD_SAFEGUARDING = "child-safeguarding"
    EDUCATION = "education"
    CONCESSIONS = "concessions"
    REGISTRATION = "registration"
    FRAUD_PREVENTION = "fraud-prevention"
    COMMUNITY_SAFETY = "community-safety"
    REFERRAL = "referral"
    DATA_STEWARDSHIP = "data-stewardship"
    SUBJECT_RIGHTS = "subject-rights"
    INSIGHT = "insight"


class Protection(StrEnum):
    """Why a person's whereabouts, or the person, are kept from others."""

    ANONYMOUS_ELECTOR = "anonymous-elector"
    REFUGE = "refuge"
    WITNESS = "witness"
    MARAC = "marac"
    ADOPTION = "adoption"
    GENDER_RECOGNITION = "gender-recognition"
    COURT_ORDER = "court-order"
    STAFF_OR_MEMBER = "staff-or-member"
    OTHER = "other"


SEALS: Final = frozenset(
    {Protection.ADOPTION, Protection.GENDER_RECOGNITION, Protection.WITNESS, Protection.COURT_ORDER}
)
"""Schemes that seal: the person exists for nobody elsewhere, and is never compared with anybody."""

WHEREABOUTS: Final = frozenset({Category.ADDRESS, Category.CONTACT_DETAILS, Category.HOUSEHOLD})
"""Categories that a protection keeps back from those it is not cleared for."""


class Action(StrEnum):
    """What a call does with personal data."""

    READ = "read"
    SEARCH = "search"
    WRITE = "write"
    REFER = "refer"
    STEWARD = "steward"
    EXPORT = "export"


AREA_CLASS: Final[Mapping[str, DataClass]] = {
    "adult-social-care": DataClass.SPECIAL,
    "benefits": DataClass.ORDINARY,
    "childrens-social-care": DataClass.CHILD,
    "community-safety": DataClass.ORDINARY,
    "concessions": DataClass.ORDINARY,
    "council-tax": DataClass.ORDINARY,
    "customer-services": DataClass.ORDINARY,
    "education": DataClass.ORDINARY,
    "electoral": DataClass.ORDINARY,
    "housing": DataClass.ORDINARY,
    "parking": DataClass.ORDINARY,
    "registrars": DataClass.ORDINARY,
    "street-scene": DataClass.ORDINARY,
}
"""The thirteen service areas, each with the class of its rows."""

STRICTER_ROWS: Final[Mapping[str, DataClass]] = {
    "community-safety": DataClass.CRIMINAL,
    "concessions": DataClass.SPECIAL,
    "education": DataClass.CHILD,
}
"""Areas in which some rows are of a stricter class than the rest: those of services that deal with offences, with
health or with a child's needs."""

CATEGORY_CLASS: Final[Mapping[Category, DataClass]] = {
    Category.ACCESSIBILITY: DataClass.SPECIAL,
    Category.MARKERS: DataClass.CRIMINAL,
}
"""Categories that carry a class of their own wherever they occur; all others are ordinary."""

Grants = Mapping[Scope, Mapping[Category, Form]]
"""What a call may see: for each scope the categories granted, each in the fullest form granted."""

_CLASS_ORDER = tuple(DataClass)
_FORM_ORDER = tuple(Form)


def scope_of(owner: str, service_area: str) -> Scope:
    """Name the scope of an owner's service area."""
    return Scope(f"{owner}/{service_area}")


def row_scope(owner: str, service_area: str, row_class: DataClass) -> Scope:
    """Name the scope of a row of some class: its area's own, or the stricter one beside it."""
    area_class = AREA_CLASS[service_area]
    if strictest((area_class, row_class)) is area_class:
        return scope_of(owner, service_area)
    return Scope(f"{owner}/{service_area}:{row_class}")


def split_scope(scope: Scope) -> tuple[str, str]:
    """Give the owner and the service area of a scope, whatever the class of its rows."""
    owner, _, rest = scope.partition("/")
    return owner, rest.partition(":")[0]


def is_stricter(scope: Scope) -> bool:
    """Tell whether a scope is of rows stricter than their area."""
    return ":" in scope


def strictest(classes: Iterable[DataClass]) -> DataClass:
    """Give the strictest of some classes; of none, `ordinary`."""
    return max(classes, key=_CLASS_ORDER.index, default=DataClass.ORDINARY)


def class_of(service_area: str, category: Category) -> DataClass:
    """Give the class of a category's fields on an ordinary row of a service area."""
    return strictest((AREA_CLASS[service_area], CATEGORY_CLASS.get(category, DataClass.ORDINARY)))


def fullest(first: Form, second: Form) -> Form:
    """Give the form that tells more."""
    return max(first, second, key=_FORM_ORDER.index)


def disclose(
    values: Mapping[str, Any],
    *,
    fields: Mapping[str, Category],
    granted: Mapping[Category, Form],
    bands: Mapping[str, Callable[[Any], Any]],
) -> dict[str, Any]:
    """Give only those of a row's values that were granted, in the form granted.

    `fields` is the allow-list: a field it does not name never leaves. Empty values (None, "", []) are left out, so an
    absent value and an empty one look alike. A field granted as `exists` becomes `{"exists": True}`; as `band` what
    `bands` makes of it, or `exists` where it has no band. Without `existence` nothing leaves.
    """
    if Category.EXISTENCE not in granted:
        return {}
    disclosed: dict[str, Any] = {}
    for field, category in fields.items():
        value = values.get(field)
        form = granted.get(category)
        if form is None or value is None or value in ("", [], {}):
            continue
        if form is Form.VALUE:
            disclosed[field] = value
        elif form is Form.BAND and field in bands:
            disclosed[field] = bands[field](value)
        else:
            disclosed[field] = {"exists": True}
    return disclosed
