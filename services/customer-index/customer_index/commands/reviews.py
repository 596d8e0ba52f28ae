"""Deciding a review: inside the own organisation it merges two persons or keeps them apart, between two it links them
or keeps them unlinked."""

from uuid import UUID

from customer_index.commands.acts import Acting, Done, enter, records_of
from customer_index.commands.decisions import decide
from customer_index.commands.link_decisions import decide_link
from customer_index.commands.stewardship import load_persons, unite
from customer_index.decisions import Verdict
from customer_index.model import Model
from customer_index.problems import ReviewDecided
from customer_index.queries.neighbours import lock_owner
from customer_index.queries.reviews import ShownReview, get_review
from shared.db import Transaction


async def decide_review(
    tx: Transaction, review_id: UUID, verdict: Verdict, *, by: Acting, model: Model
) -> tuple[Done, ShownReview]:
    """Decide whether the two sides of a review are one human being; give what was done, and the review as decided.

    Raises `UnknownReview`, `ReviewDecided`, `PersonsChanged` or `KeptApartBySeal`.
    """
    await lock_owner(tx, by.permit.org)
    review = await get_review(tx, review_id, permit=by.permit, model=model, at=by.at)
    if review.row.stewardship_id is not None:
        raise ReviewDecided("Your organisation has decided this review.")
    done = await _carry_out(tx, review, verdict, by=by, model=model)
    return done, await get_review(tx, review_id, permit=by.permit, model=model, at=by.at)


async def _carry_out(tx: Transaction, review: ShownReview, verdict: Verdict, *, by: Acting, model: Model) -> Done:
    org, pair = by.permit.org, (review.row.first_person, review.row.second_person)
    if review.row.kind == "link":
        ours, theirs = pair if review.row.first_owner == org else pair[::-1]
        (own,) = records_of(*await load_persons(tx, (ours,)))
        return await decide_link(tx, verdict, own=own, other=theirs, visible=review.records, by=by, model=model)
    if verdict is Verdict.MATCH:
        return await unite(tx, pair, act="match", visible=review.records, by=by, model=model)
    first, second = await load_persons(tx, pair)
    both = records_of(*sorted((first, second), key=lambda one: one.order))
    entered = await enter(tx, "no-match", kind="record", by=by, before=both, after=both, led_to={})
    await decide(
        tx,
        verdict,
        stewardship_id=entered.stewardship_id,
        sequence=entered.sequence,
        by=org,
        first=(org, list(first.members)),
        second=(org, list(second.members)),
    )
    return Done(entered.stewardship_id, both, both, review.records)
