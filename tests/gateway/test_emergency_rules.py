"""What an emergency opens, in generated worlds, against the rule in other words."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.emergency import openings, why_not_opened
from gateway.policy import decide
from shared.categories import Action, Purpose
from tests.gateway import oracle
from tests.gateway.worlds import BAR, KINDS, NOON, TODAY, agreements, callers, calling, compiled, flows

REASONS = ("fire", "flood")
LOOKS = (Action.READ, Action.SEARCH)

few_roles = st.lists(st.sampled_from(["caseworker", "social-worker", "operator"]), min_size=1, unique=True)
few_categories = st.lists(
    st.sampled_from(["linkage", "accessibility", "markers", "identity", "address", "cases"]), unique=True
)
terms = st.fixed_dictionaries(
    {
        "allowed": st.sampled_from([True, True, True, False]),
        "reasons": st.lists(st.sampled_from(REASONS), min_size=1, unique=True),
        "roles": few_roles,
        "categories": st.tuples(st.sampled_from([["existence"], ["existence"], []]), few_categories).map(
            lambda parts: [*parts[0], *parts[1]]
        ),
        "max_minutes": st.integers(1, 60),
    }
)


@st.composite
def emergencies(draw: st.DrawFn) -> tuple[Any, Any, str]:
    """Draw a world with one or two agreements that may allow emergency access to a caller whom both concern."""
    caller = draw(callers()) | {"org": draw(st.sampled_from(["rbkc", "shelter-west"]))}
    caller |= {"roles": (roles := draw(few_roles)), "registered_roles": draw(st.just(roles) | few_roles)}
    made = []
    for number in range(draw(st.integers(1, 2))):
        flow = draw(flows(number=0)) | {"from": draw(st.sampled_from(["lbhf", "wcc"])), "to": caller["org"]}
        flow["trigger"] = draw(st.sampled_from(["request", "request", "request", "referral"]))
        agreement = draw(agreements(number=number))
        if draw(st.integers(0, 2)):
            agreement["status"] = "active"
        agreement["content"] |= {"flows": [flow], "break_glass": draw(terms)}
        made.append(agreement)
    bars = draw(st.lists(st.tuples(st.just("lbhf"), st.sampled_from(oracle.AREAS), st.just(BAR)), max_size=3))
    return {"kinds": KINDS, "agreements": made, "bars": bars}, caller, draw(st.sampled_from([*REASONS, "earthquake"]))


def names_condition_of(category: str, agreement: Any, flow: Any) -> bool:
    """Tell whether a flow names the legal condition that a category asks for wherever it occurs."""
    row = {"accessibility": "concessions:special", "markers": "community-safety:criminal"}.get(category)
    if row is None:
        return True
    open_everywhere = {**flow, "service_areas": [row.partition(":")[0]]}
    return oracle.flow_grants({"bars": []}, agreement, open_everywhere, row=row, on=TODAY)


def opened(world: Any, caller: Any, reason: str) -> tuple[set[tuple[str, str, str]], set[tuple[str, str]]]:
    """Give the cells an emergency opens, and between which agreements and providers, by brute force."""
    held = {role for role in caller["roles"] if role in caller["registered_roles"]} - {"operator"}
    cells, taken = set(), set()
    for agreement in world["agreements"]:
        allowed = agreement["content"].get("break_glass")
        if not allowed or not allowed["allowed"] or reason not in allowed["reasons"] or not held & {*allowed["roles"]}:
            continue
        for flow in agreement["content"]["flows"]:
            ends = (flow["from"], flow["to"])
            if flow["trigger"] != "request" or ends[0] == ends[1] or ends[1] != caller["org"]:
                continue
            if KINDS[ends[0]] != "borough" or KINDS[ends[1]] == "operator":
                continue
            for row in oracle.ROWS:
                if oracle.flow_grants(world, agreement, flow, row=row, on=TODAY):
                    named = [one for one in allowed["categories"] if names_condition_of(one, agreement, flow)]
                    cells |= {(flow["from"], row, one) for one in named if one != "linkage"}
                    taken.add((agreement["id"], flow["from"]))
    return cells, taken


def ordinarily(world: Any, caller: Any, purpose: str) -> set[tuple[str, str, str]]:
    """Give the cells of others that agreements name for the call without an emergency."""
    held = {role for role in caller["roles"] if role in caller["registered_roles"]} - {"operator"}
    return {
        (flow["from"], row, each["category"])
        for agreement in world["agreements"]
        for flow in agreement["content"]["flows"]
        if flow["trigger"] == "request" and flow["to"] == caller["org"] != flow["from"]
        if KINDS[flow["from"]] == "borough" and KINDS[flow["to"]] != "operator"
        if purpose in flow["purposes"] and held & {*flow["recipient_roles"]}
        if oracle.trained(flow, caller, on=TODAY) and oracle.committed(flow, caller, on=TODAY)
        for row in oracle.ROWS
        if oracle.flow_grants(world, agreement, flow, row=row, on=TODAY)
        for each in flow["categories"]
        if each["category"] != "linkage"
    }


def cells_of(grants: Any) -> set[tuple[str, str, str]]:
    return {
        (scope.partition("/")[0], scope.partition("/")[2], category)
        for scope, told in grants.items()
        for category in told
    }


@settings(max_examples=300, deadline=None)
@given(emergency=emergencies(), purpose=st.sampled_from(Purpose), action=st.sampled_from([*Action, *LOOKS, *LOOKS]))
def test_an_emergency_adds_exactly_the_cells_its_terms_name(
    emergency: tuple[Any, Any, str], purpose: Purpose, action: Action
) -> None:
    world, caller, reason = emergency
    governance, asking = compiled(world), calling(caller)
    ordinary = decide(governance, caller=asking, purpose=purpose, action=action, at=NOON)
    widened = decide(governance, caller=asking, purpose=purpose, action=action, at=NOON, emergency=reason)
    more, taken = opened(world, caller, reason) if action in LOOKS else (set(), set())

    others = more | (ordinarily(world, caller, purpose) if action in LOOKS else set())
    known = {cell for cell in others if (*cell[:2], "existence") in others}
    own = {cell for cell in cells_of(ordinary.grants) if cell[0] == caller["org"]}

    found = cells_of(widened.grants)
    assert found == known | own
    if not more:
        assert widened.grants == ordinary.grants
    started = openings(governance, caller=asking, reason=reason, grants=widened.grants, on=TODAY)
    assert {(one.agreement_id, one.provider) for one in started} <= taken or action not in LOOKS
    assert {one.provider for one in started} >= {owner for owner, _, _ in found & more} - {caller["org"]}
    if not started:
        assert why_not_opened(governance, caller=asking, reason=reason, purpose=purpose, on=TODAY).needed


@settings(max_examples=200, deadline=None)
@given(emergency=emergencies(), days=st.integers(0, 12))
def test_a_decision_in_an_emergency_holds_until_the_moment_it_says(emergency: tuple[Any, Any, str], days: int) -> None:
    world, caller, reason = emergency
    governance, asking = compiled(world), calling(caller)

    def decided(at: datetime) -> Any:
        return decide(governance, caller=asking, purpose=Purpose.HOUSING, action=Action.READ, at=at, emergency=reason)

    decision, later = decided(NOON), NOON + timedelta(days=days)
    if decision.valid_until is None or later < decision.valid_until:
        assert decided(later).grants == decision.grants
