"""Links between two owners' persons: decided by the worker, after the answer to the call that caused the change.

Nothing but ids, weights and levels leaves this room, and only while both owners let their persons be compared.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text, Uuid

from customer_index.blocking import MATCHING_KINDS, block_keys
from customer_index.commands.clusters import review_row, upsert_reviews
from customer_index.commands.links import End, link_row, lock_links, remove_links, save_links
from customer_index.linking import link
from customer_index.model import Model
from customer_index.normalise import Features
from customer_index.persons import BLOCK_CAP
from customer_index.placement import NOBODY, Cluster, Member, PossibleMatch
from customer_index.queries.decisions import find_kept_apart, find_link_decisions
from customer_index.queries.linkage import MutualLinkage, find_mutual_linkages
from customer_index.tables import link_queue, links, members, persons, reviews, sources, stewardship
from shared.categories import Scope, split_scope
from shared.db import Transaction
from shared.ledger import ENTRY

_BATCH = 200

_CANDIDATES = text(
    """
    SELECT DISTINCT wanted.place, members.person_id
      FROM unnest(:keys, :places) AS wanted(key, place)
           CROSS JOIN LATERAL (
             SELECT record_id FROM block_keys
              WHERE block_keys.key = wanted.key AND block_keys.owner = :owner LIMIT :cap) AS carrier
           JOIN members USING (record_id)
    """
).bindparams(bindparam("keys", type_=ARRAY(BigInteger)), bindparam("places", type_=ARRAY(BigInteger)))


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """A person of one owner as far as it may be compared: its records of open areas and sharing sources."""

    cluster: Cluster
    areas: tuple[str, ...]


_LINK_CONTEXT: Final = text(f"SELECT set_config('scv.link_owners', :owners, true), {ENTRY}")


async def link_waiting(tx: Transaction, *, model: Model, at: datetime) -> int:
    """Look at the links of the persons waiting longest; give how many asked. Raises while the database is closed."""
    taken = delete(link_queue).where(
        link_queue.c.id.in_(
            select(link_queue.c.id).order_by(link_queue.c.id).limit(_BATCH).with_for_update(skip_locked=True)
        )
    )
    asked = (await tx.execute(taken.returning(link_queue.c.owner, link_queue.c.person_id))).all()
    if asked:
        await link_context(tx)
    linkages = await find_mutual_linkages(tx, at=at)
    by_owner: dict[str, set[UUID]] = defaultdict(set)
    for row in asked:
        by_owner[row.owner].add(row.person_id)
    for owner, person_ids in sorted(by_owner.items()):
        for linkage in linkages:
            if owner in (linkage.first, linkage.second):
                await _link_persons(tx, person_ids, owner=owner, linkage=linkage, model=model, at=at)
    return len(asked)


async def link_context(tx: Transaction, *owners: str) -> None:
    """Let the rest of the transaction see the comparison columns of these owners.

    Raises while the database is closed: rows that nobody may see would look like rows that are not there.
    """
    await tx.execute(_LINK_CONTEXT, {"owners": ",".join(sorted(owners))})


async def _link_persons(
    tx: Transaction, person_ids: Collection[UUID], *, owner: str, linkage: MutualLinkage, model: Model, at: datetime
) -> None:
    """Decide anew who of the other owner these persons are."""
    other = linkage.second if owner == linkage.first else linkage.first
    await link_context(tx, linkage.first, linkage.second)
    await lock_links(tx, linkage.first, linkage.second)
    sides = await load_sides(tx, person_ids, areas=linkage.areas_of(owner))
    existing = await _existing(tx, person_ids, linkage=linkage)
    candidates = await _candidates(tx, sides, other=other)
    said = await find_link_decisions(tx, person_ids)
    other_ids = {one for found in (*candidates.values(), *existing.values(), said.partners()) for one in found}
    others = await load_sides(tx, other_ids, areas=linkage.areas_of(other))
    apart = await find_kept_apart(tx, other_ids)
    open_pairs: set[frozenset[UUID]] = set()
    for person_id in person_ids:
        linked = existing.get(person_id, {})
        if person_id not in sides:
            await remove_links(tx, person_id, to=linked.keys())
            continue
        same = said.same.get(person_id, set())
        wanted = candidates.get(person_id, set()) | linked.keys() | same
        decided = link(
            sides[person_id].cluster,
            others=[others[one].cluster for one in sorted(wanted) if one in others],
            model=model,
            existing={one for one, kind in linked.items() if kind == "automatic"},
            bound=same,
            forbidden=said.others.get(person_id, NOBODY),
            apart=apart,
        )
        await remove_links(tx, person_id, to=linked.keys() - {one for one, _ in decided.links})
        open_pairs |= {frozenset((person_id, match.person_id)) for match in decided.reviews}
        await save_links(
            tx,
            [
                link_row(
                    End(owner, person_id, sides[person_id].areas),
                    End(other, one, others[one].areas),
                    kind="steward" if one in same else "automatic",
                    comparison=comparison,
                    model=model,
                    at=at,
                )
                for one, comparison in decided.links
            ],
        )
        await _raise_reviews(tx, (owner, person_id), decided.reviews, other=other, model=model, at=at)
    await _settle_reviews(tx, person_ids, other=other, open_pairs=open_pairs)


async def load_sides(
    tx: Transaction, person_ids: Collection[UUID], *, areas: Collection[str]
) -> dict[UUID, ComparedSide]:
    """Load persons with those of their records that may be compared with another owner's: of who is sealed, none, also
    where its own organisation asks."""
    statement = (
        select(persons.c.person_id, persons.c.sequence, members.c.record_id, members.c.scope, members.c.features)
        .join(members, members.c.person_id == persons.c.person_id)
        .join(sources, and_(sources.c.owner == members.c.owner, sources.c.source == members.c.source))
        .where(persons.c.person_id == bindparam("persons", type_=ARRAY(Uuid)).any_())
        .where(sources.c.linkage == "shared", sources.c.statutory_bar.is_(None), ~members.c.sealed)
        .where(sources.c.service_area == bindparam("areas", type_=ARRAY(Text)).any_())
        .order_by(members.c.record_id)
    )
    rows = defaultdict(list)
    for row in await tx.execute(statement, {"persons": list(person_ids), "areas": list(areas)}):
        rows[row.person_id].append(row)
    return {
        person_id: ComparedSide(
            Cluster(
                person_id,
                tuple(Member(row.record_id, Features.from_json(row.features)) for row in found),
                found[0].sequence,
            ),
            tuple(sorted({split_scope(Scope(row.scope))[1] for row in found})),
        )
        for person_id, found in rows.items()
    }


async def _existing(
    tx: Transaction, person_ids: Collection[UUID], *, linkage: MutualLinkage
) -> dict[UUID, dict[UUID, str]]:
    """Give the links there are, each with its kind."""
    statement = select(links.c.first_person, links.c.second_person, links.c.kind).where(
        links.c.first_owner == linkage.first,
        links.c.second_owner == linkage.second,
        or_(links.c.first_person.in_(person_ids), links.c.second_person.in_(person_ids)),
    )
    existing: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    for first, second, kind in await tx.execute(statement):
        existing[first][second] = existing[second][first] = kind
    return existing


async def _candidates(tx: Transaction, sides: Mapping[UUID, ComparedSide], *, other: str) -> dict[UUID, set[UUID]]:
    """Find the other owner's persons that share a key with each of these; a crowded key is passed over."""
    places = list(sides)
    wanted = {
        (key.digest, place)
        for place, person_id in enumerate(places)
        for member in sides[person_id].cluster.members
        for key in block_keys(member.features)
        if key.kind in MATCHING_KINDS
    }
    found = await tx.execute(
        _CANDIDATES,
        {
            "keys": [key for key, _ in wanted],
            "places": [place for _, place in wanted],
            "owner": other,
            "cap": BLOCK_CAP,
        },
    )
    candidates: dict[UUID, set[UUID]] = defaultdict(set)
    for place, person_id in found:
        candidates[places[place]].add(person_id)
    return candidates


