"""Events in: the gateway's governance, as far as matching depends on it.

The worker keeps copies of the register of sources and of the active linkage clauses. What may no longer be linked is
unlinked in the transaction that learns of it; a call hides it at once anyway, because its permit no longer opens it.
"""

from collections import defaultdict

from sqlalchemy import delete, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from customer_index.commands.link import link_context
from customer_index.tables import inbox, linkage_flows, links, parked, reviews, sources
from shared.bus import Handler
from shared.db import Database, Transaction
from shared.events import AgreementChanged, Envelope, SourceChanged
from shared.inbox import once

_ASK_FOR_OWNER = text(
    "INSERT INTO link_queue (owner, person_id) SELECT owner, person_id FROM persons"
    " WHERE owner = :owner AND merged_into IS NULL"
)


def governance_consumer(database: Database) -> Handler:
    """Make the handler of governance events; `database` is the worker's."""
    return once(database, _follow_governance, inbox=inbox, parked=parked)


async def _follow_governance(tx: Transaction, envelope: Envelope) -> None:
    event = envelope.event()
    if isinstance(event, SourceChanged):
        await _keep_source(tx, event)
    elif isinstance(event, AgreementChanged):
        await _keep_linkage(tx, event)


async def _keep_source(tx: Transaction, event: SourceChanged) -> None:
    facts = event.model_dump()
    statement = upsert(sources).values(facts)
    await tx.execute(statement.on_conflict_do_update(index_elements=["owner", "source"], set_=facts))
    await _ask_for_owner(tx, event.owner)


async def _keep_linkage(tx: Transaction, event: AgreementChanged) -> None:
    was = select(linkage_flows.c.provider, linkage_flows.c.recipient).where(
        linkage_flows.c.agreement_id == event.agreement_id
    )
    touched = {tuple(sorted(row)) for row in await tx.execute(was)}
    await tx.execute(delete(linkage_flows).where(linkage_flows.c.agreement_id == event.agreement_id))
    if event.status == "active" and event.linkage:
        opened: dict[tuple[str, str], set[str]] = defaultdict(set)
        for flow in event.linkage:
            opened[flow.provider, flow.recipient].update(flow.service_areas)
        await tx.execute(
            insert(linkage_flows),
            [
                {
                    "agreement_id": event.agreement_id,
                    "provider": provider,
                    "recipient": recipient,
                    "service_areas": sorted(areas),
                    "valid_from": event.valid_from,
                    "valid_until": event.valid_until,
                }
                for (provider, recipient), areas in opened.items()
            ],
        )
        touched |= {tuple(sorted(direction)) for direction in opened}
    for first, second in sorted(touched):
        await _unlink_unless_mutual(tx, first, second)


async def _unlink_unless_mutual(tx: Transaction, first: str, second: str) -> None:
    """Remove the links of two owners who no longer link; have the first's persons looked at if they do."""
    directions = set(
        await tx.execute(
            select(linkage_flows.c.provider, linkage_flows.c.recipient).where(
                linkage_flows.c.provider.in_((first, second)), linkage_flows.c.recipient.in_((first, second))
            )
        )
    )
    if len(directions) == 2:
        await _ask_for_owner(tx, first)
        return
    await link_context(tx, first, second)
    for table in (links, reviews):
        await tx.execute(delete(table).where(table.c.first_owner == first, table.c.second_owner == second))


async def _ask_for_owner(tx: Transaction, owner: str) -> None:
    """Have every person of an owner looked at for links again."""
    await link_context(tx, owner)
    await tx.execute(_ASK_FOR_OWNER, {"owner": owner})
