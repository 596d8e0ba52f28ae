"""Links between two owners' persons: decided by the worker, after the answer to the call that caused the change.

Nothing but ids, weights and levels leaves this room, and only while both owners let their persons be compared.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import BigInteger, Text, Uuid

from customer_index.blocking import MATCHING_KINDS, block_keys
from customer_index.clustering import BLOCK_CAP
from customer_index.commands.clusters import review_row, upsert_reviews
from customer_index.linking import link
from customer_index.model import Model
from customer_index.normalise import Features
from customer_index.placement import Cluster, Member
from customer_index.queries.linkage import MutualLinkage, find_mutual_linkages
from customer_index.tables import link_queue, links, members, persons, sources
from shared.categories import Scope, split_scope
from shared.db import Transaction

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
class _Side:
    """A person of one owner as far as it may be compared: its records of open areas and sharing sources."""

    cluster: Cluster
    areas: tuple[str, ...]


async def link_waiting(tx: Transaction, *, model: Model, at: datetime) -> int:
    """Look at the links of the persons waiting longest; give how many asked."""
    taken = delete(link_queue).where(
        link_queue.c.id.in_(
            select(link_queue.c.id).order_by(link_queue.c.id).limit(_BATCH).with_for_update(skip_locked=True)
        )
    )
    asked = (await tx.execute(taken.returning(link_queue.c.owner, link_queue.c.person_id))).all()
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
    """Let the rest of the transaction see the comparison columns of these owners."""
    await tx.execute(text("SELECT set_config('scv.link_owners', :owners, true)"), {"owners": ",".join(sorted(owners))})


async def _link_persons(
    tx: Transaction, person_ids: Collection[UUID], *, owner: str, linkage: MutualLinkage, model: Model, at: datetime
) -> None:
    """Decide anew who of the other owner these persons are."""
    other = linkage.second if owner == linkage.first else linkage.first
    await link_context(tx, linkage.first, linkage.second)
    # One decision at a time for two owners, so that two workers cannot each link half of a contested pair.
    await tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtext(:pair))"), {"pair": f"{linkage.first}|{linkage.second}"}
    )
    sides = await _load_sides(tx, person_ids, areas=linkage.areas_of(owner))
    existing = await _existing(tx, person_ids, linkage=linkage)
    candidates = await _candidates(tx, sides, other=other)
    other_ids = {one for found in candidates.values() for one in found} | {
        one for found in existing.values() for one in found
    }
    others = await _load_sides(tx, other_ids, areas=linkage.areas_of(other))
    for person_id in person_ids:
        side = sides.get(person_id)
        wanted = candidates.get(person_id, set()) | existing.get(person_id, set())
        await _save(
            tx,
            person_id,
            side,
            [others[one] for one in sorted(wanted) if one in others],
            owner=owner,
            other=other,
            existing=existing.get(person_id, set()),
            model=model,
            at=at,
        )


async def _load_sides(tx: Transaction, person_ids: Collection[UUID], *, areas: Collection[str]) -> dict[UUID, _Side]:
    """Load persons with those of their records that may be compared with another owner's."""
    statement = (
        select(persons.c.person_id, persons.c.sequence, members.c.record_id, members.c.scope, members.c.features)
        .join(members, members.c.person_id == persons.c.person_id)
        .join(sources, and_(sources.c.owner == members.c.owner, sources.c.source == members.c.source))
        .where(persons.c.person_id == bindparam("persons", type_=ARRAY(Uuid)).any_())
        .where(sources.c.linkage == "shared", sources.c.statutory_bar.is_(None))
        .where(sources.c.service_area == bindparam("areas", type_=ARRAY(Text)).any_())
        .order_by(members.c.record_id)
    )
    rows = defaultdict(list)
    for row in await tx.execute(statement, {"persons": list(person_ids), "areas": list(areas)}):
        rows[row.person_id].append(row)
    return {
        person_id: _Side(
            Cluster(
                person_id,
                tuple(Member(row.record_id, Features.from_json(row.features)) for row in found),
                found[0].sequence,
            ),
            tuple(sorted({split_scope(Scope(row.scope))[1] for row in found})),
        )
        for person_id, found in rows.items()
    }


async def _existing(tx: Transaction, person_ids: Collection[UUID], *, linkage: MutualLinkage) -> dict[UUID, set[UUID]]:
    statement = select(links.c.first_person, links.c.second_person).where(
        links.c.first_owner == linkage.first,
        links.c.second_owner == linkage.second,
        or_(links.c.first_person.in_(person_ids), links.c.second_person.in_(person_ids)),
    )
    existing: dict[UUID, set[UUID]] = defaultdict(set)
    for first, second in await tx.execute(statement):
        existing[first].add(second)
        existing[second].add(first)
    return existing


async def _candidates(tx: Transaction, sides: Mapping[UUID, _Side], *, other: str) -> dict[UUID, set[UUID]]:
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


async def _save(
    tx: Transaction,
    person_id: UUID,
    side: _Side | None,
    others: Sequence[_Side],
    *,
    owner: str,
    other: str,
    existing: Collection[UUID],
    model: Model,
    at: datetime,
) -> None:
    first_owner, second_owner = sorted((owner, other))
    decided = (
        None
        if side is None
        else link(side.cluster, others=[one.cluster for one in others], model=model, existing=frozenset(existing))
    )
    linked = dict(decided.links) if decided is not None else {}
    gone = set(existing) - linked.keys()
    if gone:
        here, there = _columns(owner, first_owner)
        await tx.execute(delete(links).where(links.c[here] == person_id, links.c[there].in_(gone)))
    if side is None or decided is None:
        return
    areas = {one.cluster.person_id: one.areas for one in others}
    rows = []
    for other_id, comparison in linked.items():
        ordered = sorted(((owner, person_id, side.areas), (other, other_id, areas[other_id])))
        rows.append(
            {
                "first_owner": first_owner,
                "first_person": ordered[0][1],
                "first_areas": list(ordered[0][2]),
                "second_owner": second_owner,
                "second_person": ordered[1][1],
                "second_areas": list(ordered[1][2]),
                "kind": "automatic",
                "weight": comparison.total,
                "probability": comparison.probability,
                "model": model.version,
                "linked_at": at,
            }
        )
    if rows:
        statement = upsert(links)
        kept = ("first_areas", "second_areas", "weight", "probability", "model")
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["first_person", "second_person"],
                set_={name: statement.excluded[name] for name in kept},
                where=links.c.kind == "automatic",
            ),
            rows,
        )
    raised = []
    for match in decided.reviews:
        first, second = sorted(((owner, person_id), (other, match.person_id)))
        raised.append(review_row("link", first, second, match=match, model=model, at=at))
    if raised:
        await upsert_reviews(tx, raised)


def _columns(owner: str, first_owner: str) -> tuple[str, str]:
    return ("first_person", "second_person") if owner == first_owner else ("second_person", "first_person")
