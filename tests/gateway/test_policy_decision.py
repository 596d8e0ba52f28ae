"""What a call may see: the policy against the oracle, and what must hold in every world."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.governance import Governance
from gateway.policy import Decision, decide, linkages, render_grants
from shared.categories import Action, Category, Form, Purpose, Role, Scope, split_scope
from tests.gateway import oracle
from tests.gateway.worlds import KINDS, NOON, TODAY, callers, calling, compiled, worlds

BOROUGHS = [org for org, kind in KINDS.items() if kind == "borough"]
Cells = dict[tuple[str, str, str], str]


def worker(org: str, *roles: str) -> dict[str, Any]:
    return {"org": org, "roles": list(roles), "registered_roles": list(roles), "training": {}, "commitments": {}}


def cells(decision: Decision) -> Cells:
    return {
        (scope.partition("/")[0], scope.partition("/")[2], category.value): form.value
        for scope, granted in decision.grants.items()
        for category, form in granted.items()
    }


def decided(governance: Governance, caller: dict[str, Any], purpose: str, action: str) -> Cells:
    return cells(decide(governance, caller=calling(caller), purpose=Purpose(purpose), action=Action(action), at=NOON))


def cells_by_the_oracle(world: dict[str, Any], caller: dict[str, Any], purpose: str, action: str) -> Cells:
    return oracle.cells_granted(world, caller=caller, purpose=purpose, action=action, on=TODAY, hour=NOON.hour)


def agreement(*flows: dict[str, Any], status: str = "active") -> dict[str, Any]:
    content = {
        "title": "Homelessness",
        "type": "isp",
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
        "parties": [{"org": "lbhf", "role": "controller"}, {"org": "wcc", "role": "controller"}],
        "flows": list(flows),
    }
    return {"id": "a1", "status": status, "content": content}


def flow(**changes: Any) -> dict[str, Any]:
    return {
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
        **changes,
    }


def world_of(*agreements: dict[str, Any], bars: list[tuple[str, str, str]] | None = None) -> dict[str, Any]:
    return {"kinds": KINDS, "agreements": list(agreements), "bars": bars or []}


@settings(max_examples=40, deadline=None)
@given(world=worlds(), caller=callers(), data=st.data())
def test_every_cell_of_a_generated_world_is_decided_as_the_oracle_decides_it(
    world: dict[str, Any], caller: dict[str, Any], data: st.DataObject
) -> None:
    governance = compiled(world)
    named = [
        purpose for each in world["agreements"] for flow in each["content"]["flows"] for purpose in flow["purposes"]
    ]
    purposes = {data.draw(st.sampled_from([each.value for each in Purpose])), *named}
    action = data.draw(st.sampled_from(["read", "read", "search", *[each.value for each in Action]]))
    for purpose in sorted(purposes):
        for role in [None, *Role]:
            asking = caller if role is None else {**caller, "roles": [role], "registered_roles": [role]}
            expected = cells_by_the_oracle(world, asking, purpose, action)
            assert decided(governance, asking, purpose, action) == expected


@pytest.mark.parametrize("trigger", ["event", "referral", "batch"])
def test_only_a_flow_that_a_call_sets_in_motion_shows_anything_to_a_call(trigger: str) -> None:
    asking = worker("wcc", "caseworker")

    def seen(**changes: Any) -> set[str]:
        governance = compiled(world_of(agreement(flow(**changes))))
        return {owner for owner, _, _ in decided(governance, asking, "homelessness", "read")}

    assert "lbhf" in seen(trigger="request")
    assert "lbhf" not in seen(trigger=trigger)


@pytest.mark.parametrize("action", [each.value for each in Action])
def test_a_borough_without_agreements_decides_on_its_own_records_as_the_oracle_does(action: str) -> None:
    world = world_of()
    governance = compiled(world)
    for role in Role:
        for purpose in Purpose:
            asking = worker("lbhf", role)
            assert decided(governance, asking, purpose, action) == cells_by_the_oracle(world, asking, purpose, action)


@settings(max_examples=60, deadline=None)
@given(world=worlds(), caller=callers(), purpose=st.sampled_from(Purpose), data=st.data())
def test_removing_an_agreement_never_reveals_more(
    world: dict[str, Any], caller: dict[str, Any], purpose: Purpose, data: st.DataObject
) -> None:
    kept = [each for each in world["agreements"] if data.draw(st.booleans())]
    before = decided(compiled(world), caller, purpose, "read")
    after = decided(compiled({**world, "agreements": kept}), caller, purpose, "read")
    assert after.keys() <= before.keys()
    assert all(oracle.FORMS.index(form) <= oracle.FORMS.index(before[cell]) for cell, form in after.items())


@settings(max_examples=60, deadline=None)
@given(world=worlds(), caller=callers(), purpose=st.sampled_from(Purpose))
def test_every_cell_of_another_owner_names_a_clause_between_that_owner_and_the_caller(
    world: dict[str, Any], caller: dict[str, Any], purpose: Purpose
) -> None:
    ends = {
        f"{each['id']}/{flow['id']}": (flow["from"], flow["to"])
        for each in world["agreements"]
        for flow in each["content"]["flows"]
    }
    decision = decide(compiled(world), caller=calling(caller), purpose=purpose, action=Action.READ, at=NOON)
    foreign = {
        scope: set(granted) for scope, granted in decision.grants.items() if split_scope(scope)[0] != caller["org"]
    }
    assert {scope: set(clauses) for scope, clauses in decision.clauses.items()} == foreign
    for scope, clauses in decision.clauses.items():
        assert {ends[clause] for clause in clauses.values()} == {(split_scope(scope)[0], caller["org"])}


@settings(max_examples=60, deadline=None)
@given(world=worlds(), caller=callers(), purpose=st.sampled_from(Purpose), hours=st.integers(0, 24 * 12))
def test_a_decision_holds_until_the_moment_it_says(
    world: dict[str, Any], caller: dict[str, Any], purpose: Purpose, hours: int
) -> None:
    governance, asking = compiled(world), calling(caller)
    decision = decide(governance, caller=asking, purpose=purpose, action=Action.READ, at=NOON)
    later = NOON + timedelta(hours=hours)
    if decision.valid_until is None or later < decision.valid_until:
        again = decide(governance, caller=asking, purpose=purpose, action=Action.READ, at=later)
        assert again.grants == decision.grants


@settings(max_examples=60, deadline=None)
@given(world=worlds())
def test_owners_link_exactly_where_the_oracle_finds_both_directions_open(world: dict[str, Any]) -> None:
    expected = {}
    for first in BOROUGHS:
        for second in BOROUGHS:
            there = oracle.areas_opened(world, provider=first, recipient=second, on=TODAY)
            back = oracle.areas_opened(world, provider=second, recipient=first, on=TODAY)
            if first < second and there and back:
                expected[first, second] = (frozenset(there), frozenset(back))
    assert linkages(compiled(world), at=NOON) == expected


def test_linkage_may_stand_in_two_agreements_for_two_purposes_and_ends_with_a_suspension() -> None:
    there = flow(trigger="batch", categories=[{"category": "linkage"}], service_areas=["*"], recipient_roles=[])
    back = {**there, "from": "wcc", "to": "lbhf", "purposes": ["housing"], "service_areas": ["parking"]}
    both = world_of(agreement(there), {**agreement(back), "id": "a2"})
    assert linkages(compiled(both), at=NOON) == {("lbhf", "wcc"): (frozenset(oracle.ORDINARY), frozenset({"parking"}))}
    suspended = world_of(agreement(there), {**agreement(back, status="suspended"), "id": "a2"})
    assert linkages(compiled(suspended), at=NOON) == {}
    assert linkages(compiled(world_of(agreement(there))), at=NOON) == {}


def test_several_clauses_grant_together_each_cell_in_its_fullest_form() -> None:
    some = flow(categories=[{"category": "existence"}, {"category": "identity", "form": "exists"}])
    more = flow(id="f2", categories=[{"category": "existence"}, {"category": "identity", "form": "band"}])
    decision = decide(
        compiled(world_of(agreement(some, more))),
        caller=calling(worker("wcc", "caseworker")),
        purpose=Purpose.HOMELESSNESS,
        action=Action.READ,
        at=NOON,
    )
    housing = Scope("lbhf/housing")
    assert decision.grants[housing] == {Category.EXISTENCE: Form.VALUE, Category.IDENTITY: Form.BAND}
    assert decision.clauses[housing] == {Category.EXISTENCE: "a1/f1", Category.IDENTITY: "a1/f2"}
    assert render_grants(decision.grants)["lbhf/housing"] == ["existence", "identity:band"]


def test_a_scope_without_existence_grants_nothing() -> None:
    world = world_of(agreement(flow(categories=[{"category": "identity"}])))
    seen = decided(compiled(world), worker("wcc", "caseworker"), "homelessness", "read")
    assert {owner for owner, _, _ in seen} == {"wcc"}


@pytest.mark.parametrize(
    ("area", "row", "condition"),
    [
        ("concessions", "concessions:special", {"article9": ["h"], "schedule1": ["2"]}),
        ("concessions", "concessions:special", {"article9": ["c"]}),
        ("community-safety", "community-safety:criminal", {"article10": True, "schedule1": ["10"]}),
        ("education", "education:child", {"legal_power": {"act": "Education Act 1996", "section": "13"}}),
    ],
)
def test_rows_stricter_than_their_area_ask_for_its_name_and_their_condition(
    area: str, row: str, condition: dict[str, Any]
) -> None:
    caller = worker("wcc", "caseworker")

    def opened(**changes: Any) -> set[str]:
        seen = decided(compiled(world_of(agreement(flow(**changes)))), caller, "homelessness", "read")
        return {there for owner, there, _ in seen if owner == "lbhf"}

    assert opened(service_areas=[area]) == {area}
    assert opened(service_areas=[area], **condition) == {area, row}
    assert row not in opened(service_areas=["*"], **condition)


def test_a_decision_lists_areas_only() -> None:
    asking = calling(worker("lbhf", "social-worker"))
    decision = decide(
        compiled(world_of()), caller=asking, purpose=Purpose.CHILD_SAFEGUARDING, action=Action.READ, at=NOON
    )
    assert Scope("lbhf/education:child") in decision.grants
    assert {split_scope(Scope(scope))[1] for scope in render_grants(decision.grants)} == set(oracle.AREAS)
    assert not any(":" in scope for scope in render_grants(decision.grants))


def test_a_statutory_bar_is_lifted_only_by_a_clause_that_cites_it() -> None:
    world = world_of(agreement(flow()), bars=[("lbhf", "housing", "Representation of the People Act 1983")])
    cited = world_of(agreement(flow()), bars=[("lbhf", "housing", "housing act  1996")])
    caller = worker("wcc", "caseworker")
    assert ("lbhf", "housing", "identity") not in decided(compiled(world), caller, "homelessness", "read")
    assert ("lbhf", "housing", "identity") in decided(compiled(cited), caller, "homelessness", "read")


def test_days_are_counted_in_utc_and_both_ends_are_included() -> None:
    governance, asking = compiled(world_of(agreement(flow()))), calling(worker("wcc", "caseworker"))

    def sees_another_borough(at: datetime) -> bool:
        decision = decide(governance, caller=asking, purpose=Purpose.HOMELESSNESS, action=Action.READ, at=at)
        return Scope("lbhf/housing") in decision.grants

    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime.combine(datetime(2028, 12, 31, tzinfo=UTC), time.max, UTC)
    assert [sees_another_borough(first - timedelta.resolution), sees_another_borough(first)] == [False, True]
    assert [sees_another_borough(last), sees_another_borough(last + timedelta.resolution)] == [True, False]


def test_a_role_the_register_does_not_allow_counts_for_nothing() -> None:
    caller = {**worker("lbhf", "caseworker"), "registered_roles": ["analyst"]}
    assert decided(compiled(world_of()), caller, "housing", "read") == {}
