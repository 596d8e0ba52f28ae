"""Makes what tests are about: records of made-up residents, permits, and the services to ask.

All names, numbers and addresses are from ranges reserved for tests and drama.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import uuid4

from joserfc.jwk import KeySet, OKPKey

from shared.categories import AREA_CLASS, Action, Category, DataClass, Form, Grants, Scope, scope_of
from shared.permit import Linkage, Permit, PermitMint, SourceFacts

AT: Final = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
"""The time by the clock of services under test."""

PERMIT_KEY: Final = OKPKey.generate_key("Ed25519", parameters={"kid": "test"})
MINT: Final = PermitMint(PERMIT_KEY.as_dict(private=True))
PERMIT_KEYS: Final = KeySet([PERMIT_KEY]).as_dict(private=False)
SECRET: Final = "cursor-secret-of-the-tests-0123456789"

ORDINARY_AREAS: Final = tuple(area for area, its_class in AREA_CLASS.items() if its_class is DataClass.ORDINARY)
SOURCE_AREAS: Final = {
    "crm": "customer-services",
    "council-tax": "council-tax",
    "housing": "housing",
    "benefits": "benefits",
    "adult-social-care": "adult-social-care",
}


def a_record(**changes: Any) -> dict[str, Any]:
    """Make a record of one made-up resident; None takes a field out."""
    record = {
        "given_names": ["Adaeze", "Ruth"],
        "family_name": "Okonjo-Vale",
        "date_of_birth": "1984-03-09",
        "gender": "female",
        "nhs_number": "9990000018",
        "addresses": [
            {
                "lines": ["Flat 3", "17 Larkspur Row"],
                "town": "London",
                "postcode": "W6 9ZZ",
                "uprn": "999900000017",
                "from": "2019-05-01",
            }
        ],
        "phones": ["07700 900123"],
        "emails": ["adaeze@example.org"],
        "observed_at": "2026-06-01T10:00:00Z",
    }
    record.update(changes)
    return {name: value for name, value in record.items() if value is not None}


def ticking() -> Callable[[], datetime]:
    """Make a clock that moves on a microsecond with every look, so that what comes later is dated later."""
    ticks = count()
    return lambda: AT + timedelta(microseconds=next(ticks))


def granting(*scopes: str, categories: Mapping[Category, Form] | None = None) -> Grants:
    """Grant some scopes the same categories, all as values unless said otherwise."""
    granted = categories if categories is not None else dict.fromkeys(Category, Form.VALUE)
    return {Scope(scope): granted for scope in scopes}


def facts(source: str, **changes: Any) -> SourceFacts:
    """Describe a source as the register would."""
    known: dict[str, Any] = {"source": source, "service_area": SOURCE_AREAS[source], "trust": 50, "linkage": "shared"}
    return SourceFacts(**({"statutory_bar": None} | known | changes))


def write_permit(org: str, source: str = "crm", **changes: Any) -> Permit:
    """Permit an organisation's CRM to write for one of its sources."""
    return a_permit(
        org,
        action=Action.WRITE,
        roles=("system",),
        source=facts(source),
        grants=granting(scope_of(org, SOURCE_AREAS[source])),
        **changes,
    )


def a_permit(org: str, **changes: Any) -> Permit:
    """Permit a worker of an organisation to read all its ordinary areas."""
    permit = {
        "txn": uuid4(),
        "subject": "worker",
        "org": org,
        "roles": ("caseworker",),
        "purpose": "customer-service",
        "action": Action.READ,
        "grants": granting(*(scope_of(org, area) for area in ORDINARY_AREAS)),
    }
    return Permit(**(permit | changes))  # type: ignore[arg-type]


def linking(first: str, second: str, *, areas: tuple[str, ...] = ORDINARY_AREAS) -> Linkage:
    """Let two owners link their persons in some areas of both."""
    first, second = sorted((first, second))
    return Linkage(first, second, frozenset(areas), frozenset(areas))
