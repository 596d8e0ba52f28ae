"""The ledger: every row that decides who may see what, as each change left it, so that no restore brings a right back.

A trigger writes it in the transaction of the change; a process of its own takes it off-site (`shipping`), from where it
is replayed after a restore (`replaying`). And the opening: for which start of which server the database may be used. A
server that was started again, another that took over, a copy that was restored are none of them the one it was opened
for, and `require_open()` raises in them until it is opened anew.

    changed row ── trigger ──▶ ledger ── shipping ──▶ segments off-site ── replaying ──▶ rows, ledger, opening

In this room: the two tables and what the migrations make around them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, OID
from sqlalchemy.exc import DBAPIError

from shared.db import Transaction
from shared.migrate import closed_table
from shared.segments import Entry

CLOSED: Final = "SC001"
"""What the database answers, as an error code, while it may not be used."""
ENTRY: Final = "require_open()"
"""What whoever asks a database that can be closed passes first, or an answer of nothing would tell that there is
nothing (`Database`)."""


def ledger_table(metadata: MetaData) -> Table:
    """Declare a service's ledger; `segment` is the number of the segment that took a change off-site."""
    return Table(
        "ledger",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("of", Text, nullable=False),
        Column("key", JSONB, nullable=False),
        Column("image", JSONB(none_as_null=True)),
        Column("segment", BigInteger),
        Index("ledger_unshipped", "id", postgresql_where="segment IS NULL"),
    )


def opening_table(metadata: MetaData) -> Table:
    """Declare the one row that says for which server the database is open, and how far its ledger is off-site.

    Without a start of a server it is open to any: nothing was taken off-site yet.
    """
    return Table(
        "opening",
        metadata,
        Column("single", Boolean, primary_key=True, server_default=text("true")),
        Column("ledger", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
        Column("segment", BigInteger, nullable=False, server_default=text("0")),
        Column("digest", Text, nullable=False, server_default=text("repeat('0', 64)")),
        Column("server_started", DateTime(timezone=True)),
        Column("relation", OID),
        CheckConstraint("single", name="one_row"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgered:
    """A table whose changes are in the ledger.

    `omitted` columns are not: they follow from others, or hold what must not leave; a row that is replayed has
    `stand_ins` in them, or nothing.
    """

    table: Table
    omitted: Sequence[str] = ()
    stand_ins: Mapping[str, Any] = field(default_factory=dict)


Aftermath = Callable[[Transaction, Sequence[Entry]], Awaitable[None]]
"""Does what follows from changes that a replay made again, in the transaction it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The ledger of a service: its table, what is in it, and what follows when it was replayed."""

    ledger: Table
    tables: Sequence[Ledgered]
    replayed: Aftermath


def is_closed(error: DBAPIError) -> bool:
    """Tell whether a statement failed because the database may not be used."""
    return getattr(error.orig, "sqlstate", None) == CLOSED


def tables_of_the_ledger(*, app: str, worker: str) -> list[str]:
    """Give the statements that make what surrounds the two tables, which exist, for the roles of a service.

    Whoever changes a row adds to the ledger, by the trigger and in no other way: a replay believes what is there, so no
    role may write it by hand. Nobody but the worker reads it.
    """
    return [
        *closed_table(
            "ledger",
            policies={
                "note": "FOR INSERT WITH CHECK (pg_trigger_depth() > 0)",
                "read": f"FOR SELECT TO {worker} USING (true)",
                "ship": f"FOR UPDATE TO {worker} USING (true) WITH CHECK (true)",
            },
            grants={app: "INSERT", worker: "SELECT, INSERT, UPDATE (segment)"},
        ),
        f"GRANT SELECT ON opening TO {app}, {worker}",
        f"GRANT UPDATE (segment, digest, server_started, relation) ON opening TO {worker}",
        "INSERT INTO opening DEFAULT VALUES",
        _IS_OPEN,
        _REQUIRE_OPEN,
        _NOTE,
    ]


def noted(table: str, *, key: Sequence[str], omitted: Sequence[str] = ()) -> str:
    """Give the statement that has every change of a table noted; `key` are the columns of its primary key."""
    arguments = ", ".join(f"'{{{','.join(names)}}}'" for names in (key, omitted))
    return (
        f"CREATE TRIGGER note_in_ledger AFTER INSERT OR UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION note_in_ledger({arguments})"
    )


_IS_OPEN: Final = """
CREATE FUNCTION is_open() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT 1 FROM opening WHERE server_started <> pg_postmaster_start_time() OR relation <> tableoid);
END $$
"""
"""The start of a server, to the microsecond, tells it from any other that has the same data; the number of the table
tells a copy that was restored into a server that never stopped."""

_REQUIRE_OPEN: Final = f"""
CREATE FUNCTION require_open() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT is_open() THEN
        RAISE EXCEPTION 'restored and not replayed' USING ERRCODE = '{CLOSED}';
    END IF;
    RETURN true;
END $$
"""

_NOTE: Final = """
CREATE FUNCTION note_in_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb;
    becomes jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        was := to_jsonb(OLD) - TG_ARGV[1]::text[];
    END IF;
    IF TG_OP <> 'DELETE' THEN
        becomes := to_jsonb(NEW) - TG_ARGV[1]::text[];
    END IF;
    IF was IS DISTINCT FROM becomes THEN
        INSERT INTO ledger (of, key, image)
        SELECT TG_TABLE_NAME, jsonb_object_agg(name, COALESCE(becomes, was) -> name), becomes
          FROM unnest(TG_ARGV[0]::text[]) AS name;
    END IF;
    RETURN NULL;
END $$
"""
