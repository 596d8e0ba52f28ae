"""The outbox: an event is a row written in the transaction of the change it tells of.

The application may only insert; the worker role reads, hands rows to the bus in order of id and marks them published.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TextClause,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

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


CHANNEL: Final = "outbox"
"""What a relay listens to while it is asleep."""
ASLEEP: Final = "relay asleep"
"""The advisory lock that a relay holds alone while it is asleep, and a transaction shares that took it to be awake."""

_EMIT: Final = """
    WITH written AS (
      INSERT INTO {outbox} (event_id, source, type, topic, subject, aggregate_version, owner, txn, time, data,
                            traceparent)
      SELECT event_id, :source, type, topic, subject, version, :owner, :txn, :time, CAST(content AS jsonb), :traceparent
        FROM unnest(:event_ids, :types, :topics, :subjects, :versions, :contents)
             WITH ORDINALITY AS happened(event_id, type, topic, subject, version, content, place)
       ORDER BY place)
    SELECT pg_notify('{channel}', '') WHERE NOT pg_try_advisory_xact_lock_shared(hashtext('{asleep}'))
    """


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
    """Write events to the outbox, in their order, with the change they tell of; their commit wakes the relay."""
    if not happened:
        return
    await tx.execute(
        _emitting(outbox.name),
        {
            "event_ids": [uuid4() for _ in happened],
            "types": [one.event.type for one in happened],
            "topics": [one.topic or one.event.topic for one in happened],
            "subjects": [one.subject for one in happened],
            "versions": [one.version for one in happened],
            "contents": [one.event.model_dump_json() for one in happened],
            "source": source,
            "owner": owner,
            "txn": txn,
            "time": at,
            "traceparent": telemetry.traceparent(),
        },
    )


@cache
def _emitting(outbox: str) -> TextClause:
    """Make the statement that writes events, and wakes the relay if it is asleep.

    PostgreSQL lets one transaction at a time commit what notifies. While there is much to do nobody pays for that: the
    relay is awake, and cannot fall asleep before those who found it so have committed.
    """
    types: dict[str, TypeEngine[Any]] = {"event_ids": Uuid(), "versions": Integer()}
    arrays = ("event_ids", "types", "topics", "subjects", "versions", "contents")
    return text(_EMIT.format(outbox=outbox, channel=CHANNEL, asleep=ASLEEP)).bindparams(
        *(bindparam(name, type_=ARRAY(types.get(name, Text()))) for name in arrays),
        bindparam("txn", type_=Uuid()),
        bindparam("time", type_=DateTime(timezone=True)),
        *(bindparam(name, type_=Text()) for name in ("source", "owner", "traceparent")),
    )


def attributes_of(outbox: Table) -> list[Column[Any]]:
    """Give the columns that an envelope is made of, in the order of its fields."""
    return [outbox.c["event_id" if name == "id" else name] for name in Envelope.model_fields]


def envelope_of(attributes: Iterable[object]) -> Envelope:
    """Make the envelope of an outbox row, given its attributes in the order of an envelope's fields."""
    return Envelope.model_validate(dict(zip(Envelope.model_fields, attributes, strict=True)))
