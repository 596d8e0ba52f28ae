"""Measuring several things by turns, in an order that is shuffled every time, so that none always comes first."""

import gc
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from time import perf_counter

Work = Callable[[], Awaitable[object]]


async def by_turns(works: Mapping[str, Work], *, warm: int, times: int) -> dict[str, list[float]]:
    """Do each of some works so many times after warming up; give the seconds each took, by its name."""
    chance = Random(7)  # noqa: S311  a repeatable order, not a secret
    seconds: dict[str, list[float]] = {name: [] for name in works}
    order = list(works)
    gc.collect()
    gc.freeze()
    for turn in range(-warm, times):
        chance.shuffle(order)
        for name in order:
            began = perf_counter()
            await works[name]()
            if turn >= 0:
                seconds[name].append(perf_counter() - began)
    gc.unfreeze()
    return seconds
