"""The rows of customer-index. Who may see which is in the migrations: forced row-level security on every table here
with personal data.

    sources ── records ── members ── persons ── links
                             │          └────── reviews ── stewardship ── decisions
                         block_keys
    loads ── load_chunks, load_rejects        linkage_flows, link_queue        outbox, inbox, parked
                                              ledger, opening
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.inbox import inbox_table, parked_table
from shared.ledger import ledger_table, opening_table
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


sources = Table(
    "sources",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("service_area", Text, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("linkage", Text, nullable=False),
    Column("statutory_bar", Text),
)
"""A copy of the gateway's register of source systems, kept by events."""

persons = Table(
    "persons",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("owner", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("merged_into", Uuid, ForeignKey("persons.person_id")),
)
"""One owner's human beings; `sequence` says which of two is older, `merged_into` where one lives on."""

records = Table(
    "records",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("local_id", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _moment("asserted_at"),
    UniqueConstraint("owner", "source", "local_id"),
)
"""What a source system says, verbatim; the key includes the owner, so a clash tells nothing of another's rows."""

members = Table(
    "members",
    metadata,
    Column("record_id", Uuid, ForeignKey("records.record_id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", Uuid, ForeignKey("persons.person_id"), nullable=False, index=True),
    Column("owner", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("features", JSONB, nullable=False),
    Column("schemes", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("sealed", Boolean, nullable=False, server_default="false"),
)
"""Which record belongs to which person, with the normalised values that matching compares and nothing else; `schemes`
are those of all protections of the person, `sealed` whether one of them seals."""

protections = Table(
    "protections",
    metadata,
    Column("protection_id", Uuid, primary_key=True, index=True),
    Column("owner", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("local_id", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("record_id", Uuid, ForeignKey("members.record_id", ondelete="SET NULL"), index=True),
    Column("person_id", Uuid, index=True),
    Column("until", Date),
    Column("review_on", Date),
    Column("household_wide", Boolean, nullable=False),
    Column("by_household", Boolean, nullable=False),
    Column("set_by", Text, nullable=False),
    _moment("set_at"),
    Index("protections_of_households", "owner", postgresql_where=text("household_wide")),
    Index("protections_ending", "until", postgresql_where=text("until IS NOT NULL")),
)
"""What is protected, by the key of a record, so that it outlives the record's withdrawal; `record_id` and `person_id`
are those of today, if there is one. Rows of one `protection_id` were set at once, `by_household` those of people who
share a home with the person protected."""

block_keys = Table(
    "block_keys",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, primary_key=True),
    Column("record_id", Uuid, ForeignKey("records.record_id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("scope", Text, nullable=False),
)
"""Hashes of values; records that share one are compared."""

links = Table(
    "links",
    metadata,
    Column("first_owner", Text, nullable=False),
    Column("first_person", Uuid, ForeignKey("persons.person_id", ondelete="CASCADE"), primary_key=True),
    Column("second_owner", Text, nullable=False),
    Column("second_person", Uuid, ForeignKey("persons.person_id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("first_areas", ARRAY(Text), nullable=False),
    Column("second_areas", ARRAY(Text), nullable=False),
    Column("kind", Text, nullable=False),
    Column("weight", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("model", Text, nullable=False),
    _moment("linked_at"),
)
"""Two owners' persons believed to be one human being; `first_owner` < `second_owner`, each side with the areas whose
records were compared."""

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("first_owner", Text, nullable=False),
    Column("first_person", Uuid, ForeignKey("persons.person_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("second_owner", Text, nullable=False),
    Column("second_person", Uuid, ForeignKey("persons.person_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("waterfall", JSONB, nullable=False),
    Column("total", Float, nullable=False),
    Column("model", Text, nullable=False),
    _moment("raised_at"),
    Index("reviews_pair", "first_person", "second_person", unique=True),
    Index("reviews_of_first", "first_owner", "raised_at", "review_id"),
    Index("reviews_of_second", "second_owner", "raised_at", "review_id"),
)
"""Possible matches for a steward: inside an owner (`record`) or between two (`link`). An organisation has decided one
if it has an act of stewardship on it that was not undone."""

stewardship = Table(
    "stewardship",
    metadata,
    Column("stewardship_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("owner", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("review_id", Uuid, index=True),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("txn", Uuid, nullable=False),
    _moment("at"),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Column("led_to", JSONB, nullable=False),
    _moment("undone_at", nullable=True),
    Column("undone_by", Text),
)
"""What stewards did: who, why and when, the owner's persons before and after, and which ids led to one absorbed."""

decisions = Table(
    "decisions",
    metadata,
    Column("stewardship_id", Uuid, ForeignKey("stewardship.stewardship_id", ondelete="CASCADE"), primary_key=True),
    Column("record_id", Uuid, primary_key=True, index=True),
    Column("sequence", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("first_owner", Text, nullable=False),
    Column("second_owner", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("source", Text),
    Column("local_id", Text),
    Index("decisions_withdrawn", "owner", "source", "local_id", postgresql_where=text("local_id IS NOT NULL")),
)
"""Decisions in force, record by record. One whose source withdrew it is remembered by its key, so that the decision
holds again when it comes back."""

loads = Table(
    "loads",
    metadata,
    Column("load_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("owner", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("txn", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("received", Integer, nullable=False, server_default="0"),
    Column("created", Integer, nullable=False, server_default="0"),
    Column("linked", Integer, nullable=False, server_default="0"),
    Column("review", Integer, nullable=False, server_default="0"),
    Column("updated", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("idempotency_key", Text),
    Column("body_digest", LargeBinary, nullable=False),
    _moment("accepted_at"),
    _moment("started_at", nullable=True),
    _moment("finished_at", nullable=True),
    Index("loads_waiting", "sequence", postgresql_where=text("status IN ('queued', 'running')")),
    Index("loads_idempotency", "owner", "subject", "idempotency_key", unique=True),
)
"""Extracts taken over; the row is the job."""

load_chunks = Table(
    "load_chunks",
    metadata,
    Column("load_id", Uuid, ForeignKey("loads.load_id", ondelete="CASCADE"), primary_key=True),
    Column("first_line", Integer, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("lines", LargeBinary, nullable=False),
)
"""The staged lines of a load, deleted in the transaction that asserts them, which makes a load restartable."""

load_rejects = Table(
    "load_rejects",
    metadata,
    Column("load_id", Uuid, ForeignKey("loads.load_id", ondelete="CASCADE"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("local_id", Text),
    Column("errors", JSONB, nullable=False),
)

linkage_flows = Table(
    "linkage_flows",
    metadata,
    Column("agreement_id", Uuid, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("service_areas", ARRAY(Text), nullable=False),
    _moment("valid_from"),
    _moment("valid_until"),
)
"""The clauses of active agreements that let an owner's persons be compared with another's, kept by events."""

link_queue = Table(
    "link_queue",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("person_id", Uuid, nullable=False),
)
"""Persons whose links have to be looked at again."""

outbox = outbox_table(metadata)
inbox = inbox_table(metadata)
parked = parked_table(metadata)
ledger = ledger_table(metadata)
opening = opening_table(metadata)
