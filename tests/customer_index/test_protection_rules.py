"""What is left of a grant under protection: never more than was granted, never whereabouts, never a seal opened."""

from hypothesis import given
from hypothesis import strategies as st

from customer_index.protection import Guard, effective_grants, holding, sides, uncleared
from shared.categories import SEALS, WHEREABOUTS, Category, Form, Protection

granted = st.dictionaries(st.sampled_from(Category), st.sampled_from(Form))
schemes = st.frozensets(st.sampled_from(Protection))
guards = st.frozensets(st.builds(Guard, st.uuids(), st.sampled_from(Protection), st.booleans()))


@given(granted, schemes, st.booleans())
def test_protection_only_takes_away(given_to: dict[Category, Form], closed: frozenset[Protection], own: bool) -> None:
    left = effective_grants(given_to, closed=closed, is_own=own)

    assert left.items() <= given_to.items()
    if not closed:
        assert left == given_to
    else:
        assert not WHEREABOUTS & left.keys()
    if closed & SEALS:
        assert left.keys() <= ({Category.EXISTENCE} if own else set())
    elif closed:
        assert left.keys() == given_to.keys() - WHEREABOUTS


@given(granted, schemes, schemes, st.booleans())
def test_a_further_scheme_never_opens_anything(
    given_to: dict[Category, Form], some: frozenset[Protection], more: frozenset[Protection], own: bool
) -> None:
    fewer = effective_grants(given_to, closed=some | more, is_own=own)

    assert fewer.items() <= effective_grants(given_to, closed=some, is_own=own).items()


@given(schemes, schemes)
def test_a_clearance_holds_for_its_scheme_and_its_owner_only(
    held: frozenset[Protection], known: frozenset[Protection]
) -> None:
    cleared = [f"lbhf/{scheme}" for scheme in known]

    assert uncleared(held, owner="lbhf", cleared=cleared) == held - known
    assert uncleared(held, owner="wcc", cleared=cleared) == held


@given(guards)
def test_a_person_is_sealed_where_it_is_on_a_side_and_protected_by_any_other_scheme(found: frozenset[Guard]) -> None:
    holds = holding(found)

    assert holds.sealed is bool(sides(found))
    assert holds.protected is any(guard.scheme not in SEALS for guard in found)
