"""Who is cleared for which protections: the whole space of roles and purposes, against the rule in other words."""

from itertools import combinations

from gateway.clearance import cleared_for
from gateway.organisation import OrganisationKind
from gateway.standing import Caller, Standing
from shared.categories import Protection, Purpose, Role
from tests.gateway.platform import Platform

ALL = {"anonymous-elector", "refuge", "witness", "marac", "adoption", "gender-recognition", "court-order"} | {
    "staff-or-member",
    "other",
}
OPEN_TO_CARE = ALL - {"adoption", "gender-recognition", "witness", "court-order"}
IN_EMERGENCY = OPEN_TO_CARE - {"refuge"}


def a_caller(*roles: Role) -> Caller:
    held = frozenset(roles)
    return Caller(
        org="lbhf",
        org_kind=OrganisationKind.BOROUGH,
        subject="alice",
        roles=held,
        standing=Standing(roles=held, training={}, commitments={}),
    )


def expected(role: Role, purpose: Purpose) -> set[str]:
    """Say of one role and purpose which schemes hide nothing."""
    if role == "system" or (role, purpose) in {("steward", "data-stewardship"), ("ig-lead", "subject-rights")}:
        return ALL
    if role in {"social-worker", "caseworker"} and purpose in {"adult-safeguarding", "child-safeguarding"}:
        return OPEN_TO_CARE
    return OPEN_TO_CARE if (role, purpose) == ("social-worker", "adult-social-care") else set()


def test_every_role_is_cleared_for_its_task_and_roles_together_for_all_of_theirs() -> None:
    assert set(Protection) == ALL
    for purpose in Purpose:
        for role in Role:
            told = set(cleared_for(a_caller(role), purpose=purpose))
            assert told == {f"lbhf/{scheme}" for scheme in expected(role, purpose)}, (role, purpose)
        for first, second in combinations(Role, 2):
            told = set(cleared_for(a_caller(first, second), purpose=purpose))
            assert told == {f"lbhf/{one}" for one in expected(first, purpose) | expected(second, purpose)}


def test_an_emergency_clears_nobody_for_a_seal_or_a_refuge_elsewhere() -> None:
    for role in Role:
        told = cleared_for(a_caller(role), purpose=Purpose.SUBJECT_RIGHTS, in_emergency=["wcc"])
        assert {one for one in told if one.startswith("wcc/")} == {f"wcc/{scheme}" for scheme in IN_EMERGENCY}


async def test_a_permit_names_what_its_caller_is_cleared_for(platform: Platform) -> None:
    await platform.enter("lbhf/sol/social-worker")
    for purpose in ("adult-safeguarding", "housing"):
        await platform.call("POST", "/v1/people/search", "lbhf/sol/social-worker", purpose=purpose, json={})

    safeguarding, housing = platform.behind.permits
    assert set(safeguarding.cleared) == {f"lbhf/{scheme}" for scheme in OPEN_TO_CARE}
    assert housing.cleared == ()
