"""The decision: which person a record belongs to, what a steward must look at, and what falls apart again.

In this room: joining, merging, reviewing, re-deriving, all inside one owner. Not in this room: persons of two owners
(`linking`), scores (`scoring`), and anything stored; what is decided here is carried out by the callers.

A record is decided against whole persons, never against a single record of theirs: one good pair does not outweigh a
member that cannot be the same human being. Chains of nearly-alike records would else merge families one by one.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final
from uuid import UUID

from customer_index.model import Model
from customer_index.normalise import Features
from customer_index.scoring import NOBODY_COUNTED, Comparison, compare

_OTHER_SURNAMES: Final = frozenset(("similar", "mismatch"))

NOBODY: Final[frozenset[UUID]] = frozenset()
NO_PAIRS: Final[frozenset[frozenset[UUID]]] = frozenset()


@dataclass(frozen=True, slots=True)
class Member:
    """One source record of a person."""

    record_id: UUID
    features: Features


@dataclass(frozen=True, slots=True)
class Cluster:
    """A person with its records; of two persons the one with the lower `created` is the older."""

    person_id: UUID
    members: tuple[Member, ...]
    created: int


@dataclass(frozen=True, slots=True)
class PossibleMatch:
    """A person that a steward should compare with the record."""

    person_id: UUID
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a record goes: the person it joins (None: a new one), persons proved to be that same one, and reviews.

    `explanation` is the comparison with the best record of the person joined.
    """

    joined: UUID | None
    merged: tuple[UUID, ...]
    reviews: tuple[PossibleMatch, ...]
    explanation: Comparison | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a record stands to a whole person: its best comparison, and whether any member speaks against."""

    cluster: Cluster
    best: Comparison
    vetoed: bool
    contradicted: bool

    @property
    def is_unopposed(self) -> bool:
        """Tell whether no member of the person speaks against."""
        return not (self.vetoed or self.contradicted)


def is_sufficient(comparison: Comparison, *, model: Model) -> bool:
    """Tell whether a comparison alone is enough for a link: bits, two groups, and the right person of a home.

    Of two people in one home twins have one birth date, and the identifier on a form may be a parent's. So a forename
    must speak for the link; where just one side gives none, the birth date must, and with it a home or an identifier.
    """
    if comparison.total < model.thresholds.join or comparison.vetoes or len(comparison.groups) < 2:
        return False
    # Two people with one rare forename, born on one day, are in any city; with two surnames they stay two.
    if comparison.level("surname") in _OTHER_SURNAMES and comparison.groups.isdisjoint(("household", "identifier")):
        return False
    return "name" in comparison.groups or (
        "birth" in comparison.groups and comparison.level("forename") == "one_missing"
    )


def contradicts(comparison: Comparison, *, model: Model) -> bool:
    """Tell whether two records cannot be of one person: a veto, plainly different birth dates, or a negative total.

    A birth date may differ where an identifier agrees, because then somebody mistyped it.
    """
    return (
        bool(comparison.vetoes)
        or (comparison.level("birth") == "mismatch" and "identifier" not in comparison.groups)
        or comparison.total < model.thresholds.contradiction
    )


def place(
    features: Features,
    *,
    clusters: Sequence[Cluster],
    model: Model,
    residents: Mapping[str, int] = NOBODY_COUNTED,
    forbidden: Set[UUID] = NOBODY,
    apart: Set[frozenset[UUID]] = NO_PAIRS,
) -> Placement:
    """Decide to which of the candidate persons a record belongs.

    `forbidden` are persons a steward has said the record is not; `apart` are pairs of persons a steward keeps apart,
    which no record may merge. `residents` counts the people known at each UPRN.
    """
    lines = model.thresholds
    candidates = sorted(
        (
            _standing(features, cluster, model=model, residents=residents)
            for cluster in clusters
            if cluster.members and cluster.person_id not in forbidden
        ),
        key=lambda standing: (-standing.best.total, standing.cluster.created, standing.cluster.person_id),
    )
    able = [one for one in candidates if one.is_unopposed and is_sufficient(one.best, model=model)]
    joined: list[Standing] = []
    for standing in able:
        if all(are_one(standing.cluster, one.cluster, model=model, apart=apart) for one in joined):
            joined.append(standing)
    if joined and any(
        rival not in joined
        and rival.best.total > joined[0].best.total - lines.lead
        and not _is_opposed_by_evidence(rival)
        and not are_one(rival.cluster, joined[0].cluster, model=model, apart=apart)
        for rival in candidates
    ):
        joined = []
    kept = {standing.cluster.person_id for standing in joined}
    reviews = tuple(
        PossibleMatch(standing.cluster.person_id, standing.best)
        for standing in candidates
        if standing.cluster.person_id not in kept and _is_worth_a_review(standing, joined=joined, model=model)
    )
    if not joined:
        return Placement(joined=None, merged=(), reviews=reviews, explanation=None)
    oldest, *others = sorted(joined, key=lambda standing: (standing.cluster.created, standing.cluster.person_id))
    return Placement(
        joined=oldest.cluster.person_id,
        merged=tuple(standing.cluster.person_id for standing in others),
        reviews=reviews,
        explanation=oldest.best,
    )


def rederive(
    members: Sequence[Member],
    *,
    model: Model,
    residents: Mapping[str, int] = NOBODY_COUNTED,
    bound: Set[frozenset[UUID]] = NO_PAIRS,
    apart: Set[frozenset[UUID]] = NO_PAIRS,
) -> list[tuple[Member, ...]]:
    """Split the records of one person into the parts that still hold together, whatever order they are given in.

    Parts grow along the strongest pairs first and never over a veto. `bound` and `apart` are pairs of record ids that a
    steward has said are one person, or are not; what is bound stays together whatever the evidence, unless something
    is kept apart by it. Parts and members come in the order of their record ids.
    """
    ordered = sorted(members, key=lambda member: member.record_id)
    compared = {
        frozenset((one.record_id, other.record_id)): compare(
            one.features, other.features, model=model, residents=residents
        )
        for one, other in combinations(ordered, 2)
    }
    vetoed = {pair for pair, found in compared.items() if found.vetoes and pair not in bound} | apart
    held = [pair for pair, found in compared.items() if found.total >= model.thresholds.fracture or pair in bound]
    held.sort(key=lambda pair: (pair not in bound, -compared[pair].total, sorted(pair)))
    part_of = {member.record_id: frozenset((member.record_id,)) for member in ordered}
    for pair in held:
        one, other = sorted(pair)
        barred = apart if pair in bound else vetoed
        if part_of[one] is not part_of[other] and not any(
            frozenset(across) in barred for across in product(part_of[one], part_of[other])
        ):
            part_of.update(dict.fromkeys(part_of[one] | part_of[other], part_of[one] | part_of[other]))
    parts: dict[frozenset[UUID], list[Member]] = {}
    for member in ordered:
        parts.setdefault(part_of[member.record_id], []).append(member)
    return [tuple(part) for part in parts.values()]


def stays(
    features: Features,
    *,
    others: Sequence[Member],
    model: Model,
    residents: Mapping[str, int] = NOBODY_COUNTED,
) -> bool:
    """Tell whether a corrected record may remain with the other records of its person.

    Leaving takes more than not joining would: below `fracture`, or a member that contradicts.
    """
    found = [compare(features, other.features, model=model, residents=residents) for other in others]
    if not found:
        return True
    return max(one.total for one in found) >= model.thresholds.fracture and not any(
        contradicts(one, model=model) for one in found
    )


def _standing(features: Features, cluster: Cluster, *, model: Model, residents: Mapping[str, int]) -> Standing:
    found = [compare(features, member.features, model=model, residents=residents) for member in cluster.members]
    return Standing(
        cluster=cluster,
        best=max(found, key=lambda one: (is_sufficient(one, model=model), one.total)),
        vetoed=any(one.vetoes for one in found),
        contradicted=any(contradicts(one, model=model) for one in found),
    )


def _is_opposed_by_evidence(standing: Standing) -> bool:
    """Tell whether the record itself rules the rival out: the best pair is vetoed or differs in its birth date."""
    return bool(standing.best.vetoes) or standing.best.level("birth") == "mismatch"


def are_one(one: Cluster, other: Cluster, *, model: Model, apart: Set[frozenset[UUID]]) -> bool:
    """Tell whether nothing between the members of two persons speaks against their being one human being."""
    if frozenset((one.person_id, other.person_id)) in apart:
        return False
    return not any(
        contradicts(compare(left.features, right.features, model=model), model=model)
        for left, right in product(one.members, other.members)
    )


def _is_worth_a_review(standing: Standing, *, joined: Sequence[Standing], model: Model) -> bool:
    """Tell whether a steward's time is well spent: a likely person, or one that only a veto or a member keeps away.

    Where the record has found its person, a person that is ruled out is no question any more: twins are known apart.
    """
    if standing.is_unopposed:
        return standing.best.total >= model.thresholds.fracture
    return not joined and standing.best.total >= model.thresholds.join
