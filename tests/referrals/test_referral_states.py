"""The life of a referral, against an independent model: the rows of the table as the domain writes them down."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referrals.fhir import fhir_status
from referrals.referral import DRAFTED, OPEN, Action, IllegalMove, Progress, Side, Status, legal_actions, moved

_OPEN: Final = "authorised sent received info-requested accepted in-progress on-hold"
_ALL: Final = (
    "draft authorised sent received info-requested accepted rejected redirected in-progress on-hold completed"
    " not-completed withdrawn recalled expired closed"
)
TABLE: Final = f"""
draft | authorise | decision | authorised
authorised | send | system | sent
sent | receive | partner | received
received accepted | request-info | partner | info-requested
info-requested | supply-info | referrer | BEFORE
received | accept | partner | accepted
received info-requested | reject | partner | rejected
received info-requested | redirect | partner | redirected
accepted | start | partner | in-progress
in-progress | hold | partner | on-hold
on-hold | resume | partner | in-progress
in-progress | complete | partner | completed
accepted in-progress on-hold | fail | partner | not-completed
{_OPEN} | withdraw | referrer | withdrawn
{_OPEN} | recall | system | recalled
recalled | confirm-deletion | partner | recalled
sent | expire | clock | expired
rejected completed not-completed withdrawn recalled expired redirected | close | referrer | closed
{_ALL} | enter-in-error | referrer | entered-in-error
"""

MODEL: Final[dict[tuple[str, str, str], str]] = {
    (origin, action.strip(), side.strip()): to.strip()
    for origins, action, side, to in (line.split("|") for line in TABLE.strip().splitlines())
    for origin in origins.split()
}

FHIR_TASK: Final = {
    "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold", "failed",
    "completed", "entered-in-error",
}  # fmt: skip
FHIR_REQUEST: Final = {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"}

steps = st.lists(st.tuples(st.sampled_from(Action), st.sampled_from(Side)), max_size=40)


@given(tried=steps, likely=st.lists(st.integers(min_value=0), max_size=40))
def test_whatever_is_tried_the_states_are_those_of_the_table(
    tried: list[tuple[Action, Side]], likely: list[int]
) -> None:
    progress, state, put_aside = DRAFTED, "draft", ""
    for number, attempt in enumerate(tried):
        legal = sorted((action, side) for origin, action, side in MODEL if origin == state)
        if number < len(likely) and legal:  # otherwise hardly anything would ever get far
            attempt = tuple(legal[likely[number] % len(legal)])  # type: ignore[assignment]
        action, side = Action(attempt[0]), Side(attempt[1])
        to = MODEL.get((state, action, side))
        if to is None:
            with pytest.raises(IllegalMove) as refused:
                moved(progress, action, by=side)
            assert sorted(refused.value.legal) == sorted(may for may, by in legal if by == side)
            continue
        progress = moved(progress, action, by=side)
        state, put_aside = (put_aside, "") if to == "BEFORE" else (to, state if action == "request-info" else "")
        assert progress.status == state


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("side", Side)
def test_what_is_legal_is_what_the_table_says(status: Status, side: Side) -> None:
    progress = Progress(status=status, before=Status.RECEIVED if status is Status.INFO_REQUESTED else None)

    legal = legal_actions(progress, by=side)

    assert sorted(legal) == sorted(action for origin, action, by in MODEL if (origin, by) == (status, side))
    for action in legal:
        moved(progress, action, by=side)


@pytest.mark.parametrize("before", [Status.RECEIVED, Status.ACCEPTED])
def test_supplying_information_leads_back_to_the_state_before(before: Status) -> None:
    asked = moved(Progress(status=before), Action.REQUEST_INFO, by=Side.PARTNER)

    assert asked.status is Status.INFO_REQUESTED
    assert moved(asked, Action.SUPPLY_INFO, by=Side.REFERRER) == Progress(status=before)


def test_open_is_every_state_from_authorised_to_on_hold() -> None:
    assert sorted(OPEN) == sorted(_OPEN.split())


@pytest.mark.parametrize("status", Status)
def test_every_state_has_its_words_in_fhir(status: Status) -> None:
    told = fhir_status(Progress(status=status, before=Status.COMPLETED if status is Status.CLOSED else None))

    assert told.task in FHIR_TASK
    assert told.service_request in FHIR_REQUEST


def test_a_closed_referral_says_in_fhir_what_it_said_when_it_ended() -> None:
    for ended in (Status.REJECTED, Status.COMPLETED, Status.RECALLED, Status.EXPIRED):
        closed = moved(Progress(status=ended), Action.CLOSE, by=Side.REFERRER)

        assert closed.status is Status.CLOSED
        assert fhir_status(closed) == fhir_status(Progress(status=ended))
