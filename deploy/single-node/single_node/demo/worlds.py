"""The first part of the demo: whole synthetic worlds, loaded as each borough's systems and judged against the truth."""

from contextlib import ExitStack
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
_NDJSON: Final = "application/x-ndjson"
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
    """Send every extract as the borough's own source system, then follow the loads and check what they say."""
    extracts: dict[tuple[str, str], list[bytes]] = {}
    for key, records in _records(world).items():
        extracts[key] = list(loading.ndjson(records))
    for damage in planted:
        extracts[_DAMAGED].insert(damage.line - 1, damage.content)
    review = 0
    started = perf_counter()
    with ExitStack() as connections:
        systems = {key: connections.enter_context(_system(stage, *key)) for key in extracts}
        loads = {
            key: loading.send(systems[key], source=key[1], content=lines, content_type=_NDJSON, purpose=_PURPOSE)
            for key, lines in extracts.items()
        }
        for key, load_id in loads.items():
            review += _follow(stage, systems[key], load_id, of=key, damaged=planted if key == _DAMAGED else ())
    seconds = perf_counter() - started
    count = sum(map(len, extracts.values()))
    stage.telling.step(
        f"{count:,} records in {seconds:.1f} s: {count / seconds:.0f} a second;"
        f" {review} wait for a steward ({review / count:.1%})"
    )


def _records(world: World) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Gather the records by owner and source."""
    gathered: dict[tuple[str, str], list[dict[str, Any]]] = {
        (owner, source): [] for owner in OWNERS for source in SOURCES
    }
    for item in world.records:
        gathered[item.owner, item.source].append({"local_id": item.local_id, **item.record})
    return gathered


def _system(stage: Stage, owner: str, source: str) -> httpx.Client:
    """Connect as a source system."""
    token = stage.tokens.token(owner, subject=source, roles=("system",))
    return httpx.Client(base_url=stage.http.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _follow(
    stage: Stage, http: httpx.Client, load_id: str, *, of: tuple[str, str], damaged: tuple[Planted, ...]
) -> int:
    """Follow a load to its end and check it; give how many of its records wait for a steward."""
    owner, source = of
    *_, done = loading.follow(http, load_id, purpose=_PURPOSE)
    refused = loading.rejects(http, load_id, purpose=_PURPOSE, limit=20) if done.rejected else []
    stage.telling.asked(
        f"{source} ({owner}, system): POST /v1/sources/{source}/loads, {done.received} lines",
        answer=f"{done.status}: {done.created} created, {done.linked} linked, {done.review} review",
    )
    for reject in refused:
        stage.telling.lines(f"           line {reject.line}: {'; '.join(reject.reasons)}")
    wrong = f"the damaged lines, named by number ({', '.join(one.wrong for one in damaged)})"
    stage.telling.equal(
        f"{owner}/{source} is loaded, and rejected {wrong if damaged else 'is nothing'}",
        (done.status, [reject.line for reject in refused]),
        expected=("done", [one.line for one in damaged]),
    )
    return done.review


def _judge(stage: Stage, world: World, matching: Matching) -> None:
    truth = world.truth()
    origin = {resident.id: resident.origin for resident in world.residents}
    within = quality.within_owners(matching, truth=truth, label=origin)
    across = quality.across_owners(matching, truth=truth, label=origin)
    stage.telling.lines(_table(within, across))
    found = quality.total(within) + quality.total(across)
    telling = stage.telling
    claim = f"F1 of automatic matches is at least {_LEAST_F1}"
    telling.check(f"{claim}: {found.f1:.4f}", holds=found.f1 >= _LEAST_F1, found=f"{found.f1:.4f}")
    for kind in HARD_NEGATIVES:
        pairs = world.hard_negatives[kind]
        wrong = quality.confused(matching, truth=truth, different=pairs)
        telling.equal(f"none of {len(pairs)} pairs of {kind} taken for one person", wrong, expected=[])


def _table(within: Groups, across: Groups) -> str:
    head = f"   {'names by origin':<23}{'inside: precision':>18}{'recall':>9}{'F1':>9}"
    head += f"{'across: precision':>20}{'recall':>9}{'F1':>9}"
    rows = [(name, within.get(name, quality.NOTHING), across.get(name, quality.NOTHING)) for name in sorted(within)]
    rows.append(("all", quality.total(within), quality.total(across)))
    return "\n".join([head, *(f"   {name:<23}{_figures(one, 18)}{_figures(other, 20)}" for name, one, other in rows)])


def _figures(found: Quality, width: int) -> str:
    return f"{found.precision:>{width}.4f}{found.recall:>9.4f}{found.f1:>9.4f}"
