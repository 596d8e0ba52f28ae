"""Why not: each cell that is not granted is explained once, by the nearest miss, and others' agreements stay unseen."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.explain import Denial, explain, refusal
from gateway.policy import decide
from gateway.standing import Reason
from shared.categories import AREA_CLASS, Action, Category, Purpose, split_scope
from tests.gateway.worlds import KINDS, NOON, callers, calling, compiled, worlds

FLOW: dict[str, Any] = {
    "id": "f1",
    "from": "lbhf",
    "to": "wcc",
    "purposes": ["homelessness"],
    "trigger": "request",
    "service_areas": ["housing"],
    "categories": [{"category": "existence"}, {"category": "identity"}],
    "recipient_roles": ["caseworker"],
    "legal_power": {"act": "Housing Act 1996", "section": "213"},
    "article6": "e",
    "training": {"course": "data-protection"},
    "commitment": {"statement": "confidentiality", "version": 2},
}
IN_ORDER: dict[str, Any] = {
    "org": "wcc",
    "roles": ["caseworker"],
    "registered_roles": ["caseworker"],
    "training": {"data-protection": NOON.date()},
    "commitments": {"confidentiality": {2: NOON.date()}},
}


def as_role(role: str, *, org: str = "wcc") -> dict[str, Any]:
    return IN_ORDER | {"org": org, "roles": [role], "registered_roles": [role]}


def world_with(*flows: dict[str, Any], status: str = "active", **changes: Any) -> dict[str, Any]:
    content = {
        "title": "Homelessness",
        "type": "isp",
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
        "parties": [{"org": "lbhf", "role": "controller"}, {"org": "wcc", "role": "controller"}],
        "flows": list(flows),
        **changes,
    }
    return {"kinds": KINDS, "agreements": [{"id": "a1", "status": status, "content": content}], "bars": []}


def denials_of(world: dict[str, Any], caller: dict[str, Any], purpose: str, **where: str) -> dict[str, Denial]:
    """Give the denials of LBHF's housing, by category."""
    named = {"provider": "lbhf", "service_area": "housing", **where}
    found = explain(
        compiled(world),
        caller=calling(caller),
        purpose=Purpose(purpose),
        action=Action.READ,
        at=NOON,
        provider=named["provider"],
        service_area=named["service_area"],
    )
    return {denial.category: denial for denial in found}


@settings(max_examples=40, deadline=None)
@given(world=worlds(), caller=callers(), purpose=st.sampled_from(Purpose), action=st.sampled_from(Action))
def test_exactly_what_is_not_granted_is_explained_and_once_only(
    world: dict[str, Any], caller: dict[str, Any], purpose: Purpose, action: Action
) -> None:
    governance, asking = compiled(world), calling(caller)
    decision = decide(governance, caller=asking, purpose=purpose, action=action, at=NOON)
    granted = {(*split_scope(scope), each) for scope, categories in decision.grants.items() for each in categories}
    denials = explain(governance, caller=asking, purpose=purpose, action=action, at=NOON)
    denied = [(denial.provider, denial.service_area, denial.category) for denial in denials]
    every = {
        (owner, area, category)
        for owner, kind in KINDS.items()
        if kind == "borough"
        for area in AREA_CLASS
        for category in Category
        if category is not Category.LINKAGE
    }
    assert len(denied) == len(set(denied))
    assert set(denied) == every - granted


@settings(max_examples=60, deadline=None)
@given(world=worlds(), caller=callers(), purpose=st.sampled_from(Purpose))
def test_agreements_that_the_caller_receives_nothing_under_change_no_explanation(
    world: dict[str, Any], caller: dict[str, Any], purpose: Purpose
) -> None:
    own = [
        {**each, "content": {**each["content"], "flows": flows}}
        for each in world["agreements"]
        for flows in [[flow for flow in each["content"]["flows"] if flow["to"] == caller["org"]]]
    ]

    def explained(agreements: list[dict[str, Any]]) -> list[Denial]:
        governance = compiled({**world, "agreements": agreements})
        return explain(governance, caller=calling(caller), purpose=purpose, action=Action.READ, at=NOON)

    assert explained(world["agreements"]) == explained(own)


@pytest.mark.parametrize(
    ("caller", "purpose", "reason", "needed"),
    [
        (as_role("frontline"), "homelessness", "role-not-permitted", "caseworker"),
        (IN_ORDER, "housing", "purpose-not-permitted", "homelessness"),
        (IN_ORDER | {"training": {}}, "homelessness", "training-lapsed", "max_age_days: 365"),
        (IN_ORDER | {"commitments": {}}, "homelessness", "commitment-not-signed", "version: 2"),
        (IN_ORDER | {"training": {}, "commitments": {}}, "homelessness", "training-lapsed", "data-protection"),
    ],
)  # fmt: skip
def test_the_first_condition_that_is_missing_is_named_with_its_clause(
    caller: dict[str, Any], purpose: str, reason: str, needed: str
) -> None:
    denials = denials_of(world_with(FLOW), caller, purpose)
    for category in ("existence", "identity"):
        assert (denials[category].reason, denials[category].clause) == (reason, "a1/f1")
        assert needed in denials[category].needed
    assert (denials["address"].reason, denials["address"].clause) == (Reason.NOT_COVERED_BY_AGREEMENT, None)


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"status": "suspended"}, "resumed"),
        ({"valid_until": "2026-06-14"}, "ended on 2026-06-14"),
        ({"valid_from": "2026-06-16"}, "begins on 2026-06-16"),
    ],
)
def test_an_agreement_that_is_not_in_force_is_named_to_its_recipient(changes: dict[str, str], needed: str) -> None:
    denial = denials_of(world_with(FLOW, **changes), IN_ORDER, "homelessness")["identity"]
    assert (denial.reason, denial.clause) == (Reason.NOT_COVERED_BY_AGREEMENT, "a1/f1")
    assert needed in denial.needed


