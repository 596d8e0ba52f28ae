"""What a steward decides of a link: it holds at once, and whenever the worker looks again.

A steward of either owner may decide; where the two disagree there is no link.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from customer_index.commands.acts import Acting, Done, enter
from customer_index.commands.decisions import decide, revoke
from customer_index.commands.link import load_sides
from customer_index.commands.links import End, link_row, lock_links, remove_links, save_links
from customer_index.decisions import Verdict
from customer_index.linking import link
from customer_index.model import Model
from customer_index.queries.decisions import find_link_decisions
from customer_index.queries.people import VisibleRecord
from customer_index.stewardship import PersonRecords
from customer_index.tables import decisions, link_queue, members, persons
from shared.db import Transaction
from shared.permit import Permit


async def decide_link(
    tx: Transaction,
    verdict: Verdict,
    *,
    own: PersonRecords,
    other: UUID,
    visible: Collection[VisibleRecord],
    by: Acting,
    model: Model,
) -> Done:
    """Say that another owner's person is, or is not, the own one; `visible` are the records that are shown of both.

    Neither person changes. Of the other owner's records the decision names those that the steward was shown.
    """
    org = by.permit.org
    named = [record for record in visible if record.person_id == other]
    there = (named[0].disclosed.owner, [record.record_id for record in named])
    here = (org, own.records)
    first, second = sorted((here, there), key=lambda side: side[0])
    await lock_links(tx, first[0], second[0])
    entered = await enter(tx, verdict.value, kind="link", by=by, before=[own], after=[own], led_to={})
    await decide(
        tx,
        verdict,
        stewardship_id=entered.stewardship_id,
        sequence=entered.sequence,
        by=org,
        first=first,
        second=second,
    )
    await _settle(tx, own.person_id, other=other, owner=there[0], permit=by.permit, model=model, at=by.at)
    return Done(entered.stewardship_id, [own], [own], list(visible))


async def undo_link_decision(
    tx: Transaction, stewardship_id: UUID, own: PersonRecords, *, by: Acting, model: Model
) -> None:
    """Take back what was said of a link; what the evidence says of it is the worker's to decide."""
    named = select(decisions.c.record_id).where(decisions.c.stewardship_id == stewardship_id)
    concerned = (
        await tx.execute(
            select(members.c.person_id, persons.c.owner)
            .join(persons, persons.c.person_id == members.c.person_id)
            .where(members.c.record_id.in_(named))
            .distinct()
        )
    ).all()
    await revoke(tx, stewardship_id)
    ours = [row.person_id for row in concerned if row.owner == by.permit.org]
    for row in concerned:
        if row.owner != by.permit.org:
            for person_id in ours:
                await _settle(
                    tx, person_id, other=row.person_id, owner=row.owner, permit=by.permit, model=model, at=by.at
                )
    await _ask(tx, ours or [own.person_id], org=by.permit.org)


async def _settle(
    tx: Transaction, person_id: UUID, *, other: UUID, owner: str, permit: Permit, model: Model, at: datetime
) -> None:
    """Make the link to another owner's person what stewards say of it, as far as can be seen from here; the worker
    looks again with everything that may be compared."""
    said = await find_link_decisions(tx, [person_id])
    await remove_links(tx, person_id, to=[other])
    if other in said.same.get(person_id, ()):
        here = await load_sides(tx, [person_id], areas=_open_areas(permit, of=permit.org, to=owner))
        there = await load_sides(tx, [other], areas=_open_areas(permit, of=owner, to=permit.org))
        if here and there:
            bound = link(here[person_id].cluster, others=[there[other].cluster], model=model, bound={other})
            row = link_row(
                End(permit.org, person_id, here[person_id].areas),
                End(owner, other, there[other].areas),
                kind="steward",
                comparison=bound.links[0][1],
                model=model,
                at=at,
            )
            await save_links(tx, [row])
    await _ask(tx, [person_id], org=permit.org)


def _open_areas(permit: Permit, *, of: str, to: str) -> frozenset[str]:
    """Give the areas whose records one owner lets be compared with another's."""
    for linkage in permit.linkages:
        if {of, to} == {linkage.first, linkage.second}:
            return linkage.first_areas if of == linkage.first else linkage.second_areas
    return frozenset()


async def _ask(tx: Transaction, person_ids: Collection[UUID], *, org: str) -> None:
    await tx.execute(insert(link_queue).inline(), [{"owner": org, "person_id": one} for one in person_ids])
