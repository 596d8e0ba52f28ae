"""The inbox: each event of an aggregate takes effect once, in order, in each database.

The row is written in the transaction of the effect, so that a crash between the two cannot be.
"""

from sqlalchemy import Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import insert

from shared.db import Transaction


def inbox_table(metadata: MetaData) -> Table:
    """Declare a service's inbox."""
    return Table(
        "inbox",
        metadata,
        Column("source", Text, primary_key=True),
        Column("subject", Text, primary_key=True),
        Column("version", Integer, nullable=False),
    )


async def is_news(tx: Transaction, inbox: Table, *, source: str, subject: str, version: int) -> bool:
    """Note an aggregate's version; False if this version, or a later one, was applied before."""
    statement = (
        insert(inbox)
        .values(source=source, subject=subject, version=version)
        .on_conflict_do_update(
            index_elements=[inbox.c.source, inbox.c.subject],
            set_={"version": version},
            where=inbox.c.version < version,
        )
        .returning(inbox.c.version)
    )
    return (await tx.execute(statement)).scalar_one_or_none() is not None
