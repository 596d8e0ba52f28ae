"""The rules: which cases belong together, what may follow what, and what a reuse saves."""

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from case_episodes import assessment, case, episode
from case_episodes.assessment import AssessmentStatus, Period, ReuseDecision, re_asks_avoided
from case_episodes.case import CaseStatus
from case_episodes.catalogue import INTERACTIONS, REPLACED, Speed, load_catalogue
from case_episodes.episode import OpenEpisode, Subject, joined
from case_episodes.problems import IllegalTransition, NotReusable
from case_episodes.transition import move
from shared.categories import AREA_CLASS, STRICTER_ROWS, DataClass, is_stricter, row_scope
from shared.problems import InvalidRequest
from tests.builders import AT

WINDOW = timedelta(days=90)
PEOPLE = [UUID(int=number) for number in range(1, 4)]
MACHINES = [case.LEGAL, episode.LEGAL, assessment.LEGAL]

open_episodes = st.lists(
    st.builds(
        OpenEpisode,
        episode_id=st.uuids(),
        person_id=st.sampled_from([*PEOPLE, None]),
        subject=st.sampled_from(Subject),
        last_case_at=st.integers(0, 200).map(lambda days: AT - timedelta(days=days)),
    ),
    max_size=6,
)
households = st.one_of(st.none(), st.frozensets(st.sampled_from(PEOPLE)))


@given(episodes=open_episodes, household=households)
def test_a_case_joins_only_a_recent_episode_of_its_person_or_household(
    episodes: list[OpenEpisode], household: frozenset[UUID] | None
) -> None:
    found = joined(episodes, person_id=PEOPLE[0], household=household, at=AT, window=WINDOW)

    mine = [
        one
        for one in episodes
        if AT - one.last_case_at <= WINDOW
        and (
            one.person_id == PEOPLE[0]
            or (household is not None and one.subject == "household" and one.person_id in household)
        )
    ]
    assert (found is None) == (not mine)
    if found is not None:
        assert found in {one.episode_id for one in mine}
        assert all(
            one.last_case_at <= next(each for each in mine if each.episode_id == found).last_case_at for one in mine
        )


@given(episodes=open_episodes, household=households, data=st.data())
def test_the_order_episodes_are_found_in_decides_nothing(
    episodes: list[OpenEpisode], household: frozenset[UUID] | None, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(episodes))

    assert joined(episodes, person_id=PEOPLE[0], household=household, at=AT, window=WINDOW) == joined(
        shuffled, person_id=PEOPLE[0], household=household, at=AT, window=WINDOW
    )


@pytest.mark.parametrize("legal", MACHINES)
def test_every_status_has_its_moves_and_every_other_is_refused_with_them(
    legal: dict[CaseStatus, frozenset[CaseStatus]],
) -> None:
    for present in type(next(iter(legal))):
        for to in type(present):
            if to in legal[present]:
                assert move(legal, present, to=to) is to
            else:
                with pytest.raises(IllegalTransition) as refused:
                    move(legal, present, to=to)
                assert refused.value.extensions["legal"] == sorted(legal[present])


@given(steps=st.lists(st.sampled_from(CaseStatus), max_size=30))
def test_a_case_is_closed_only_after_it_was_resolved_and_an_error_stays_one(steps: list[CaseStatus]) -> None:
    status, past = CaseStatus.OPEN, [CaseStatus.OPEN]
    for step in steps:
        if step in case.LEGAL[status]:
            status = move(case.LEGAL, status, to=step)
            past.append(status)

    for before, after in pairwise(past):
        assert before is not CaseStatus.ENTERED_IN_ERROR
        assert after is not CaseStatus.CLOSED or before is CaseStatus.RESOLVED
        assert after is not CaseStatus.RESOLVED or before in (CaseStatus.IN_PROGRESS, CaseStatus.WAITING)
        assert after is not CaseStatus.OPEN


@given(steps=st.lists(st.sampled_from(AssessmentStatus), max_size=30))
def test_an_assessment_is_decided_once_and_then_at_most_set_aside(steps: list[AssessmentStatus]) -> None:
    status, past = AssessmentStatus.DRAFT, [AssessmentStatus.DRAFT]
    for step in steps:
        if step in assessment.LEGAL[status]:
            status = move(assessment.LEGAL, status, to=step)
            past.append(status)

    decided = [one for one in past if one in (AssessmentStatus.ELIGIBLE, AssessmentStatus.NOT_ELIGIBLE)]
    assert len(decided) <= 1
    assert sum(one in assessment.SET_ASIDE for one in past) <= 1
    assert AssessmentStatus.OVERTURNED not in past or decided


def test_a_fact_holds_on_its_first_day_and_its_last() -> None:
    july = Period(date(2026, 7, 1), date(2026, 7, 31))

    days = [date(2026, 6, 30), date(2026, 7, 1), date(2026, 7, 31), date(2026, 8, 1)]

    assert [july.holds(day) for day in days] == [False, True, True, False]


periods = st.lists(
    st.builds(
        Period,
        st.one_of(st.none(), st.dates(date(2026, 6, 1), date(2026, 8, 1))),
        st.one_of(st.none(), st.dates(date(2026, 6, 1), date(2026, 8, 1))),
    ),
    max_size=8,
)


@given(facts=periods, status=st.sampled_from(AssessmentStatus), decision=st.sampled_from(ReuseDecision))
def test_a_reuse_saves_as_many_questions_as_facts_hold(
    facts: list[Period], status: AssessmentStatus, decision: ReuseDecision
) -> None:
    on = AT.date()
    holding = sum((one.valid_from or date.min) <= on <= (one.valid_until or date.max) for one in facts)
    expected: int | None = holding
    if decision is ReuseDecision.REJECTED:
        expected = 0
    elif status in assessment.SET_ASIDE or (decision is ReuseDecision.ACCEPTED and holding < len(facts)):
        expected = None

    try:
        saved: int | None = re_asks_avoided(status, decision=decision, reason="because", facts=facts, on=on)
    except NotReusable:
        saved = None

    assert saved == expected


def test_a_rejection_gives_its_reason() -> None:
    with pytest.raises(InvalidRequest) as refused:
        re_asks_avoided(AssessmentStatus.ELIGIBLE, decision=ReuseDecision.REJECTED, reason=None, facts=[], on=AT.date())
    assert [error.pointer for error in refused.value.errors] == ["/reason"]


def test_the_catalogue_has_a_hundred_and_four_services_each_with_a_scope_somebody_is_granted() -> None:
    services = load_catalogue().services
    granted = {row_scope("lbhf", area, AREA_CLASS[area]) for area in AREA_CLASS}
    granted |= {row_scope("lbhf", area, row_class) for area, row_class in STRICTER_ROWS.items()}

    assert len(services) == 104
    assert {service.scope("lbhf") for service in services.values()} <= granted
    assert {scope for scope in granted if is_stricter(scope)} <= {one.scope("lbhf") for one in services.values()}
    assert {service.speed for service in services.values()} == set(Speed)
    assert services[9].scope("lbhf") == "lbhf/education:child"
    assert services[209].scope("lbhf") == "lbhf/adult-social-care"
    assert services[280].sensitivity is DataClass.SPECIAL


def test_a_discontinued_service_is_not_listed_and_leads_to_one_that_is() -> None:
    catalogue = load_catalogue()
    for discontinued, successor in REPLACED.items():
        assert discontinued not in catalogue.services
        found = catalogue.find(discontinued)
        assert found is not None
        assert found.lgsl == successor
    assert catalogue.find(99_998) is None
    assert len(INTERACTIONS) == 33
