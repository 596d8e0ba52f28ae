"""The first part of the demo: whole synthetic worlds, loaded as each borough's systems and judged against the truth."""

from collections import defaultdict
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import httpx

from single_node import loading
from single_node.demo import quality
from single_node.demo.agreements import bring_into_force, linkages
from single_node.demo.quality import Groups, Matching, Quality
from single_node.demo.stage import Stage
from single_node.population import HARD_NEGATIVES, OWNERS, SOURCES, World, generate

RESIDENTS: Final = 3000
WORLDS: Final = ((1, 0.05), (2, 0.08), (3, 0.12))
"""Seeds and error rates."""

_PURPOSE: Final = "data-stewardship"
_LEAST_F1: Final = 0.96
_DAMAGED: Final = ("lbhf", "crm")
"""The extract into which lines are planted that no record can be made of."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A damaged line, what is wrong with it, and where it stands in the file, counted from 1."""

    line: int
    content: bytes
    wrong: str


_PLANTED: Final = (
    Planted(3, b'{"local_id": "X1", "family_name": \n', "not JSON"),
    Planted(40, b'{"local_id": "X2", "phones": ["020 7946 0000"]}\n', "neither name nor identifier"),
    Planted(41, b'{"local_id": "X3", "family_name": "Doe", "shoe_size": 9}\n', "an unknown field"),
    Planted(90, b'{"family_name": "Nolocal"}\n', "no local id"),
)


def play_world(stage: Stage, *, seed: int, error_rate: float) -> None:
    """Load one world, bring linkage into force, and check the matches against the truth. Raises `Surprise`."""
    telling = stage.telling
    world = generate(seed, residents=RESIDENTS, error_rate=error_rate)
    telling.step(f"{len(world.residents):,} residents, {len(world.records):,} records, {error_rate:.0%} errors a field")
    load_world(stage, world, planted=_PLANTED)
    inside = stage.evaluator.matching()
    telling.equal("every record good enough is in", len(inside.persons), expected=len(world.records))
    telling.equal("without agreements nobody is linked across boroughs", len(inside.links), expected=0)
    for agreement in linkages():
        bring_into_force(stage, agreement)
    started = perf_counter()
    stage.evaluator.wait_until_linked()
    linked = stage.evaluator.matching()
    telling.step(f"{len(linked.links):,} links across boroughs after {perf_counter() - started:.1f} s")
    _judge(stage, world, linked)


def load_world(stage: Stage, world: World, *, planted: tuple[Planted, ...] = ()) -> None:
    """Load every extract as the borough's own source system, and check what the load says of it."""
    extracts: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for item in world.records:
        extracts[item.owner, item.source].append({"local_id": item.local_id, **item.record})
    review = records = 0
    started = perf_counter()
    for owner, source in ((owner, source) for owner in OWNERS for source in SOURCES):
        lines = list(loading.ndjson(extracts[owner, source]))
        damaged = planted if (owner, source) == _DAMAGED else ()
        for damage in damaged:
            lines.insert(damage.line - 1, damage.content)
        done = _load(stage, owner, source, lines=lines, damaged=damaged)
        review += done.review
        records += len(lines)
    seconds = perf_counter() - started
    stage.telling.step(
        f"{records:,} records in {seconds:.1f} s: {records / seconds:.0f} a second;"
        f" {review} wait for a steward ({review / records:.1%})"
    )


def _load(
    stage: Stage, owner: str, source: str, *, lines: list[bytes], damaged: tuple[Planted, ...]
) -> loading.Progress:
    token = stage.tokens.token(owner, subject=source, roles=("system",))
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=stage.http.base_url, headers=headers, timeout=60) as http:
        load_id = loading.send(
            http, source=source, content=lines, content_type="application/x-ndjson", purpose=_PURPOSE
        )
        *_, done = loading.follow(http, load_id, purpose=_PURPOSE)
        refused = loading.rejects(http, load_id, purpose=_PURPOSE, limit=20) if done.rejected else []
    stage.telling.asked(
        f"{source} ({owner}, system): POST /v1/sources/{source}/loads, {len(lines)} lines",
        answer=f"{done.status}: {done.created} created, {done.linked} linked, {done.review} review",
    )
    claim = f"{owner}/{source} is loaded"
    if not damaged:
        stage.telling.equal(f"{claim} and nothing is rejected", (done.status, done.rejected), expected=("done", 0))
        return done
    for reject in refused:
        stage.telling.lines(f"           line {reject.line}: {'; '.join(reject.reasons)}")
    stage.telling.equal(
        f"{claim} but for the damaged lines, named by number: {', '.join(one.wrong for one in damaged)}",
        (done.status, [reject.line for reject in refused]),
        expected=("done", [one.line for one in damaged]),
    )
    return done


def _judge(stage: Stage, world: World, matching: Matching) -> None:
    truth = world.truth()
    origin = {resident.id: resident.origin for resident in world.residents}
    within = quality.within_owners(matching, truth=truth, label=origin)
    across = quality.across_owners(matching, truth=truth, label=origin)
    stage.telling.lines(_table(within, across))
    for name, groups in (("inside boroughs", within), ("across boroughs", across)):
        found = quality.total(groups)
        stage.telling.check(
            f"F1 of automatic matches {name} is at least {_LEAST_F1}: {found.f1:.4f}",
            holds=found.f1 >= _LEAST_F1,
            found=found,
        )
    for kind in HARD_NEGATIVES:
        pairs = world.hard_negatives[kind]
        wrong = quality.confused(matching, truth=truth, different=pairs)
        stage.telling.equal(f"none of {len(pairs)} pairs of {kind} taken for one person", wrong, expected=[])


def _table(within: Groups, across: Groups) -> str:
    head = f"   {'names by origin':<18}{'inside: precision':>18}{'recall':>9}{'F1':>9}"
    head += f"{'across: precision':>20}{'recall':>9}{'F1':>9}"
    rows = [(name, within.get(name, quality.NOTHING), across.get(name, quality.NOTHING)) for name in sorted(within)]
    rows.append(("all", quality.total(within), quality.total(across)))
    return "\n".join([head, *(f"   {name:<18}{_figures(one, 18)}{_figures(other, 20)}" for name, one, other in rows)])


def _figures(found: Quality, width: int) -> str:
    return f"{found.precision:>{width}.4f}{found.recall:>9.4f}{found.f1:>9.4f}"
