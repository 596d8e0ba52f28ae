"""The rows of referrals. Who may see which is in the migrations: forced row-level security on every table here with
personal data.

    services        referrals ── referral_history        partner_sequences ── partner_events
                        └─────── payloads                agreements           outbox, inbox, idempotency
                                 guarded_records        memberships
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.idempotency import idempotency_table
from shared.inbox import inbox_table, parked_table
from shared.outbox import outbox_table

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
    }
)


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


services = Table(
    "services",
    metadata,
    Column("service_id", Uuid, primary_key=True),
    Column("org", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("terms", ARRAY(Text), nullable=False),
    Column("entry", JSONB, nullable=False),
    _moment("modified_at"),
)
"""The directory: what organisations offer, as they entered it."""

referrals = Table(
    "referrals",
    metadata,
    Column("referral_id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("service_id", Uuid, nullable=False),
    Column("record_id", Uuid, nullable=False, index=True),
    Column("person_id", Uuid, nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("need", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("consent", JSONB),
    Column("clauses", ARRAY(Text), nullable=False),
    Column("discloses", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("before", Text),
    _moment("authorised_at"),
    _moment("sent_at", nullable=True),
    _moment("paused_at", nullable=True),
    Column("outcome", Text),
    Column("partner_reference", Text),
    _moment("due_receive"),
    _moment("due_accept"),
    _moment("due_complete", nullable=True),
    Column("version", Integer, nullable=False),
    Index("referrals_partner", "partner", "number"),
    Index("referrals_owner", "owner", "number"),
    Index("referrals_unanswered", "due_receive", postgresql_where=sql("status = 'sent'")),
)
"""Requests for help. The subject is the source record; `person_id` follows it through merges and splits. The first of
`clauses` grants that the person is known at all."""

referral_history = Table(
    "referral_history",
    metadata,
    Column("referral_id", Uuid, ForeignKey("referrals.referral_id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _moment("at"),
    Column("action", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text),
    Column("details", JSONB),
)
"""Every step of every referral; `by` is an organisation or the platform."""

payloads = Table(
    "payloads",
    metadata,
    Column("referral_id", Uuid, ForeignKey("referrals.referral_id", ondelete="CASCADE"), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("clauses", ARRAY(Text), nullable=False),
    Column("entries", JSONB, nullable=False),
    Column("message", Text),
    _moment("frozen_at"),
)
"""What was disclosed when a referral was authorised. Only a permit of the partner's opens it, and only while every
clause it rests on is in force."""

partner_sequences = Table(
    "partner_sequences",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
"""The number of the last change each partner was told of; its row lock is what keeps the numbers without gaps."""

partner_events = Table(
    "partner_events",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Uuid, nullable=False),
    Column("referral_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    _moment("at"),
)
"""The partners' feeds: ids and states only."""

agreements = Table(
    "agreements",
    metadata,
    Column("agreement_id", Uuid, primary_key=True),
    Column("status", Text, nullable=False),
    _moment("changed_at"),
    _moment("valid_until"),
    Column("clauses", ARRAY(Text)),
)
"""A copy of where agreements stand, kept by events; `clauses` is None while it is not known which it has."""

guarded_records = Table(
    "guarded_records",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("sealed", Boolean, nullable=False),
    _moment("told_at"),
)
"""What is kept back from other owners about whom a record is of, by the latest event that told; a referral may be made
before or after it."""

memberships = Table(
    "memberships",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("present", Boolean, nullable=False),
)
"""Which persons a record came to, by events, and whether it has left them since."""

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
parked = parked_table(metadata)
idempotency = idempotency_table(metadata)
