"""What stewards have decided, record by record."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from customer_index.decisions import Decision, Pair, Ruling, Verdict, decisions_in, in_force
from customer_index.tables import decisions, members
from shared.db import Transaction

_DECIDED_WITH = text(
    """
    SELECT DISTINCT members.person_id
      FROM decisions AS back JOIN decisions AS other USING (stewardship_id)
           JOIN members ON members.record_id = other.record_id
     WHERE back.record_id = ANY (:records) AND back.first_owner = back.second_owner
    """
).bindparams(bindparam("records", type_=ARRAY(Uuid)))

_LINK_DECISIONS = text(
    """
    SELECT mine.stewardship_id, mine.sequence, mine.owner, mine.verdict,
           mine.record_id AS one, here.person_id, theirs.record_id AS other, there.person_id AS other_person
      FROM members AS here JOIN decisions AS mine ON mine.record_id = here.record_id
           JOIN decisions AS theirs ON theirs.stewardship_id = mine.stewardship_id AND theirs.side <> mine.side
           JOIN members AS there ON there.record_id = theirs.record_id
     WHERE here.person_id = ANY (:persons) AND mine.first_owner <> mine.second_owner
    """
).bindparams(bindparam("persons", type_=ARRAY(Uuid)))


def ruling_of(stewardship_id: Any, sequence: int, owner: str, verdict: str, side: Any) -> Ruling:
    """Make a ruling of the columns it is stored in."""
    return Ruling(UUID(str(stewardship_id)), sequence, owner, Verdict(verdict), side)


async def find_rulings(tx: Transaction, record_ids: Collection[UUID]) -> dict[UUID, list[Ruling]]:
    """Give what was decided inside one owner about some records, whether a person has them or not."""
    statement = select(decisions).where(
        decisions.c.record_id == bindparam("records", type_=ARRAY(Uuid)).any_(),
        decisions.c.first_owner == decisions.c.second_owner,
    )
    rulings: dict[UUID, list[Ruling]] = defaultdict(list)
    for row in await tx.execute(statement, {"records": list(record_ids)}):
        rulings[row.record_id].append(ruling_of(row.stewardship_id, row.sequence, row.owner, row.verdict, row.side))
    return rulings


async def find_decided_with(tx: Transaction, record_ids: Collection[UUID]) -> set[UUID]:
    """Give the persons with a record that was decided about together with one of these."""
    return set((await tx.execute(_DECIDED_WITH, {"records": list(record_ids)})).scalars())


@dataclass(frozen=True, slots=True)
class LinkDecisions:
    """Which persons of other owners some persons are, and which they are not, as far as stewards decided."""

    same: Mapping[UUID, set[UUID]]
    others: Mapping[UUID, set[UUID]]

    def partners(self) -> set[UUID]:
        """Give all the persons that somebody is said to be."""
        return {one for found in self.same.values() for one in found}


async def find_link_decisions(tx: Transaction, person_ids: Collection[UUID]) -> LinkDecisions:
    """Give what stewards of either owner decided about the links of some persons."""
    person_of: dict[UUID, UUID] = {}
    found: list[Decision] = []
    for row in await tx.execute(_LINK_DECISIONS, {"persons": list(person_ids)}):
        person_of |= {row.one: row.person_id, row.other: row.other_person}
        named = frozenset((row.one,)), frozenset((row.other,))
        found.append(Decision(row.stewardship_id, row.sequence, row.owner, Verdict(row.verdict), *named))
    decided = in_force(found)
    others = _by_person(decided.apart, person_of=person_of)
    same = _by_person(decided.bound, person_of=person_of)
    return LinkDecisions({one: linked - others.get(one, set()) for one, linked in same.items()}, others)


async def find_kept_apart(tx: Transaction, person_ids: Collection[UUID]) -> set[frozenset[UUID]]:
    """Give the pairs among some persons of one owner that its stewards keep apart."""
    statement = (
        select(decisions, members.c.person_id)
        .join(members, members.c.record_id == decisions.c.record_id)
        .where(members.c.person_id == bindparam("persons", type_=ARRAY(Uuid)).any_())
        .where(decisions.c.first_owner == decisions.c.second_owner)
    )
    rows = (await tx.execute(statement, {"persons": list(person_ids)})).all()
    person_of = {row.record_id: row.person_id for row in rows}
    decided = in_force(
        decisions_in(
            (row.record_id, ruling_of(row.stewardship_id, row.sequence, row.owner, row.verdict, row.side))
            for row in rows
        )
    )
    return {frozenset(person_of[record_id] for record_id in pair) for pair in decided.apart}


def _by_person(pairs: Set[Pair], *, person_of: Mapping[UUID, UUID]) -> dict[UUID, set[UUID]]:
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for one, other in map(tuple, pairs):
        found[person_of[one]].add(person_of[other])
        found[person_of[other]].add(person_of[one])
    return found
