"""Whether work that never ends still gets anywhere, and what a process is asked about it.

In this room: when each work of a process last went round, and the registry its metrics are in. Not in this room: how a
process is asked (`operations`), what is counted (`metrics`) and the work itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry

PATIENCE_SECONDS: Final = 60.0
"""How long a work may take to go round once, unless it says otherwise."""
_BEAT_SECONDS: Final = 1.0


class Progress:
    """When a work last went round; one that nobody asks about costs nothing."""

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """`patience_seconds` is how long a healthy work may take to go round: longer than the slowest thing it does."""
        self.patience_seconds = patience_seconds
        self._last = time.monotonic()

    def beat(self) -> None:
        """Note that the work goes round: done, idle, on standby, or trying again what failed."""
        self._last = time.monotonic()

    def age(self) -> float:
        """Give the seconds since the last beat."""
        return time.monotonic() - self._last

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Beat for the length of a block that waits for somebody else, who may be away for as long as it takes."""
        beating = asyncio.create_task(self._beat_for_ever())
        try:
            yield
        finally:
            beating.cancel()
            self.beat()

    async def _beat_for_ever(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(_BEAT_SECONDS)


@dataclass(frozen=True, slots=True)
class Operations:
    """What a process is asked while it runs: its metrics, and the progress of its works by their names."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    works: dict[str, Progress] = field(default_factory=dict)

    def progress(self, work: str, *, patience_seconds: float = PATIENCE_SECONDS) -> Progress:
        """Register a work of this process; it counts as alive until it has not beaten for its patience."""
        progress = Progress(patience_seconds=patience_seconds)
        self.works[work] = progress
        return progress

    def stuck(self) -> list[str]:
        """Name the works that have not beaten for their patience."""
        return sorted(name for name, progress in self.works.items() if progress.age() > progress.patience_seconds)
