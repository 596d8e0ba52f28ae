"""Which records make up the people who are hidden from a worker."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from customer_index.queries.people import find_links
from customer_index.schemas_of_protection import Excluded
from customer_index.tables import members, persons, records
from shared.db import Transaction
from shared.permit import Permit

_OPEN = text(
    "SELECT set_config('scv.matching_owner', :owner, true), set_config('scv.naming', :owner, true),"
    " set_config('scv.hidden', '', true)"
)
_CONCEAL = text("SELECT set_config('scv.concealing', :persons, true)")


async def find_hidden_records(tx: Transaction, excluded: Collection[Excluded], *, permit: Permit) -> set[UUID]:
    """Give all records, of whatever scope, of people named by an own record, and of those linked with them.

    Where the record is no more, the person it belonged to then, or lives on as, is meant.
    """
    await tx.execute(_OPEN, {"owner": permit.org})
    named = {(one.source, one.local_id) for one in excluded}
    statement = (
        select(records.c.source, records.c.local_id, members.c.person_id)
        .join(members, members.c.record_id == records.c.record_id)
        .where(records.c.owner == permit.org, tuple_(records.c.source, records.c.local_id).in_(named))
    )
    found = {(row.source, row.local_id): row.person_id for row in await tx.execute(statement)}
    gone = [one.person_id for one in excluded if (one.source, one.local_id) not in found]
    lives_on = func.coalesce(persons.c.merged_into, persons.c.person_id)
    remembered = select(lives_on).where(persons.c.owner == permit.org, persons.c.person_id.in_(gone))
    own = {*found.values(), *(await tx.execute(remembered)).scalars()}
    linked = {
        other.person_id for person_id in own for other in await find_links(tx, person_id, linkages=permit.linkages)
    }
    await tx.execute(_CONCEAL, {"persons": ",".join(map(str, own | linked))})
    all_of_them = select(members.c.record_id).where(
        members.c.person_id == bindparam("persons", type_=ARRAY(Uuid)).any_()
    )
    return set((await tx.execute(all_of_them, {"persons": list(own | linked)})).scalars())
