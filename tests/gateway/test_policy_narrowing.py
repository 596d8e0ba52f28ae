"""Boroughs' policies one by one: what they may ask about, how long an answer holds, what a refusal says of them."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.explain import refusal
from gateway.governance import Governance
from gateway.policy import Decision, decide, decide_receipt, decide_referral
from gateway.referring import why_not_received, why_not_referred
from gateway.register import Snapshot
from gateway.standing import Reason
from shared.categories import Action, Category, Purpose, scope_of
from tests.gateway.test_policy_decision import agreement, flow, worker, world_of
from tests.gateway.worlds import NOON, calling, compiled

FORBID = "forbid (principal, action, resource)"
HOUSING = scope_of("lbhf", "housing")
CASEWORKER = {**worker("lbhf", "caseworker"), "training": {}, "commitments": {}}


def with_policies(**texts: str) -> Governance:
    """Compile a world in which lbhf shows housing to wcc, and takes referrals to it, with some boroughs' policies."""
    referral = flow(id="f2", trigger="referral", recipient_roles=["caseworker"])
    return compiled(world_of(agreement(flow(), referral)), policy_texts=texts)


def when(condition: str) -> str:
    return f"{FORBID} when {{ {condition} }};"


def decided(governance: Governance, caller: dict[str, Any] = CASEWORKER, **changes: Any) -> Decision:
    asked: dict[str, Any] = {"purpose": Purpose.HOMELESSNESS, "action": Action.READ, "at": NOON, **changes}
    return decide(governance, caller=calling(caller), **asked)


def snapshot_of(governance: Governance) -> Snapshot:
    return Snapshot(
        epoch=1,
        policy="",
        organisations={},
        issuers={},
        issued_for={},
        sources={},
        governance=governance,
        mandates=(),
    )


@pytest.mark.parametrize(
    "condition",
    [
        "resource.owner == context.acting_for && principal.organisation == resource.owner",
        'resource.service_area == "housing"',
        'resource.category == "existence"',
        'resource.class == "ordinary"',
        'context.purpose == "homelessness"',
        "!context.emergency",
        "context.local_hour == 13",
        'principal.roles.contains("caseworker")',
        "!principal.training_current && !principal.commitment_current",
        'action == Action::"read"',
        'context == {purpose: "homelessness", emergency: false, acting_for: resource.owner, local_hour: 13}',
        "principal has roles && resource has owner && context has purpose",
    ],
)
def test_a_policy_may_ask_about_everything_the_schema_names(condition: str) -> None:
    assert HOUSING in decided(with_policies()).grants

    assert HOUSING not in decided(with_policies(lbhf=when(condition))).grants
    assert HOUSING in decided(with_policies(lbhf=f"{FORBID} unless {{ {condition} }};")).grants


def test_an_emergency_is_told_to_policies_and_decided_apart_from_the_calm() -> None:
    calm = when("!context.emergency")
    snapshot = snapshot_of(with_policies(lbhf=calm))
    asked: dict[str, Any] = {"purpose": Purpose.HOMELESSNESS, "action": Action.READ, "at": NOON}

    assert snapshot.decide(calling(CASEWORKER), **asked).grants == {}
    assert HOUSING in snapshot.decide(calling(CASEWORKER), **asked, emergency="risk-to-life").grants
    assert snapshot.decide(calling(CASEWORKER), **asked).grants == {}


def test_the_policy_of_the_employer_holds_for_a_worker_who_acts_for_another() -> None:
    text = when('principal.organisation == Organisation::"rbkc" && context.acting_for == Organisation::"lbhf"')
    visitor = {**CASEWORKER, "employer": "rbkc", "mandated": ["caseworker"]}
    snapshot = snapshot_of(with_policies(rbkc=text))
    asked: dict[str, Any] = {"purpose": Purpose.HOMELESSNESS, "action": Action.READ, "at": NOON}

    assert HOUSING in snapshot.decide(calling(CASEWORKER), **asked).grants
    refused = snapshot.decide(calling(visitor), **asked)

    assert refused.grants == {}
    assert refused.forbidden[HOUSING][Category.IDENTITY] == "rbkc/policy0"


def test_rows_stricter_than_their_area_are_cells_of_their_own() -> None:
    worker_of_schools = worker("lbhf", "social-worker")
    asked = {"purpose": Purpose.EDUCATION}
    governance = with_policies(lbhf=when('resource.class == "child"'))

    assert "lbhf/education:child" in decided(with_policies(), worker_of_schools, **asked).grants
    assert "lbhf/education:child" not in decided(governance, worker_of_schools, **asked).grants
    assert "lbhf/education" in decided(governance, worker_of_schools, **asked).grants


