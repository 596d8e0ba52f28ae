"""Boroughs' policies: decisions against the oracle over the whole space of a hundred worlds, and what must hold."""

from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.borough_policy import faults_of
from gateway.explain import explain
from gateway.governance import Governance
from gateway.policy import Decision, decide, decide_receipt, decide_referral
from gateway.standing import Reason
from shared.categories import Action, Purpose
from tests.gateway import oracle
from tests.gateway.policies import (
    ACTIONS,
    BOROUGHS,
    PURPOSES,
    a_caller,
    a_moment,
    a_policy,
    a_world,
    governed,
    hour_in_london,
    in_cedar,
)
from tests.gateway.test_policy_decision import cells
from tests.gateway.worlds import NOON, TODAY, calling, compiled

WORLDS = 100
CALLERS = 6
FORBID = "forbid (principal, action, resource)"
seeds = st.integers(1_000, 1_000_000)


def decided(governance: Governance, caller: dict[str, Any], purpose: str, action: str, at: datetime = NOON) -> Decision:
    return decide(governance, caller=calling(caller), purpose=Purpose(purpose), action=Action(action), at=at)


@pytest.mark.parametrize("seed", range(WORLDS))
def test_every_cell_for_every_purpose_and_action_is_decided_as_the_oracle_decides_it(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a seeded world is no secret
    world, at = a_world(chance), a_moment(chance)
    governance = governed(world)
    for _ in range(CALLERS):
        caller = a_caller(chance)
        for purpose in PURPOSES:
            for action in ACTIONS:
                expected = oracle.cells_granted(
                    world, caller=caller, purpose=purpose, action=action, on=TODAY, hour=hour_in_london(at)
                )
                assert cells(decided(governance, caller, purpose, action, at)) == expected, (caller, purpose, action)


def test_the_worlds_hold_what_they_are_to_show() -> None:
    granted = forbidden = 0
    for seed in range(0, WORLDS, 10):
        chance = Random(seed)  # noqa: S311  a seeded world is no secret
        world, at = a_world(chance), a_moment(chance)
        governance = governed(world)
        for _ in range(CALLERS):
            caller = a_caller(chance)
            for purpose in PURPOSES:
                decision = decided(governance, caller, purpose, "read", at)
                granted += len(decision.grants)
                forbidden += len(decision.forbidden)
    assert granted > 300
    assert forbidden > 300


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_what_is_generated_is_what_a_borough_may_write(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a seeded world is no secret
    text = in_cedar([a_policy(chance) for _ in range(10)])
    assert faults_of(text) == []


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_adding_a_policy_or_removing_an_agreement_never_reveals_more(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a seeded world is no secret
    world, at, caller = a_world(chance), a_moment(chance), a_caller(chance)
    more, org = dict(world["policies"]), chance.choice(BOROUGHS)
    more[org] = [*more.get(org, []), a_policy(chance)]
    fewer = [each for each in world["agreements"] if chance.random() < 0.5]
    for purpose in PURPOSES:
        for action in ("read", "refer"):
            before = cells(decided(governed(world), caller, purpose, action, at))
            for changed in ({**world, "policies": more}, {**world, "agreements": fewer}):
                after = cells(decided(governed(changed), caller, purpose, action, at))
                assert after.keys() <= before.keys()
                assert all(oracle.FORMS.index(form) <= oracle.FORMS.index(before[cell]) for cell, form in after.items())


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_what_is_forbidden_was_granted_and_is_told_with_the_policy_of_a_borough_on_either_side(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a seeded world is no secret
    world, at, caller = a_world(chance), a_moment(chance), a_caller(chance)
    governance, without = governed(world), compiled(world)
    for purpose in chance.sample(PURPOSES, 6):
        decision = decided(governance, caller, purpose, "read", at)
        before = cells(decided(without, caller, purpose, "read", at))
        taken = {
            (*scope.split("/"), category.value): policy_id
            for scope, told in decision.forbidden.items()
            for category, policy_id in told.items()
        }
        assert before.keys() - cells(decision).keys() == taken.keys()
        for (owner, _, _), policy_id in taken.items():
            assert policy_id.partition("/")[0] in {owner, caller["org"], caller.get("employer")}
        told = explain(governance, caller=calling(caller), purpose=Purpose(purpose), action=Action.READ, at=at)
        reasons = {(one.provider, one.service_area, one.category.value): one for one in told}
        for cell, denial in reasons.items():
            assert (denial.reason is Reason.FORBIDDEN_BY_OWNER_POLICY) is (cell in taken)
            assert denial.reason is not Reason.FORBIDDEN_BY_OWNER_POLICY or denial.clause == taken[cell]


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_referrals_are_narrowed_on_both_sides_as_reads_are(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a seeded world is no secret
    world, at, caller = a_world(chance), a_moment(chance), calling(a_caller(chance))
    policies, without = governed(world), compiled(world)
    for purpose in map(Purpose, PURPOSES):
        for recipient in world["kinds"]:
            whole = decide_referral(without, caller=caller, recipient=recipient, purpose=purpose, at=at)
            left = decide_referral(policies, caller=caller, recipient=recipient, purpose=purpose, at=at)
            _agree_on_policies(world, whole, left, caller=caller, purpose=purpose, action="refer", at=at)
        received = decide_receipt(without, caller=caller, purpose=purpose, at=at)
        read = decide_receipt(policies, caller=caller, purpose=purpose, at=at)
        _agree_on_policies(
            world, received.decision, read.decision, caller=caller, purpose=purpose, action="read", at=at
        )
        assert set(read.clauses) <= set(received.clauses)
        behind = {clause for told in read.decision.clauses.values() for clause in told.values()}
        assert behind <= set(read.clauses)


def _agree_on_policies(
    world: Any, whole: Decision, left: Decision, *, caller: Any, purpose: str, action: str, at: datetime
) -> None:
    """Take from a decision without policies what the oracle says they forbid, and compare."""
    circumstances = oracle.circumstances_of(
        {
            "org": caller.org,
            "employer": caller.employing_org,
            "training": caller.standing.training,
            "commitments": caller.standing.commitments,
        },
        roles=list(caller.held_roles),
        purpose=purpose,
        on=TODAY,
        hour=hour_in_london(at),
    )
    expected = oracle.narrowed(world, cells(whole), circumstances, action=action)
    assert cells(left) == expected
