"""The rows of case-episodes. Who may see which is in the migrations: forced row-level security on every table.

    episodes ──┬── cases ── case_notes      assessments ── reuses      memberships
               ├── contacts                 outbox, inbox, parked, idempotency      guarded_records
               └── episode_referrals

Every row about somebody is anchored on a source record (`record_id`); `person_id` is whom that record belongs to now,
kept by events, and empty once the record was withdrawn. The scope says who may see it.
"""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

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


def _about_somebody() -> tuple[Column[object], ...]:
    """Declare what every row about somebody has: owner, scope, the record it is anchored on, the person, a version."""
    return (
        Column("owner", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("record_id", Uuid, nullable=False, index=True),
        Column("person_id", Uuid, index=True),
        Column("version", Integer, nullable=False),
    )


episodes = Table(
    "episodes",
    metadata,
    Column("episode_id", Uuid, primary_key=True),
    *_about_somebody(),
    Column("cluster", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("lead", Text),
    Column("status", Text, nullable=False),
    Column("status_reason", Text),
    _moment("opened_at"),
    _moment("last_case_at"),
    Index("episodes_open", "owner", "cluster", "person_id", postgresql_where=text("status = 'open'")),
)
"""Umbrellas over cases; the scope is that of the case that opened it, and says who sees more of it than its cases."""

cases = Table(
    "cases",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    *_about_somebody(),
    Column("episode_id", Uuid, ForeignKey("episodes.episode_id"), nullable=False, index=True),
    Column("lgsl", Integer, nullable=False),
    Column("lgil", Integer, nullable=False),
    Column("cluster", Text, nullable=False),
    Column("speed", Text, nullable=False),
    Column("channel", Text),
    Column("description", Text, nullable=False),
    Column("household", Boolean, nullable=False),
    Column("postcode_sector", Text),
    Column("status", Text, nullable=False),
    Column("handled_by", Text),
    _moment("due_at", nullable=True),
    _moment("opened_at"),
    _moment("changed_at"),
    Index(
        "cases_queue",
        "owner",
        "opened_at",
        postgresql_where=text("status IN ('open', 'in-progress', 'waiting', 'reopened')"),
    ),
)

case_notes = Table(
    "case_notes",
    metadata,
    Column("note_id", Uuid, primary_key=True),
    Column("case_id", Uuid, ForeignKey("cases.case_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", Text),
    Column("written_by", Text, nullable=False),
    _moment("written_at"),
    Column("place", Integer, nullable=False),
)
"""What workers wrote on a case, in the order of `place`; with a status where it is the reason for a transition."""

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", Uuid, primary_key=True),
    *_about_somebody(),
    Column("case_id", Uuid, ForeignKey("cases.case_id"), index=True),
    Column("episode_id", Uuid, ForeignKey("episodes.episode_id"), index=True),
    Column("channel", Text, nullable=False),
    Column("lgsl", Integer, nullable=False),
    Column("lgil", Integer, nullable=False),
    Column("access_point", Text),
    _moment("started_at"),
    _moment("ended_at", nullable=True),
    Column("handled_by", Text),
    Column("resolved_at_first_contact", Boolean),
    Column("hand_offs", Integer),
    Column("unresolved_reason", Text),
    Column("needs_met", Text),
    Column("satisfaction", JSONB),
    Column("postcode_sector", Text),
    _moment("recorded_at"),
)

episode_referrals = Table(
    "episode_referrals",
    metadata,
    Column("referral_id", Uuid, primary_key=True),
    *_about_somebody(),
    Column("episode_id", Uuid, ForeignKey("episodes.episode_id"), nullable=False, index=True),
    Column("service_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    _moment("made_at"),
    _moment("changed_at"),
)
"""What partners were asked within an episode, and what came of it, as events tell; the scope is the referral's own."""

assessments = Table(
    "assessments",
    metadata,
    Column("assessment_id", Uuid, primary_key=True),
    *_about_somebody(),
    Column("lgsl", Integer, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("outcome", Text),
    Column("status", Text, nullable=False),
    Column("status_reason", Text),
    Column("assessed_by", Text, nullable=False),
    _moment("assessed_at"),
    _moment("changed_at"),
)

reuses = Table(
    "reuses",
    metadata,
    Column("reuse_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("assessment_id", Uuid, ForeignKey("assessments.assessment_id"), nullable=False, index=True),
    Column("assessment_owner", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text),
    Column("for_lgsl", Integer, nullable=False),
    Column("re_asks_avoided", Integer, nullable=False),
    Column("decided_by", Text, nullable=False),
    _moment("decided_at"),
)
"""What a service made of an assessment; a row of the service that reused it, in that service's scope."""

memberships = Table(
    "memberships",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("person_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("present", Boolean, nullable=False),
)
"""Which record belongs to which person as far as events have told, and to which it belonged once."""

guarded_records = Table(
    "guarded_records",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("sealed", Boolean, nullable=False),
    _moment("told_at"),
)
"""What is kept back from other owners about whom a record is of, by the latest event that told; rows about that record
may come before or after it."""

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
parked = parked_table(metadata)
idempotency = idempotency_table(metadata)
