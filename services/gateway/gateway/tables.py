"""The rows of the gateway. Who may see which is in the migrations: forced row-level security on every table here with
personal data.

    organisations ── identity_providers, sources, staff, mandates, exclusions
    borough_policies ── borough_policy_versions
    agreements ── agreement_versions ── signatures
    governance (the epoch)      audit ── audit_persons      emergency_accesses      idempotency      outbox
    ledger, opening

The tables of the log that the audit is sealed into are in `log_tables`.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Sequence,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from shared.idempotency import idempotency_table
from shared.ledger import ledger_table, opening_table
from shared.outbox import outbox_table

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _moment(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False)


def _list(name: str, items: TypeEngine[Any]) -> Column[object]:
    return Column(name, ARRAY(items), nullable=False)


governance = Table(
    "governance",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("epoch", BigInteger, nullable=False),
    CheckConstraint("single", name="one_row"),
)
"""One row: the number of the last change to anything a decision is made from."""

organisations = Table(
    "organisations",
    metadata,
    Column("org", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("gss", Text),
    Column("version", Integer, nullable=False),
)

identity_providers = Table(
    "identity_providers",
    metadata,
    Column("org", Text, ForeignKey("organisations.org"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("issuer", Text, nullable=False, unique=True),
    Column("jwks", JSONB(none_as_null=True)),
    Column("jwks_uri", Text),
    _list("algorithms", Text()),
    Column("audience", Text, nullable=False),
    Column("version", Integer, nullable=False),
)
"""An issuer speaks for one organisation, whatever its tokens say."""

sources = Table(
    "sources",
    metadata,
    Column("org", Text, ForeignKey("organisations.org"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("service_area", Text, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("linkage", Text, nullable=False),
    Column("statutory_bar", Text),
    Column("version", Integer, nullable=False),
)

staff = Table(
    "staff",
    metadata,
    Column("org", Text, ForeignKey("organisations.org"), primary_key=True),
    Column("subject", Text, primary_key=True),
    _list("roles", Text()),
    Column("training", JSONB, nullable=False),
    Column("commitments", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
)

borough_policies = Table(
    "borough_policies",
    metadata,
    Column("org", Text, ForeignKey("organisations.org"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("digest", Text, nullable=False),
)
"""The policy of each borough that is in force."""

borough_policy_versions = Table(
    "borough_policy_versions",
    metadata,
    Column("org", Text, ForeignKey("borough_policies.org"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("by", Text, nullable=False),
    _moment("at"),
)
"""Every policy a borough ever had, and who wrote it."""

mandates = Table(
    "mandates",
    metadata,
    Column("org", Text, ForeignKey("organisations.org"), primary_key=True),
    Column("mandate_id", Text, primary_key=True),
    Column("to_org", Text, ForeignKey("organisations.org"), nullable=False),
    _list("roles", Text()),
    _list("purposes", Text()),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("version", Integer, nullable=False),
)
"""`org` lets workers of `to_org` act for it."""

exclusions = Table(
    "exclusions",
    metadata,
    Column("org", Text, ForeignKey("organisations.org"), primary_key=True),
    Column("exclusion_id", Text, primary_key=True),
    Column("employer", Text, ForeignKey("organisations.org"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("local_id", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
    Column("reason", Text, nullable=False),
    Column("review_on", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Index("exclusions_subject", "employer", "subject"),
)
"""The person behind `org`'s record does not exist for a worker of `employer`. `person_id` is whom the record stood for
when this was entered, and counts once the record is gone."""

agreements = Table(
    "agreements",
    metadata,
    Column("agreement_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    _list("parties", Text()),
    _moment("created_at"),
    Index("agreements_created_at", "created_at", "agreement_id"),
)
"""An agreement through all its versions; `parties` are those of its newest version and of the one in force."""

agreement_versions = Table(
    "agreement_versions",
    metadata,
    Column("agreement_id", Uuid, ForeignKey("agreements.agreement_id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("digest", Text, nullable=False),
    _list("suspended_by", Text()),
    Column("content", JSONB, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date, nullable=False),
    Index("agreement_versions_status", "status"),
)

signatures = Table(
    "signatures",
    metadata,
    Column("agreement_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("org", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("position", Text),
    Column("digest", Text, nullable=False),
    _moment("at"),
    ForeignKeyConstraint(
        ["agreement_id", "version"], ["agreement_versions.agreement_id", "agreement_versions.version"]
    ),
)

audit_sequence = Sequence("audit_sequence", metadata=metadata)

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("audit_id", Uuid, nullable=False),
    _moment("at"),
    Column("organisation", Text, nullable=False),
    Column("subject", Text, nullable=False),
    _list("roles", Text()),
    Column("purpose", Text),
    Column("case_reference", Text),
    Column("action", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    _list("person_ids", Uuid()),
    _list("person_owners", Text()),
    _list("records", Text()),
    _list("owners", Text()),
    Column("scopes", JSONB, nullable=False),
    _list("clauses", Text()),
    Column("policy", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("status", Integer),
    Column("epoch", BigInteger, nullable=False),
    Column("acting_for", Text),
    Column("emergency", Text),
    Index("audit_audit_id", "audit_id"),
)
"""What every call was decided and shown, in the order of writing; a row is never changed. `audit_id` is the decision's
id, the permit's `txn`; the intent and the outcome of a write share it. `person_owners` goes with `person_ids`, place by
place; a record is `owner/record_id@version`. `organisation` employs the worker, `acting_for` gave it a mandate;
`emergency` is the reason code of an emergency access."""

audit_persons = Table(
    "audit_persons",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
)
"""Finds the audit rows about a person: a search inside `audit.person_ids` could not use an index under row-level
security. Without a foreign key, for it is written by the very statement that writes the audit row."""

emergency_accesses = Table(
    "emergency_accesses",
    metadata,
    Column("access_id", Uuid, primary_key=True),
    Column("agreement_id", Uuid, nullable=False),
    Column("provider", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("acting_for", Text),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    _moment("started_at"),
    _moment("expires_at"),
    _moment("review_due"),
    Column("status", Text, nullable=False),
    Column("reviewed_by", Text),
    Column("reviewed_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("review_note", Text),
    Index("emergency_accesses_started_at", "started_at", "access_id"),
    Index("emergency_accesses_open", "review_due", postgresql_where="status = 'open'"),
)
"""A worker's emergency access to one provider's data under one agreement, from its first call to the end of its time.
`agreement_id` is no foreign key: what was accessed stays on record whatever becomes of the agreement."""

idempotency = idempotency_table(metadata)

outbox = outbox_table(metadata)

ledger = ledger_table(metadata)
opening = opening_table(metadata)
