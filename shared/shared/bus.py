"""How events travel from one service's outbox to the others.

`LocalBus` serves the single-node form and the tests: it hands an event to the subscribers in this process, one after
the other, and `publish` returns only when all of them have committed.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from shared.events import Envelope

Handler = Callable[[Envelope], Awaitable[None]]


class Bus(Protocol):
    """Where a relay publishes."""

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when every event has been taken over for good; raise if one was not."""


class LocalBus:
    """A bus inside one process."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = defaultdict(list)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call `handler` with every event of `topic` from now on."""
        self._handlers[topic].append(handler)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Hand each event to all subscribers of its topic, in order."""
        for envelope in envelopes:
            for handler in self._handlers[envelope.topic]:
                await handler(envelope)
