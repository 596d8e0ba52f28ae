"""How many whole decisions a second: a caller, a purpose and an action → grants over all providers.

Thirty-three boroughs, two hundred agreements between them and five policies of each borough. In this room: that
platform and the measurement. Not in this room: printing and keeping figures.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import cycle, islice
from random import Random
from time import process_time
from typing import Final

from gateway.agreement import AgreementContent
from gateway.governance import Agreement, Governance, compile_governance
from gateway.lifecycle import AgreementStatus
from gateway.organisation import OrganisationKind
from gateway.policy import decide
from gateway.register import Snapshot
from gateway.standing import Caller, Standing
from gateway.verdict import forbidden_cells
from shared.categories import Action, Purpose, Role

BOROUGHS: Final = tuple(f"borough-{number}" for number in range(33))
AGREEMENTS: Final = 200
AT: Final = datetime(2026, 6, 15, 12, tzinfo=UTC)
_SECONDS: Final = 2.0

POLICIES: Final = """
@id("no-benefits-at-night") forbid (principal, action, resource)
  when {{ resource.service_area == "benefits" && context.local_hour >= 20 }};
@id("trained-only") forbid (principal, action, resource) unless {{ principal.training_current }};
@id("markers-for-caseworkers") forbid (principal, action, resource)
  when {{ resource.category == "markers" && !principal.roles.contains("caseworker") }};
@id("housing-for-housing") forbid (principal, action == Action::"search", resource)
  when {{ resource.service_area == "housing" && context.purpose == "council-tax" }};
@id("ours-of-special") forbid (principal, action, resource)
  when {{ resource.class == "special" && resource.owner != context.acting_for && context.acting_for ==
          Organisation::"{other}" }};
"""
PURPOSES: Final = (Purpose.HOUSING, Purpose.HOMELESSNESS, Purpose.COUNCIL_TAX, Purpose.CUSTOMER_SERVICE)
ACTIONS: Final = (Action.READ, Action.SEARCH)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One decision to make."""

    caller: Caller
    purpose: Purpose
    action: Action


def measure() -> list[tuple[str, float, str]]:
    """Measure decisions a second: remembered, new with what policies answered before, and new in every part."""
    governance = platform()
    snapshot = Snapshot(
        epoch=1,
        policy="",
        organisations={},
        issuers={},
        issued_for={},
        sources={},
        governance=governance,
        mandates=(),
    )
    asked = list(questions())

    def remembered(question: Question) -> None:
        snapshot.decide(question.caller, purpose=question.purpose, action=question.action, at=AT)

    def new(question: Question) -> None:
        decide(governance, caller=question.caller, purpose=question.purpose, action=question.action, at=AT)

    def new_in_every_part(question: Question) -> None:
        forbidden_cells.cache_clear()
        new(question)

    return [
        ("decision_cached", _rate(remembered, asked), "decisions/s"),
        ("decision_uncached", _rate(new_in_every_part, asked), "decisions/s"),
        ("decision_of_a_new_caller", _rate(new, asked), "decisions/s"),
    ]


def platform() -> Governance:
    """Compile the rules of the platform that is measured."""
    chance = Random(33)  # noqa: S311  a seeded platform is no secret
    return compile_governance(
        dict.fromkeys(BOROUGHS, OrganisationKind.BOROUGH),
        agreements=[_agreement(number, parties=chance.sample(BOROUGHS, 2)) for number in range(AGREEMENTS)],
        policy_texts={
            borough: POLICIES.format(other=other)
            for borough, other in zip(BOROUGHS, (*BOROUGHS[1:], BOROUGHS[0]), strict=True)
        },
    )


def questions() -> Iterator[Question]:
    """Ask for every purpose and action as two workers of each borough."""
    for borough in BOROUGHS:
        for role in (Role.CASEWORKER, Role.FRONTLINE):
            caller = Caller(
                org=borough,
                org_kind=OrganisationKind.BOROUGH,
                subject=f"worker-{role}",
                roles=frozenset({role}),
                standing=Standing(
                    roles=frozenset({role}),
                    training={"data-protection": date(2026, 5, 1)},
                    commitments={"confidentiality": {1: date(2026, 5, 1)}},
                ),
            )
            for purpose in PURPOSES:
                for action in ACTIONS:
                    yield Question(caller=caller, purpose=purpose, action=action)


def _agreement(number: int, *, parties: list[str]) -> Agreement:
    first, second = parties
    categories = ("existence", "identity", "contact_details", "address", "cases")
    flows = [
        {
            "id": f"f{index}",
            "from": provider,
            "to": recipient,
            "purposes": ["homelessness", "housing", "council-tax"],
            "trigger": "request",
            "service_areas": ["housing", "customer-services", "council-tax", "benefits"],
            "categories": [{"category": category} for category in categories],
            "recipient_roles": ["caseworker", "frontline"],
            "legal_power": {"act": "Housing Act 1996", "section": "213"},
            "article6": "e",
            "training": {"course": "data-protection", "max_age_days": 365},
            "commitment": {"statement": "confidentiality", "version": 1},
        }
        for index, (provider, recipient) in enumerate(((first, second), (second, first)))
    ]
    content = {
        "title": "Homelessness",
        "type": "isp",
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
        "parties": [{"org": org, "role": "controller"} for org in parties],
        "flows": flows,
    }
    return Agreement(
        agreement_id=f"agreement-{number}",
        version=1,
        status=AgreementStatus.ACTIVE,
        content=AgreementContent.model_validate(content),
    )


def _rate(do: Callable[[Question], None], asked: list[Question]) -> float:
    """Give how often in a second of one core something is done, question after question, but for the first round."""
    for question in asked:
        do(question)
    waiting, done = cycle(asked), 0
    began = process_time()
    while (passed := process_time() - began) < _SECONDS:
        for question in islice(waiting, 50):
            do(question)
        done += 50
    return done / passed
