"""What may be proposed, what is warned about, and what the parties' digest depends on."""

import json
import random
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.agreement import AgreementContent, areas_of, digest
from gateway.clauses import problems_of, warnings_of
from gateway.lifecycle import AgreementStatus, draft
from gateway.organisation import OrganisationKind
from shared.categories import AREA_CLASS

POWER = {"act": "Housing Act 1996", "section": "213"}
LINKAGE = {
    "purposes": ["homelessness"],
    "trigger": "batch",
    "service_areas": ["*"],
    "categories": [{"category": "linkage"}],
    "legal_power": POWER,
    "article6": "e",
}
EMERGENCY: dict[str, Any] = {"reasons": ["risk-to-life"], "roles": ["caseworker"], "categories": ["existence"]}
SMALLEST: dict[str, Any] = {
    "title": "Homelessness, LBHF to WCC",
    "type": "dda",
    "valid_from": "2026-01-01",
    "valid_until": "2028-12-31",
    "parties": [{"org": "lbhf", "role": "controller"}, {"org": "wcc", "role": "controller"}],
    "flows": [
        {
            "id": "f1",
            "from": "lbhf",
            "to": "wcc",
            "purposes": ["homelessness"],
            "trigger": "request",
            "service_areas": ["housing", "customer-services"],
            "categories": [
                {"category": "existence"},
                {"category": "identity"},
                {"category": "contact_details"},
                {"category": "cases", "form": "exists"},
            ],
            "recipient_roles": ["caseworker"],
            "legal_power": POWER,
            "article6": "e",
            "training": {"course": "data-protection", "max_age_days": 365},
            "commitment": {"statement": "confidentiality", "version": 1},
        },
        {"id": "f2", "from": "lbhf", "to": "wcc", **LINKAGE},
        {"id": "f3", "from": "wcc", "to": "lbhf", **LINKAGE},
    ],
}
ORGANISATIONS = {
    "lbhf": OrganisationKind.BOROUGH,
    "wcc": OrganisationKind.BOROUGH,
    "shelter-west": OrganisationKind.PARTNER,
    "platform": OrganisationKind.OPERATOR,
}


def with_flow(**changes: Any) -> dict[str, Any]:
    """Give the smallest agreement with its first flow changed; a change to None leaves the field out."""
    content = deepcopy(SMALLEST)
    flow = content["flows"][0] | changes
    content["flows"][0] = {name: value for name, value in flow.items() if value is not None}
    return content


def with_partner(**changes: Any) -> dict[str, Any]:
    content = with_flow(to="shelter-west", **changes)
    return content | {"parties": [*content["parties"], {"org": "shelter-west", "role": "recipient"}]}


def problems(content: dict[str, Any]) -> set[str]:
    found = problems_of(AgreementContent.model_validate(content), organisations=ORGANISATIONS)
    return {pointer for pointer, _ in found}


def shuffled(value: Any, *, dice: random.Random) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        dice.shuffle(items)
        return {name: shuffled(each, dice=dice) for name, each in items}
    return [shuffled(each, dice=dice) for each in value] if isinstance(value, list) else value


def test_the_smallest_agreement_may_be_proposed_and_says_what_production_would_ask() -> None:
    content = AgreementContent.model_validate(SMALLEST)
    assert problems_of(content, organisations=ORGANISATIONS) == []
    assert {pointer for pointer, _ in warnings_of(content)} == {"/dpia", "/retention", "/review_due"}
    full = SMALLEST | {
        "dpia": {"ref": "D1", "date": "2025-12-01", "outcome": "accepted"},
        "retention": [{"days": 365}],
        "review_due": "2026-12-01",
    }
    assert warnings_of(AgreementContent.model_validate(full)) == []


def test_clauses_that_grant_less_than_they_say_are_warned_about() -> None:
    content = with_flow(cohort="adults", categories=[{"category": "existence"}, {"category": "linkage"}])
    pointers = {pointer for pointer, _ in warnings_of(AgreementContent.model_validate(content))}
    assert pointers >= {"/flows/0/cohort", "/flows/0/trigger"}


SPECIAL = {"service_areas": ["adult-social-care"], "article9": ["h"], "schedule1": ["2"]}
MARKERS = [{"category": "existence"}, {"category": "markers"}]
NEEDS = [{"category": "existence"}, {"category": "accessibility"}]
BACK = SMALLEST["flows"][0] | {"id": "f9", "from": "wcc", "to": "lbhf"}
BOTH_WAYS = SMALLEST | {"flows": [SMALLEST["flows"][0], BACK]}
CHILDREN_ACT = {"act": "Children Act 2004", "section": "11"}


