"""Which sources of which boroughs know a resident, and the local ids and relationships their records get there.

What a record says about the resident is written in `extracts`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from single_node.population.extracts import Extracted
from single_node.population.residents import Relation, Resident

SOURCES = ("crm", "council-tax", "housing", "benefits", "adult-social-care")
_PREFIXES = {"crm": "C", "council-tax": "CT", "housing": "H", "benefits": "B", "adult-social-care": "ASC"}
_RELATIONSHIPS = {
    "spouses": ("spouse", "spouse"),
    "parent": ("child", "parent"),
    "parent-and-child": ("child", "parent"),
    "siblings": ("sibling", "sibling"),
    "twins": ("sibling", "sibling"),
}
_KNOWS_FAMILIES = ("housing", "benefits")


def dealings(rng: Random, resident: Resident) -> list[tuple[str, str]]:
    """Draw the (owner, source) pairs that hold a record of a resident; now and then one source holds two."""
    found: list[tuple[str, str]] = []
    for owner in resident.owners:
        at_home = owner == resident.owners[0]
        number = rng.choices((1, 2, 3), weights=(42, 40, 18) if at_home else (60, 40, 0))[0]
        found += [(owner, source) for source in _sources(rng, resident, number=number)]
    if rng.random() < 0.04:
        found.append(rng.choice(found))
    return found


def numbered(rng: Random, records: Iterable[Extracted], *, relations: Sequence[Relation]) -> list[Extracted]:
    """Give each record a local id and, where the source knows families, its relationships to others there."""
    settled: list[Extracted] = []
    ids: dict[tuple[str, str, int], str] = {}
    used: dict[tuple[str, str], int] = defaultdict(lambda: 100_000)
    for item in records:
        used[item.owner, item.source] += rng.randrange(1, 60)
        local_id = f"{_PREFIXES[item.source]}{used[item.owner, item.source]}"
        ids[item.owner, item.source, item.resident] = local_id
        settled.append(replace(item, local_id=local_id))
    related = _related(relations)
    return [replace(item, record=_with_relationships(item, ids=ids, related=related)) for item in settled]


def _sources(rng: Random, resident: Resident, *, number: int) -> list[str]:
    weights = {"crm": 40, "council-tax": 40, "housing": 25, "benefits": 22, "adult-social-care": 4}
    if resident.age >= 68:
        weights["adult-social-care"] = 25
    if resident.age < 18:
        weights = {"housing": 55, "benefits": 45}
    chosen: list[str] = []
    for _ in range(min(number, len(weights))):
        left = [source for source in weights if source not in chosen]
        chosen.append(rng.choices(left, weights=[weights[source] for source in left])[0])
    return chosen


def _related(relations: Sequence[Relation]) -> dict[int, list[tuple[str, int]]]:
    related: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for relation in relations:
        if relation.kind in _RELATIONSHIPS:
            to_other, to_one = _RELATIONSHIPS[relation.kind]
            related[relation.one].append((to_other, relation.other))
            related[relation.other].append((to_one, relation.one))
    return related


def _with_relationships(
    item: Extracted, *, ids: dict[tuple[str, str, int], str], related: dict[int, list[tuple[str, int]]]
) -> dict[str, object]:
    if item.source not in _KNOWS_FAMILIES:
        return item.record
    relationships = [
        {"kind": kind, "local_id": ids[item.owner, item.source, other]}
        for kind, other in related.get(item.resident, ())
        if (item.owner, item.source, other) in ids
    ]
    return {**item.record, "relationships": relationships} if relationships else item.record
