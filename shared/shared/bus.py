"""How events travel from one service's outbox to the others: what a bus is, and the one inside a process.

`LocalBus` serves the single-node form and the tests: it hands an event to the subscribers in this process, one after
the other, and `publish` returns only when all of them have committed. The real bus is in kafka.py.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from shared import telemetry
from shared.cloudevents import Record, envelope_of, record_of, traceparent_of
from shared.events import Envelope

Handler = Callable[[Envelope], Awaitable[None]]
"""Takes an event over for good. Raises `Condemned` where it gave the event up, and anything else where the same event
is to be handed over again."""


class Condemned(Exception):
    """An event could not take effect, time and again; it is parked, and so is what follows it in its aggregate."""

    def __init__(self, envelope: Envelope, *, error: str) -> None:
        """`error` is the class of what went wrong."""
        super().__init__(error)
        self.envelope = envelope
        self.error = error


class Bus(Protocol):
    """Where a relay publishes."""

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Return when every event has been taken over for good; raise if one was not."""


class LocalBus:
    """A bus inside one process. Events pass through it as bytes, as they would through Kafka."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Handler]] = defaultdict(list)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Call `handler` with every event of `topic` from now on."""
        self._handlers[topic].append(handler)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Hand each event to all subscribers of its topic, in order."""
        for record in [record_of(envelope) for envelope in envelopes]:
            for handler in self._handlers[record.topic]:
                await _hand_over(record, handler)


async def _hand_over(record: Record, handler: Handler) -> None:
    try:
        with telemetry.following(traceparent_of(record)):
            await handler(envelope_of(record))
    except Condemned:
        # It is parked in the subscriber's own database, and must not hold up what others said.
        return
