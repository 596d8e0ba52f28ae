"""How an agreement comes into force: signatures of every party under one text, and nothing less."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lifecycle import (
    AgreementAction,
    AgreementState,
    AgreementStatus,
    IllegalTransitionError,
    OtherDigestError,
    expire,
    legal_actions,
    supersede,
    transition,
)

AT = datetime(2026, 6, 15, 12, tzinfo=UTC)
PARTIES = ["hackney", "lbhf", "wcc"]
DRAFT = AgreementState(
    status=AgreementStatus.DRAFT,
    digest="d1",
    parties=frozenset(PARTIES),
    providers=frozenset({"lbhf", "wcc"}),
)
Step = tuple[AgreementAction, str, str]
steps = st.lists(
    st.tuples(
        st.sampled_from(AgreementAction), st.sampled_from([*PARTIES, "harrow"]), st.sampled_from(["d1", "d1", "d2"])
    ),
    max_size=25,
)


def moved(state: AgreementState, *actions: tuple[AgreementAction, str]) -> AgreementState:
    for action, by_org in actions:
        state = transition(state, action=action, by_org=by_org, digest="d1", at=AT)
    return state


PROPOSED = moved(DRAFT, (AgreementAction.PROPOSE, "lbhf"))
ACTIVE = moved(PROPOSED, *((AgreementAction.SIGN, org) for org in PARTIES))


@given(taken=steps)
def test_whatever_is_tried_only_every_party_s_signature_activates(taken: list[Step]) -> None:
    state = DRAFT
    signed: set[str] = set()
    for action, by_org, digest in taken:
        legal = legal_actions(state, by_org=by_org)
        if action not in legal:
            with pytest.raises(IllegalTransitionError) as refused:
                transition(state, action=action, by_org=by_org, digest=digest, at=AT)
            assert refused.value.legal == legal
            continue
        if action is AgreementAction.SIGN and digest != "d1":
            with pytest.raises(OtherDigestError):
                transition(state, action=action, by_org=by_org, digest=digest, at=AT)
            continue
        after = transition(state, action=action, by_org=by_org, digest=digest, at=AT)
        assert by_org in PARTIES
        if action is AgreementAction.SIGN:
            signed.add(by_org)
        if action is AgreementAction.SUSPEND:
            assert by_org in DRAFT.providers
            assert after.status is AgreementStatus.SUSPENDED
        if after.status is AgreementStatus.ACTIVE:
            assert signed == set(PARTIES)
            assert not after.suspended_by
        assert state.status is not AgreementStatus.TERMINATED
        assert after.digest == "d1"
        assert {signature.digest for signature in after.signatures} <= {"d1"}
        state = after


def test_every_party_but_one_is_not_every_party() -> None:
    almost = moved(PROPOSED, (AgreementAction.SIGN, "lbhf"), (AgreementAction.SIGN, "wcc"))
    assert almost.status is AgreementStatus.PROPOSED
    assert moved(almost, (AgreementAction.SIGN, "hackney")).status is AgreementStatus.ACTIVE


@pytest.mark.parametrize("digest", ["d2", None])
def test_a_signature_under_another_text_or_none_is_refused(digest: str | None) -> None:
    with pytest.raises(OtherDigestError):
        transition(PROPOSED, action=AgreementAction.SIGN, by_org="lbhf", digest=digest, at=AT)


def test_any_provider_suspends_alone_and_a_mere_recipient_may_not() -> None:
    assert moved(ACTIVE, (AgreementAction.SUSPEND, "wcc")).status is AgreementStatus.SUSPENDED
    with pytest.raises(IllegalTransitionError) as refused:
        moved(ACTIVE, (AgreementAction.SUSPEND, "hackney"))
    assert refused.value.legal == (AgreementAction.TERMINATE,)


def test_only_who_suspended_may_resume_and_all_of_them_must() -> None:
    once = moved(ACTIVE, (AgreementAction.SUSPEND, "wcc"))
    assert AgreementAction.RESUME not in legal_actions(once, by_org="lbhf")
    twice = moved(once, (AgreementAction.SUSPEND, "lbhf"))
    still = moved(twice, (AgreementAction.RESUME, "wcc"))
    assert still.status is AgreementStatus.SUSPENDED
    assert moved(still, (AgreementAction.RESUME, "lbhf")) == ACTIVE


def test_an_outsider_may_do_nothing_and_is_told_of_nothing() -> None:
    for state in (DRAFT, PROPOSED, ACTIVE):
        assert legal_actions(state, by_org="harrow") == ()


@pytest.mark.parametrize(
    ("end", "status"), [(expire, AgreementStatus.EXPIRED), (supersede, AgreementStatus.SUPERSEDED)]
)
def test_only_an_agreement_that_came_into_force_runs_out_or_is_replaced(
    end: Callable[[AgreementState], AgreementState], status: AgreementStatus
) -> None:
    assert end(ACTIVE).status is status
    for state in (DRAFT, PROPOSED, replace(ACTIVE, status=AgreementStatus.TERMINATED)):
        with pytest.raises(IllegalTransitionError):
            end(state)
    assert legal_actions(end(ACTIVE), by_org="lbhf") == ()
