"""The evaluation's tables, as they are printed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from single_node.demo import quality
from single_node.demo.quality import Groups, Quality
from single_node.evaluation.judgement import Confusion, Judgement, together

_NAME = 24


def table(judgements: Sequence[Judgement]) -> str:
    """Lay out what was found, for all data sets, then for the synthetic boroughs by hard negatives and by origin."""
    parts = ["\n".join(_data_sets(judgements))]
    if any(judgement.hard_negatives for judgement in judgements):
        parts.append("\n".join(_hard_negatives(judgements)))
        parts.append("\n".join(_origins([one for one in judgements if one.hard_negatives])))
    parts.append("\n".join(_bounds(judgements)))
    return "\n\n".join(parts)


def _data_sets(judgements: Sequence[Judgement]) -> Iterator[str]:
    head = f"{'automatic matches':<{_NAME}}{'records':>9}{'precision':>11}{'recall':>9}{'F1':>9}{'reviews':>9}"
    yield f"{head}{'refused':>9}{'records/s':>11}"
    for one in judgements:
        line = f"{one.name:<{_NAME}}{one.records:>9,}{_figures(one.automatic, 11)}{one.reviews:>9,}{one.refused:>9}"
        yield f"{line}{one.records_per_second:>11.0f}"
        if one.hard_negatives:
            for what, groups in (("inside one borough", one.inside), ("across boroughs", one.across)):
                yield f"{'  ' + what:<{_NAME}}{'':>9}{_figures(quality.total(groups), 11)}"


def _hard_negatives(judgements: Sequence[Judgement]) -> Iterator[str]:
    yield f"{'hard negatives':<{_NAME}}{'merged':>9}{'of pairs':>11}"
    for kind, found in together(judgements).items():
        yield f"{kind:<{_NAME}}{found.merged:>9}{found.pairs:>11,}"


def _origins(judgements: Sequence[Judgement]) -> Iterator[str]:
    inside, across = (_summed(judgements, groups) for groups in (lambda one: one.inside, lambda one: one.across))
    yield f"{'names by origin':<{_NAME}}{'inside: precision':>18}{'recall':>9}{'F1':>9}{'across: precision':>20}" + (
        f"{'recall':>9}{'F1':>9}"
    )
    for origin in sorted({*inside, *across}):
        here, there = (groups.get(origin, quality.NOTHING) for groups in (inside, across))
        yield f"{origin:<{_NAME}}{_figures(here, 18)}{_figures(there, 20)}"


def _bounds(judgements: Sequence[Judgement]) -> Iterator[str]:
    strangers = sum((one.strangers for one in judgements), start=Confusion(0, 0))
    matches = Confusion(strangers.merged, sum(round(one.automatic.found) for one in judgements))
    yield "what this proves, at 95 %"
    for found, what in ((matches, "automatic matches are wrong"), (strangers, "pairs of strangers are matched")):
        yield f"{found.merged:,} of {found.pairs:,} {what}: at most one in {_one_in(found)}"


def _one_in(found: Confusion) -> str:
    return f"{1 / found.at_most:,.0f}"


def _summed(judgements: Sequence[Judgement], groups: Callable[[Judgement], Groups]) -> dict[str, Quality]:
    totals: dict[str, Quality] = defaultdict(lambda: quality.NOTHING)
    for judgement in judgements:
        for origin, found in groups(judgement).items():
            totals[origin] += found
    return totals


def _figures(found: Quality, width: int) -> str:
    return f"{found.precision:>{width}.4f}{found.recall:>9.4f}{found.f1:>9.4f}"