@pytest.mark.parametrize(
    "content",
    [
        with_flow(**SPECIAL),
        with_flow(**SPECIAL | {"article9": ["g"], "schedule1": ["18(1)(a)"], "policy_document": "APD 4"}),
        with_flow(**SPECIAL | {"article9": ["c"], "schedule1": []}),
        with_flow(categories=NEEDS, article9=["h"], schedule1=["2"]),
        with_flow(categories=MARKERS, article10=True, schedule1=["10"], policy_document="APD 4"),
        with_flow(categories=MARKERS, article10=True, schedule1=["33"]),
        with_flow(service_areas=["childrens-social-care"], legal_power=CHILDREN_ACT),
        with_flow(categories=[{"category": "linkage"}], recipient_roles=None, trigger="batch"),
        with_flow(article6="a", legal_power=None, trigger="referral"),
        with_partner(recipient_basis={"article6": "f"}),
        with_partner(recipient_basis={"article6": "ea"}),
        with_flow(article6="d", legal_power=None),
        BOTH_WAYS | {"type": "isp"},
    ],
)
def test_a_flow_that_meets_the_law_may_be_proposed(content: dict[str, Any]) -> None:
    assert problems(content) == set()


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (SMALLEST | {"valid_until": "2025-12-31"}, "/valid_until"),
        (SMALLEST | {"parties": SMALLEST["parties"][:1]}, "/parties"),
        (SMALLEST | {"parties": [*SMALLEST["parties"], SMALLEST["parties"][0]]}, "/parties/2/org"),
        (SMALLEST | {"parties": [*SMALLEST["parties"], {"org": "nowhere", "role": "recipient"}]}, "/parties/2/org"),
        (SMALLEST | {"flows": []}, "/flows"),
        (with_flow(id="f2"), "/flows/1/id"),
        (with_flow(to="lbhf"), "/flows/0/to"),
        (with_flow(to="shelter-west"), "/flows/0/to"),
        (with_flow(to="nowhere"), "/flows/0/to"),
        (SMALLEST | {"parties": [*SMALLEST["parties"], {"org": "platform", "role": "processor"}],
                     "flows": [SMALLEST["flows"][0] | {"to": "platform"}]}, "/flows/0/to"),
        (BOTH_WAYS, "/flows/1"),
        (with_flow(purposes=["housing", "housing"]), "/flows/0/purposes/1"),
        (with_flow(service_areas=["*", "*"]), "/flows/0/service_areas/1"),
        (with_flow(categories=[NEEDS[0], NEEDS[0]]), "/flows/0/categories/1/category"),
        (with_flow(recipient_roles=None), "/flows/0/recipient_roles"),
        (with_flow(recipient_roles=["caseworker", "operator"]), "/flows/0/recipient_roles/1"),
        (with_flow(annex1="safeguarding"), "/flows/0/annex1"),
        (with_flow(article6="ea"), "/flows/0/annex1"),
        (with_flow(article6="ea", annex1="safeguarding"), "/flows/0/article6"),
        (with_flow(article6="f"), "/flows/0/article6"),
        (with_flow(article6="f"), "/flows/0/recipient_basis"),
        (with_flow(recipient_basis={"article6": "f"}), "/flows/0/recipient_basis/article6"),
        (with_flow(recipient_basis={"article6": "c"}), "/flows/0/recipient_basis/legal_power"),
        (with_flow(legal_power=None), "/flows/0/legal_power"),
        (with_flow(article6="c", legal_power=None), "/flows/0/legal_power"),
        (with_flow(article6="a"), "/flows/0/trigger"),
        (with_flow(**SPECIAL | {"article9": None}), "/flows/0/article9"),
        (with_flow(**SPECIAL | {"schedule1": ["18"], "policy_document": "APD 4"}), "/flows/0/article9/0"),
        (with_flow(**SPECIAL | {"article9": ["g"]}), "/flows/0/article9/0"),
        (with_flow(**SPECIAL | {"article9": ["b"], "schedule1": ["1"]}), "/flows/0/policy_document"),
        (with_flow(**SPECIAL | {"schedule1": ["2", "5"]}), "/flows/0/schedule1/1"),
        (with_flow(categories=NEEDS), "/flows/0/article9"),
        (with_flow(categories=MARKERS, schedule1=["33"]), "/flows/0/article10"),
        (with_flow(categories=MARKERS, article10=True), "/flows/0/schedule1"),
        (with_flow(categories=MARKERS, article10=True, schedule1=["10"]), "/flows/0/policy_document"),
        (with_flow(service_areas=["childrens-social-care"]), "/flows/0/legal_power"),
    ],
)  # fmt: skip
def test_what_the_law_does_not_allow_is_refused_at_its_place(content: dict[str, Any], pointer: str) -> None:
    assert pointer in problems(content)


