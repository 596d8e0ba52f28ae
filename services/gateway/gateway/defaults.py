"""What a borough's own workers and systems may see of their own borough's records, as shipped.

In this room: which roles may do what for which purpose, the areas that fit a purpose, and the roles that special, child
and criminal rows ask for. Not in this room: what an agreement grants (`governance`) and how a decision is put together
(`policy`). A borough may narrow these defaults; nothing widens them.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from gateway.agreement import ORDINARY_AREAS
from shared.categories import (
    AREA_CLASS,
    CATEGORY_CLASS,
    STRICTER_ROWS,
    Action,
    Category,
    DataClass,
    Purpose,
    Role,
    strictest,
)

DISCLOSABLE: Final = frozenset(Category) - {Category.LINKAGE}
"""What a decision may grant; linkage lets persons be compared and shows nothing."""

_ALL_AREAS: Final = frozenset(AREA_CLASS)
_SPECIAL_AREAS: Final = frozenset(area for area, row_class in AREA_CLASS.items() if row_class is DataClass.SPECIAL)

PURPOSE_AREAS: Final[Mapping[Purpose, frozenset[str]]] = {
    Purpose.CUSTOMER_SERVICE: ORDINARY_AREAS,
    Purpose.COUNCIL_TAX: frozenset({"council-tax", "benefits", "customer-services"}),
    Purpose.BENEFITS: frozenset({"benefits", "council-tax", "housing", "customer-services"}),
    Purpose.HOUSING: frozenset({"housing", "council-tax", "customer-services"}),
    Purpose.HOMELESSNESS: frozenset({"housing", "benefits", "customer-services"}),
    Purpose.ADULT_SOCIAL_CARE: frozenset(
        {"adult-social-care", "housing", "benefits", "concessions", "customer-services"}
    ),
    Purpose.ADULT_SAFEGUARDING: _ALL_AREAS,
    Purpose.CHILD_SAFEGUARDING: _ALL_AREAS,
    Purpose.EDUCATION: frozenset({"education", "benefits", "customer-services"}),
    Purpose.CONCESSIONS: frozenset({"concessions", "benefits", "customer-services"}),
    Purpose.REGISTRATION: frozenset({"registrars", "electoral", "council-tax", "customer-services"}),
    Purpose.FRAUD_PREVENTION: frozenset({"council-tax", "benefits", "housing", "parking", "concessions"}),
    Purpose.COMMUNITY_SAFETY: frozenset({"community-safety", "street-scene", "housing", "customer-services"}),
    Purpose.REFERRAL: ORDINARY_AREAS,
    Purpose.DATA_STEWARDSHIP: _ALL_AREAS,
    Purpose.SUBJECT_RIGHTS: _ALL_AREAS,
    Purpose.INSIGHT: frozenset(),
}
"""The areas that fit a purpose. Insight is made of aggregates, so no row fits it."""

STEWARDSHIP_CATEGORIES: Final = frozenset(
    {
        Category.EXISTENCE,
        Category.IDENTITY,
        Category.IDENTIFIERS,
        Category.CONTACT_DETAILS,
        Category.ADDRESS,
        Category.HOUSEHOLD,
    }
)

CRIMINAL_PURPOSES: Final = frozenset(
    {
        Purpose.COMMUNITY_SAFETY,
        Purpose.FRAUD_PREVENTION,
        Purpose.ADULT_SAFEGUARDING,
        Purpose.CHILD_SAFEGUARDING,
    }
)

_LOOK: Final = frozenset({Action.READ, Action.SEARCH})
_WORK: Final = _LOOK | {Action.WRITE, Action.REFER}
"""Workers write what they do for people, and refer them; only a system asserts what its source says (`admission`)."""
_SERVICE_PURPOSES: Final = frozenset(Purpose) - {Purpose.DATA_STEWARDSHIP, Purpose.SUBJECT_RIGHTS, Purpose.INSIGHT}

_MAY: Final[Mapping[Role, tuple[frozenset[Action], frozenset[Purpose]]]] = {
    Role.FRONTLINE: (_WORK, _SERVICE_PURPOSES),
    Role.CASEWORKER: (_WORK, _SERVICE_PURPOSES),
    Role.SOCIAL_WORKER: (_WORK, _SERVICE_PURPOSES),
    Role.STEWARD: (_LOOK | {Action.STEWARD}, frozenset({Purpose.DATA_STEWARDSHIP})),
    Role.IG_LEAD: (_LOOK, frozenset({Purpose.SUBJECT_RIGHTS})),
    Role.SYSTEM: (frozenset({Action.READ, Action.WRITE}), _SERVICE_PURPOSES | {Purpose.DATA_STEWARDSHIP}),
}
"""What each role may do, and for which purposes; a role not listed sees no personal data of its own borough."""

_SEES_EVERY_CLASS: Final[Mapping[Role, frozenset[Category]]] = {
    Role.STEWARD: STEWARDSHIP_CATEGORIES,
    Role.IG_LEAD: DISCLOSABLE,
    Role.SYSTEM: DISCLOSABLE,
}
"""Roles whose task spans all classes of rows, with the categories it needs; other roles are held to the class rules."""


@cache
def own_categories(
    role: Role, *, purpose: Purpose, action: Action, service_area: str, row_class: DataClass = DataClass.ORDINARY
) -> frozenset[Category]:
    """Give the categories a role may see or write of rows in an area of its own borough.

    `row_class` is given for rows stricter than their area. An area that fits the purpose shows at least `existence`;
    the rest of a row asks for the roles its classes ask for.
    """
    actions, purposes = _MAY.get(role, (frozenset(), frozenset()))
    if action not in actions or purpose not in purposes or service_area not in _fitting_areas(purpose, role=role):
        return frozenset()
    whole = _SEES_EVERY_CLASS.get(role)
    if whole is not None:
        return whole
    of_row = strictest((AREA_CLASS[service_area], row_class))
    seen = {
        category
        for category in DISCLOSABLE
        if _may_see_class(of_row, role=role, purpose=purpose, service_area=service_area)
        and _may_see_class(
            CATEGORY_CLASS.get(category, DataClass.ORDINARY), role=role, purpose=purpose, service_area=service_area
        )
    }
    return frozenset(seen | {Category.EXISTENCE})


def own_areas(roles: frozenset[Role], *, purpose: Purpose, action: Action) -> Mapping[str, frozenset[Category]]:
    """Give what several roles together may see of their own borough: the categories of each area that shows any."""
    return _own_rows(roles, purpose, action, _EACH_AREA)


def own_stricter_rows(roles: frozenset[Role], *, purpose: Purpose, action: Action) -> Mapping[str, frozenset[Category]]:
    """Give what several roles together may see of those rows that are stricter than the rest of their area."""
    return _own_rows(roles, purpose, action, _EACH_STRICTER)


_EACH_AREA: Final = tuple(AREA_CLASS.items())
_EACH_STRICTER: Final = tuple(STRICTER_ROWS.items())


@lru_cache(maxsize=8192)
def _own_rows(
    roles: frozenset[Role], purpose: Purpose, action: Action, classes: tuple[tuple[str, DataClass], ...]
) -> Mapping[str, frozenset[Category]]:
    seen = {
        area: frozenset[Category]().union(
            *(
                own_categories(role, purpose=purpose, action=action, service_area=area, row_class=row_class)
                for role in roles
            )
        )
        for area, row_class in classes
    }
    return MappingProxyType({area: categories for area, categories in seen.items() if categories})


def _fitting_areas(purpose: Purpose, *, role: Role) -> frozenset[str]:
    """Give the areas that fit a purpose; a social worker refers people on from special areas too."""
    areas = PURPOSE_AREAS[purpose]
    return areas | _SPECIAL_AREAS if purpose is Purpose.REFERRAL and role is Role.SOCIAL_WORKER else areas


def _may_see_class(row_class: DataClass, *, role: Role, purpose: Purpose, service_area: str) -> bool:
    match row_class:
        case DataClass.ORDINARY:
            return True
        case DataClass.SPECIAL:
            return role is Role.SOCIAL_WORKER
        case DataClass.CRIMINAL:
            return role in (Role.CASEWORKER, Role.SOCIAL_WORKER) and purpose in CRIMINAL_PURPOSES
        case DataClass.CHILD:
            schooling = purpose is Purpose.EDUCATION and service_area == "education"
            return role is Role.SOCIAL_WORKER and (purpose is Purpose.CHILD_SAFEGUARDING or schooling)
