"""Background work that never dies unseen: what crashes is logged and started again, and what keeps crashing brings
the node down."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

import structlog

_CRASHES: Final = 5
_WITHIN_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 1.0

log = structlog.get_logger()


class BackgroundWorkFailed(Exception):
    """Some background work crashed again and again; its log lines say why."""


async def supervised(name: str, work: Callable[[], Awaitable[None]], *, pause_seconds: float = _PAUSE_SECONDS) -> None:
    """Do work that should never end, again after each crash; raise `BackgroundWorkFailed` after five in a minute."""
    crashes: deque[float] = deque(maxlen=_CRASHES)
    while True:
        try:
            await work()
            log.error("background work ended", work=name)
        except Exception as error:  # whatever it is, the work has to go on or the node to stop
            log.error("background work crashed", work=name, exc_info=error)
        crashes.append(monotonic())
        if len(crashes) == _CRASHES and crashes[-1] - crashes[0] < _WITHIN_SECONDS:
            raise BackgroundWorkFailed(f"{name} crashed {_CRASHES} times in a minute.")
        await asyncio.sleep(pause_seconds)
