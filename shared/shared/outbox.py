"""The outbox: an event is a row written in the transaction of the change it tells of.

The application may only insert; the worker role reads, hands rows to the bus in order of id and marks them published.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, MetaData, Table, Text, Uuid, insert
from sqlalchemy.dialects.postgresql import JSONB

from shared import telemetry
from shared.db import Transaction
from shared.events import Envelope, Event


def outbox_table(metadata: MetaData) -> Table:
    """Declare a service's outbox."""
    return Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("source", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("aggregate_version", Integer, nullable=False),
        Column("owner", Text, nullable=False),
        Column("txn", Uuid, nullable=False),
        Column("time", DateTime(timezone=True), nullable=False),
        Column("data", JSONB, nullable=False),
        Column("published_at", DateTime(timezone=True)),
        Column("traceparent", Text),
        Index("outbox_unpublished", "id", postgresql_where="published_at IS NULL"),
    )


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, the aggregate it happened to and that aggregate's version after it."""

    event: Event
    subject: str
    version: int
    topic: str | None = None
    """Where the event goes if not to the topic of its class: to one partner's topic."""


async def emit(
    tx: Transaction, outbox: Table, happened: Sequence[Happened], *, source: str, owner: str, txn: UUID, at: datetime
) -> None:
    """Write events to the outbox, in their order, with the change they tell of."""
    if not happened:
        return
    await tx.execute(
        insert(outbox).inline(),
        [
            {
                "event_id": uuid4(),
                "source": source,
                "type": one.event.type,
                "topic": one.topic or one.event.topic,
                "subject": one.subject,
                "aggregate_version": one.version,
                "owner": owner,
                "txn": txn,
                "time": at,
                "data": one.event.model_dump(mode="json"),
                "traceparent": telemetry.traceparent(),
            }
            for one in happened
        ],
    )


def envelope_of(row: object) -> Envelope:
    """Make the envelope of an outbox row."""
    return Envelope(
        id=row.event_id,  # type: ignore[attr-defined]
        **{name: getattr(row, name) for name in Envelope.model_fields if name != "id"},
    )