async def _settle_reviews(
    tx: Transaction, person_ids: Collection[UUID], *, other: str, open_pairs: Collection[frozenset[UUID]]
) -> None:
    """Let go of reviews that are no question any more, but for those that a steward has answered."""
    answered = select(stewardship.c.review_id).where(
        stewardship.c.review_id == reviews.c.review_id, stewardship.c.undone_at.is_(None)
    )
    concerned = or_(
        and_(reviews.c.first_person.in_(person_ids), reviews.c.second_owner == other),
        and_(reviews.c.second_person.in_(person_ids), reviews.c.first_owner == other),
    )
    statement = select(reviews.c.review_id, reviews.c.first_person, reviews.c.second_person)
    settled = [
        row.review_id
        for row in await tx.execute(statement.where(concerned, ~answered.exists()))
        if frozenset((row.first_person, row.second_person)) not in open_pairs
    ]
    if settled:
        await tx.execute(delete(reviews).where(reviews.c.review_id.in_(settled)))


async def _raise_reviews(
    tx: Transaction,
    person: tuple[str, UUID],
    matches: Sequence[PossibleMatch],
    *,
    other: str,
    model: Model,
    at: datetime,
) -> None:
    rows = []
    for match in matches:
        first, second = sorted((person, (other, match.person_id)))
        rows.append(review_row("link", first, second, match=match, model=model, at=at))
    if rows:
        await upsert_reviews(tx, rows)
