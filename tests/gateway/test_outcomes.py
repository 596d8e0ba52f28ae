"""What came of a referral, carried through the whole platform to the episode it belongs to."""

from collections.abc import AsyncIterator

import pytest

from single_node.postgres import Server
from tests.gateway.residents import COLLEAGUE, OF_WCC, settle_in
from tests.gateway.whole import PARTNER, Whole, a_peopled_platform


@pytest.fixture
async def whole(peopled: Server) -> AsyncIterator[Whole]:
    """The whole platform."""
    async with a_peopled_platform(peopled) as served:
        yield served


async def test_the_outcome_of_a_referral_is_on_the_episode_and_on_both_boroughs_views(whole: Whole) -> None:
    quilla = (await settle_in(whole, "quilla"))["quilla"]
    path = f"/v1/referrals/{quilla.referral_id}/transitions"
    for body in ({"action": "receive"}, {"action": "accept"}, {"action": "start"}):
        await whole.done("POST", path, PARTNER, "referral", json=body)
    await whole.done("POST", path, PARTNER, "referral", json={"action": "complete", "outcome": "need-met"})
    await whole.settle()

    episode = await whole.done("GET", f"/v1/episodes/{quilla.episode_id}", COLLEAGUE)
    own = await whole.done("GET", f"/v1/people/{quilla.person_id}", COLLEAGUE)
    theirs = await whole.done("GET", f"/v1/people/{quilla.theirs}", OF_WCC)

    assert [(one["referral_id"], one["status"], one["outcome"]) for one in episode["referrals"]] == [
        (quilla.referral_id, "completed", "need-met")
    ]
    assert [one["referrals"] for one in own["episodes"]] == [episode["referrals"]]
    assert [one["referrals"] for one in theirs["episodes"]] == [episode["referrals"]]
    by_wcc = [one for one in await whole.platform.audited("lbhf") if one["organisation"] == "wcc"]
    assert any(quilla.referral_id in str(one) for one in by_wcc), "what left is on record"