@pytest.mark.parametrize(
    ("at", "in_london"),
    [(datetime(2026, 6, 15, 18, 30, tzinfo=UTC), 19), (datetime(2026, 1, 15, 18, 30, tzinfo=UTC), 18)],
)
def test_an_answer_that_rests_on_the_hour_holds_to_the_next_hour_in_london(at: datetime, in_london: int) -> None:
    governance = with_policies(lbhf=when(f"context.local_hour == {in_london}"))
    snapshot = snapshot_of(governance)
    asked: dict[str, Any] = {"purpose": Purpose.HOMELESSNESS, "action": Action.READ}

    assert snapshot.decide(calling(CASEWORKER), **asked, at=at).grants == {}
    assert decided(governance, at=at).valid_until == at.replace(hour=19, minute=0)
    later = at.replace(hour=19, minute=0)
    assert HOUSING in snapshot.decide(calling(CASEWORKER), **asked, at=later).grants
    assert decided(with_policies(lbhf=when('context.purpose == "housing"')), at=at).valid_until is None


def test_an_answer_that_rests_on_standing_holds_until_training_lapses_or_begins() -> None:
    governance = with_policies(lbhf=when("!principal.training_current"))
    trained = {**CASEWORKER, "training": {"data-protection": date(2025, 6, 15)}}

    assert decided(governance, trained).valid_until == datetime(2026, 6, 16, tzinfo=UTC)
    assert HOUSING in decided(governance, trained).grants
    assert decided(governance, trained, at=datetime(2026, 6, 16, tzinfo=UTC)).grants == {}

    signed = with_policies(lbhf=when("!principal.commitment_current"))
    to_sign = {**CASEWORKER, "commitments": {"confidentiality": {1: date(2026, 6, 20)}}}
    assert decided(signed, to_sign).grants == {}
    assert decided(signed, to_sign).valid_until == datetime(2026, 6, 20, tzinfo=UTC)


def test_a_policy_of_a_partner_and_of_a_third_borough_is_not_in_play() -> None:
    governance = with_policies(rbkc=f"{FORBID};", **{"shelter-west": f"{FORBID};"})

    assert decided(governance) == decided(with_policies())
    assert governance.policies.keys() == {"rbkc"}


def test_the_first_in_a_text_of_more_than_ten_policies_keeps_its_own_id() -> None:
    idle = [f'@id("p{number}") {when("context.local_hour > 23")}' for number in range(12)]
    text = "\n".join([*idle, f'@id("shut") {FORBID};', FORBID + ";"])

    assert decided(with_policies(lbhf=text)).forbidden[HOUSING][Category.EXISTENCE] == "lbhf/shut"


def test_a_call_left_nothing_is_refused_for_the_policy_and_one_that_had_nothing_is_not() -> None:
    governance = with_policies(lbhf=f'@id("shut") {FORBID};')
    asked: dict[str, Any] = {"purpose": Purpose.HOMELESSNESS, "action": Action.READ, "at": NOON}

    shut = refusal(governance, caller=calling(worker("wcc", "caseworker")), provider="lbhf", **asked)
    assert (shut.reason, shut.clause) == (Reason.FORBIDDEN_BY_OWNER_POLICY, "lbhf/shut")
    none = refusal(governance, caller=calling(worker("rbkc", "caseworker")), provider="lbhf", **asked)
    assert (none.reason, none.clause) == (Reason.NOT_COVERED_BY_AGREEMENT, None)


def test_a_referral_is_refused_for_the_policy_of_the_referrer_and_read_as_far_as_policies_let_it() -> None:
    referring: dict[str, Any] = {"recipient": "wcc", "purpose": Purpose.HOMELESSNESS, "at": NOON}
    reading: dict[str, Any] = {"purpose": Purpose.HOMELESSNESS, "at": NOON}
    sender, reader = calling(CASEWORKER), calling(worker("wcc", "caseworker"))
    no_referring = 'forbid (principal, action == Action::"refer", resource);'

    assert HOUSING in decide_referral(with_policies(), caller=sender, **referring).grants
    kept = with_policies(lbhf=no_referring)
    assert decide_referral(kept, caller=sender, **referring).grants == {}
    why = why_not_referred(kept, caller=sender, **referring)
    assert (why.reason, why.clause) == (Reason.FORBIDDEN_BY_OWNER_POLICY, "lbhf/policy0")
    assert decide_receipt(kept, caller=reader, **reading).clauses == ("a1/f2",)

    for org in ("lbhf", "wcc"):
        unread = with_policies(**{org: when('resource.owner != context.acting_for && action == Action::"read"')})
        assert decide_referral(unread, caller=sender, **referring).grants
        receipt = decide_receipt(unread, caller=reader, **reading)
        assert (receipt.clauses, receipt.decision.grants) == ((), {})
        told = why_not_received(unread, caller=reader, clause_id="a1/f2", **reading)
        assert (told.reason, told.clause) == (Reason.FORBIDDEN_BY_OWNER_POLICY, f"{org}/policy0")