def test_the_star_opens_ordinary_areas_only() -> None:
    flow = AgreementContent.model_validate(SMALLEST).flows[1]
    assert areas_of(flow) == AREA_CLASS.keys() - {"adult-social-care", "childrens-social-care"}


@pytest.mark.parametrize(
    "content",
    [
        SMALLEST | {"surprise": 1},
        SMALLEST | {"valid_from": 1767225600},
        SMALLEST | {"valid_from": "1767225600"},
        SMALLEST | {"title": "a\x00b"},
        with_flow(service_areas=["astrology"]),
        with_flow(training={"course": "data-protection", "max_age_days": "365"}),
        with_flow(article10="true"),
        with_flow(id="a/b"),
    ],
)
def test_what_is_not_an_agreement_is_not_read(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AgreementContent.model_validate(content)


@given(seed=st.integers())
def test_the_digest_does_not_depend_on_the_order_of_fields(seed: int) -> None:
    again = AgreementContent.model_validate(shuffled(SMALLEST, dice=random.Random(seed)))  # noqa: S311 -- a shuffle
    assert digest(again) == digest(AgreementContent.model_validate(SMALLEST))


def test_the_digest_is_of_the_canonical_text_without_defaults_and_stays_as_it_is() -> None:
    content = AgreementContent.model_validate(SMALLEST)
    spelt_out = with_flow(cohort="all", article9=[], article10=False) | {"retention": [], "dpia": None}
    spelt_out["flows"][0]["categories"][0]["form"] = "value"
    assert digest(AgreementContent.model_validate(spelt_out)) == digest(content)
    kept = AgreementContent.model_validate_json(json.dumps(content.model_dump(mode="json")))
    assert digest(kept) == digest(content)
    assert digest(content) == "a5e064cc876c8d4dd036f6f9d98d736b7485b197b8c175a201c30eebe76ed07f"


@pytest.mark.parametrize(
    "changed",
    [
        SMALLEST | {"title": "Homelessness, LBHF to WCC."},
        SMALLEST | {"valid_until": "2029-01-01"},
        with_flow(recipient_roles=["frontline"]),
        with_flow(training={"course": "data-protection", "max_age_days": 366}),
        with_flow(training=None),
    ],
)
def test_any_change_of_content_is_another_digest(changed: dict[str, Any]) -> None:
    assert digest(AgreementContent.model_validate(changed)) != digest(AgreementContent.model_validate(SMALLEST))


def test_a_draft_knows_who_must_sign_and_who_may_suspend() -> None:
    content = AgreementContent.model_validate(SMALLEST | {"flows": SMALLEST["flows"][:1]})
    state = draft(content)
    assert (state.status, state.digest) == (AgreementStatus.DRAFT, digest(content))
    assert (state.parties, state.providers) == (frozenset({"lbhf", "wcc"}), frozenset({"lbhf"}))


@pytest.mark.parametrize(
    ("terms", "pointers"),
    [
        ({}, ["/break_glass/reasons", "/break_glass/roles", "/break_glass/categories"]),
        ({**EMERGENCY, "reasons": ["a;b"]}, ["/break_glass/reasons/0"]),
        ({**EMERGENCY, "max_minutes": 0}, ["/break_glass/max_minutes"]),
        ({**EMERGENCY, "max_minutes": 1441}, ["/break_glass/max_minutes"]),
        ({**EMERGENCY, "review_within_hours": 0}, ["/break_glass/review_within_hours"]),
        (EMERGENCY, []),
    ],
)
def test_emergency_access_is_for_somebody_for_some_reason_and_for_some_time(
    terms: dict[str, Any], pointers: list[str]
) -> None:
    content = AgreementContent.model_validate({**SMALLEST, "break_glass": {"allowed": True, **terms}})

    assert [pointer for pointer, _ in problems_of(content, organisations=ORGANISATIONS)] == pointers
    forbidden = AgreementContent.model_validate({**SMALLEST, "break_glass": {"allowed": False, **terms}})
    assert problems_of(forbidden, organisations=ORGANISATIONS) == []
