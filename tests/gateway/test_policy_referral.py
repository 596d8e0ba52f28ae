"""Referrals: what may be handed over and what may be read, against brute force over every cell of generated worlds."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy import Decision, decide_receipt, decide_referral
from gateway.referring import why_not_received, why_not_referred
from shared.categories import Purpose
from tests.gateway import oracle
from tests.gateway.worlds import KINDS, NOON, TODAY, callers, calling, compiled, worlds

Cells = dict[tuple[str, str, str], str]

partners = st.sampled_from([org for org in KINDS if org != "platform"])


def cells(decision: Decision) -> Cells:
    return {
        (scope.partition("/")[0], scope.partition("/")[2], category.value): form.value
        for scope, granted in decision.grants.items()
        for category, form in granted.items()
    }


def forms_in_flows(
    world: Any, *, provider: str, recipient: str, purpose: str, row: str, category: str, reader: Any | None
) -> list[str]:
    """Give the forms in which flows of trigger referral give a cell; to a reader, whose own conditions count too."""
    if world["kinds"][provider] != "borough" or world["kinds"][recipient] not in ("borough", "partner"):
        return []
    forms = []
    for agreement in world["agreements"]:
        for flow in agreement["content"]["flows"]:
            if (flow["from"], flow["to"], flow["trigger"]) != (provider, recipient, "referral"):
                continue
            if purpose not in flow["purposes"] or not oracle.flow_grants(world, agreement, flow, row=row, on=TODAY):
                continue
            if reader is not None:
                roles = set(reader["roles"]) & set(reader["registered_roles"]) & set(flow["recipient_roles"])
                if not roles - {"operator"}:
                    continue
                if not oracle.trained(flow, reader, on=TODAY) or not oracle.committed(flow, reader, on=TODAY):
                    continue
            forms += [each["form"] for each in flow["categories"] if each["category"] == category != "linkage"]
    return forms


def handed_over(world: Any, caller: Any, recipient: str, purpose: str) -> Cells:
    roles = [role for role in caller["roles"] if role in caller["registered_roles"]]
    found = {}
    for row in oracle.ROWS:
        for category in oracle.CATEGORIES:
            forms = forms_in_flows(
                world, provider=caller["org"], recipient=recipient, purpose=purpose, row=row, category=category,
                reader=None,
            )  # fmt: skip
            seen = any(oracle.own_role_sees(role, purpose, "refer", row, category) for role in roles)
            if forms and seen:
                found[caller["org"], row, category] = max(forms, key=oracle.FORMS.index)
    return {cell: form for cell, form in found.items() if (*cell[:2], "existence") in found}


def received(world: Any, caller: Any, purpose: str) -> Cells:
    found = {}
    for provider in KINDS:
        for row in oracle.ROWS:
            for category in oracle.CATEGORIES:
                if provider == caller["org"]:
                    continue
                forms = forms_in_flows(
                    world, provider=provider, recipient=caller["org"], purpose=purpose, row=row, category=category,
                    reader=caller,
                )  # fmt: skip
                if forms:
                    found[provider, row, category] = max(forms, key=oracle.FORMS.index)
    return {cell: form for cell, form in found.items() if (*cell[:2], "existence") in found}


def named_purposes(world: Any) -> list[str]:
    named = {
        purpose for each in world["agreements"] for flow in each["content"]["flows"] for purpose in flow["purposes"]
    }
    return sorted(named | {"referral"})


def referring_world(world: dict[str, Any]) -> dict[str, Any]:
    """Turn every flow but those for linking into one for referrals, or hardly any would be."""
    for agreement in world["agreements"]:
        for flow in agreement["content"]["flows"]:
            flow["trigger"] = "batch" if flow["trigger"] == "batch" else "referral"
    return world


@settings(max_examples=40, deadline=None)
@given(world=worlds().map(referring_world), caller=callers(), recipient=partners)
def test_what_may_be_handed_over_is_what_the_flow_grants_and_the_referrer_sees(
    world: dict[str, Any], caller: dict[str, Any], recipient: str
) -> None:
    governance = compiled(world)
    for purpose in named_purposes(world):
        for role in ("frontline", "caseworker", "social-worker", caller["roles"][0]):
            for org in ("lbhf", caller["org"]):
                asking = {**caller, "org": org, "roles": [role], "registered_roles": [role]}
                decision = decide_referral(
                    governance, caller=calling(asking), recipient=recipient, purpose=Purpose(purpose), at=NOON
                )
                assert cells(decision) == handed_over(world, asking, recipient, purpose)
                for scope, granted in decision.grants.items():
                    assert decision.clauses[scope].keys() == granted.keys(), "each cell has its clause"


@settings(max_examples=40, deadline=None)
@given(world=worlds().map(referring_world), caller=callers())
def test_what_may_be_read_of_referrals_is_what_flows_grant_this_very_reader(
    world: dict[str, Any], caller: dict[str, Any]
) -> None:
    governance = compiled(world)
    for purpose in named_purposes(world):
        receipt = decide_receipt(governance, caller=calling(caller), purpose=Purpose(purpose), at=NOON)
        assert cells(receipt.decision) == received(world, caller, purpose)
        behind = {clause for granted in receipt.decision.clauses.values() for clause in granted.values()}
        assert behind <= set(receipt.clauses)


@settings(max_examples=30, deadline=None)
@given(world=worlds().map(referring_world), caller=callers(), recipient=partners)
def test_a_refusal_says_what_would_be_needed(world: dict[str, Any], caller: dict[str, Any], recipient: str) -> None:
    governance, asking = compiled(world), calling(caller)
    for purpose in map(Purpose, named_purposes(world)):
        why = why_not_referred(governance, caller=asking, recipient=recipient, purpose=purpose, at=NOON)
        assert why.needed
        for clause in governance.referred.get(asking.org, ()):
            receipt = decide_receipt(governance, caller=asking, purpose=purpose, at=NOON)
            told = why_not_received(governance, caller=asking, clause_id=clause.clause_id, purpose=purpose, at=NOON)
            if clause.clause_id not in receipt.clauses:
                assert told.clause == clause.clause_id


def test_a_request_flow_lets_nobody_refer_and_a_referral_flow_lets_nobody_look() -> None:
    flow = {
        "id": "f1", "from": "lbhf", "to": "shelter-west", "purposes": ["referral"], "trigger": "request",
        "service_areas": ["housing"], "categories": [{"category": "existence", "form": "value"}],
        "recipient_roles": ["partner-worker"], "article6": "e",
        "legal_power": {"act": "Housing Act 1996", "section": "213"},
    }  # fmt: skip
    content = {
        "title": "t", "type": "isp", "valid_from": "2026-01-01", "valid_until": "2028-12-31", "flows": [flow],
        "parties": [{"org": org, "role": "controller"} for org in ("lbhf", "shelter-west")],
    }  # fmt: skip
    world = {"kinds": KINDS, "bars": [], "agreements": [{"id": "a1", "status": "active", "content": content}]}
    worker = {"org": "lbhf", "roles": ["caseworker"], "registered_roles": ["caseworker"], "training": {},
              "commitments": {}}  # fmt: skip

    def may_hand_over() -> Cells:
        return cells(
            decide_referral(
                compiled(world), caller=calling(worker), recipient="shelter-west", purpose=Purpose.REFERRAL, at=NOON
            )
        )

    assert may_hand_over() == {}
    flow["trigger"] = "referral"
    assert may_hand_over() == {("lbhf", "housing", "existence"): "value"}
    assert not compiled(world).received_for
