"""The links between persons of two owners: which pairs are believed to be one human being, and which wait for stewards.

In this room: one owner's person compared with the persons of one other owner. Not in this room: whether the two owners
may be compared at all. A link never changes either person, so it is decided pair by pair and needs no merging; it is
never drawn through a third owner, so the persons given here must all belong to the same one.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product
from typing import Final
from uuid import UUID

from customer_index.model import Model
from customer_index.placement import NO_PAIRS, NOBODY, Cluster, PossibleMatch, are_one, contradicts, is_sufficient
from customer_index.scoring import ALL_CATEGORIES, NOBODY_COUNTED, Comparison, compare
from shared.categories import Category

_SAID_BY_ANY_OWNER: Final = ALL_CATEGORIES - {Category.HOUSEHOLD}
"""Sources of two owners may have one name for two records, so whom one relates to is compared inside an owner only."""


@dataclass(frozen=True, slots=True)
class Linking:
    """The other owner's persons that are linked, with the comparison that says why, and those for review."""

    links: tuple[tuple[UUID, Comparison], ...]
    reviews: tuple[PossibleMatch, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    other: Cluster
    best: Comparison
    is_opposed: bool


def link(
    cluster: Cluster,
    *,
    others: Sequence[Cluster],
    model: Model,
    residents: Mapping[str, int] = NOBODY_COUNTED,
    existing: Set[UUID] = NOBODY,
    bound: Set[UUID] = NOBODY,
    forbidden: Set[UUID] = NOBODY,
    apart: Set[frozenset[UUID]] = NO_PAIRS,
) -> Linking:
    """Decide which persons of one other owner a person is linked to.

    The best pair of records counts for a link, and every pair counts against it. `existing` links are kept as long as
    they hold (`fracture`), new ones need everything a record needs to join. `bound` are persons that stewards have said
    are this one, `forbidden` those they said are somebody else, `apart` pairs of the other owner's persons that its
    stewards keep apart.
    """
    lines = model.thresholds
    pairs = sorted(
        (
            _paired(cluster, other, model=model, residents=residents)
            for other in others
            if cluster.members and other.members and other.person_id not in forbidden
        ),
        key=lambda pair: (-pair.best.total, pair.other.created, pair.other.person_id),
    )
    said = [pair for pair in pairs if pair.other.person_id in bound]
    linked = [
        pair
        for pair in pairs
        if pair not in said and not pair.is_opposed and _holds(pair, existing=existing, model=model)
    ]
    # Several persons of the other owner may be this one human being, but only if they can be one among themselves.
    contested = any(
        rival.best.total > pair.best.total - lines.lead
        and not rival.is_opposed
        and not are_one(rival.other, pair.other, model=model, apart=apart)
        for pair in linked[:1]
        for rival in pairs
        if rival is not pair
    )
    linked = [
        pair
        for pair in linked
        if (pair.other.person_id in existing or not contested)
        and all(
            are_one(pair.other, best.other, model=model, apart=apart)
            for best in (*said, *linked[:1])
            if best is not pair
        )
    ]
    linked += said
    kept = {pair.other.person_id for pair in linked}
    return Linking(
        links=tuple((pair.other.person_id, pair.best) for pair in linked),
        reviews=tuple(
            PossibleMatch(pair.other.person_id, pair.best)
            for pair in pairs
            if pair.other.person_id not in kept
            and pair.best.total >= (lines.join if pair.is_opposed else lines.fracture)
            and not (pair.is_opposed and linked)
        ),
    )


def _holds(pair: _Pair, *, existing: Set[UUID], model: Model) -> bool:
    if pair.other.person_id in existing:
        return pair.best.total >= model.thresholds.fracture
    return is_sufficient(pair.best, model=model)


def _paired(cluster: Cluster, other: Cluster, *, model: Model, residents: Mapping[str, int]) -> _Pair:
    found = [
        compare(left.features, right.features, model=model, residents=residents, categories=_SAID_BY_ANY_OWNER)
        for left, right in product(cluster.members, other.members)
    ]
    return _Pair(
        other=other,
        best=max(found, key=lambda one: (is_sufficient(one, model=model), one.total)),
        is_opposed=any(contradicts(one, model=model) for one in found),
    )