@pytest.mark.parametrize("status", ["draft", "proposed", "terminated", "superseded"])
def test_an_agreement_that_never_was_or_is_no_more_is_not_named(status: str) -> None:
    assert denials_of(world_with(FLOW, status=status), IN_ORDER, "homelessness")["identity"].clause is None


def test_the_clause_that_lacks_least_explains() -> None:
    far = {**FLOW, "id": "f0", "purposes": ["housing"], "recipient_roles": ["steward"]}
    denial = denials_of(world_with(far, FLOW), IN_ORDER | {"commitments": {}}, "homelessness")["identity"]
    assert (denial.reason, denial.clause) == (Reason.COMMITMENT_NOT_SIGNED, "a1/f1")


def test_a_covered_category_is_explained_by_what_keeps_existence_back() -> None:
    open_identity = {**FLOW, "id": "f2", "categories": [{"category": "identity"}], "commitment": None}
    existence = {**FLOW, "categories": [{"category": "existence"}]}
    caller = IN_ORDER | {"commitments": {}}
    denial = denials_of(world_with(existence, open_identity), caller, "homelessness")["identity"]
    assert (denial.reason, denial.clause) == (Reason.COMMITMENT_NOT_SIGNED, "a1/f1")


def test_a_barred_area_asks_for_the_power_that_lifts_the_bar() -> None:
    world = world_with(FLOW) | {"bars": [("lbhf", "housing", "Social Security Administration Act 1992")]}
    denial = denials_of(world, IN_ORDER, "homelessness")["identity"]
    assert (denial.reason, denial.clause) == (Reason.NOT_COVERED_BY_AGREEMENT, "a1/f1")
    assert "statutory bar" in denial.needed


@pytest.mark.parametrize(
    ("role", "purpose", "area", "category", "reason", "needed"),
    [
        ("frontline", "adult-social-care", "adult-social-care", "identity", "role-not-permitted", "social-worker"),
        ("frontline", "housing", "parking", "identity", "purpose-not-permitted", "fraud-prevention"),
        ("caseworker", "housing", "housing", "markers", "purpose-not-permitted", "community-safety"),
        ("frontline", "housing", "housing", "markers", "role-not-permitted", "for a purpose that admits it"),
        ("steward", "data-stewardship", "housing", "cases", "role-not-permitted", "for a purpose that admits it"),
    ],
)
def test_a_borough_s_own_worker_is_told_the_role_or_the_purpose_that_would_do(
    role: str, purpose: str, area: str, category: str, reason: str, needed: str
) -> None:
    caller = as_role(role)
    denial = denials_of(world_with(FLOW), caller, purpose, provider="wcc", service_area=area)[category]
    assert (denial.reason, denial.clause) == (reason, None)
    assert needed in denial.needed


@pytest.mark.parametrize(
    ("org", "role", "purpose", "action", "reason"),
    [
        ("wcc", "admin", "housing", "read", "role-not-permitted"),
        ("wcc", "frontline", "insight", "read", "purpose-not-permitted"),
        ("wcc", "caseworker", "housing", "steward", "role-not-permitted"),
        ("shelter-west", "partner-worker", "housing", "read", "not-covered-by-agreement"),
    ],
)
def test_a_call_that_is_granted_nothing_is_refused_for_one_reason(
    org: str, role: str, purpose: str, action: str, reason: str
) -> None:
    governance, caller = compiled(world_with(FLOW)), calling(as_role(role, org=org))
    assert decide(governance, caller=caller, purpose=Purpose(purpose), action=Action(action), at=NOON).grants == {}
    refused = refusal(governance, caller=caller, purpose=Purpose(purpose), action=Action(action), at=NOON)
    assert refused.reason == reason


def test_a_partner_hears_which_training_it_lacks() -> None:
    parties = [{"org": "lbhf", "role": "controller"}, {"org": "shelter-west", "role": "recipient"}]
    world = world_with({**FLOW, "to": "shelter-west"}, parties=parties)
    caller = calling(IN_ORDER | {"org": "shelter-west", "training": {}})
    refused = refusal(compiled(world), caller=caller, purpose=Purpose.HOMELESSNESS, action=Action.READ, at=NOON)
    assert (refused.reason, refused.clause) == (Reason.TRAINING_LAPSED, "a1/f1")


def test_writing_to_another_owner_is_refused_whatever_the_agreements_say() -> None:
    caller = calling(as_role("system"))
    world = world_with({**FLOW, "recipient_roles": ["system"]})
    refused = refusal(
        compiled(world), caller=caller, purpose=Purpose.HOMELESSNESS, action=Action.WRITE, at=NOON, provider="lbhf"
    )
    assert refused.reason is Reason.NOT_COVERED_BY_AGREEMENT
    assert "only the owner" in refused.needed


def test_an_unknown_provider_is_like_one_without_an_agreement() -> None:
    refused = refusal(
        compiled(world_with(FLOW)),
        caller=calling(IN_ORDER),
        purpose=Purpose.HOMELESSNESS,
        action=Action.READ,
        at=NOON,
        provider="nowhere",
    )
    assert (refused.reason, refused.clause) == (Reason.NOT_COVERED_BY_AGREEMENT, None)
