"""How much waits: for the worker that links, for the one that loads, and for stewards. Counts and ages, never whose.

Not in this room: what is done about it, and how it is told (`metrics`).
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, exists, func, or_, select

from customer_index.tables import link_queue, loads, reviews, sources, stewardship
from shared.db import Transaction

_LOOKED_AT: Final = 2000
"""Of each organisation's reviews the newest so many, so that looking costs no more after years of decided ones."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many wait, and for how many seconds the oldest has."""

    waiting: int = 0
    oldest_seconds: float = 0.0

    def __add__(self, other: "Backlog") -> "Backlog":
        """Put two queues together."""
        return Backlog(self.waiting + other.waiting, max(self.oldest_seconds, other.oldest_seconds))


@dataclass(frozen=True, slots=True)
class WaitingLoads:
    """How many loads of an organisation have a status."""

    owner: str
    status: str
    count: int


async def list_owners(tx: Transaction) -> list[str]:
    """List the organisations that have a source here; for the worker."""
    return list((await tx.execute(select(sources.c.owner).distinct().order_by(sources.c.owner))).scalars())


async def count_links(tx: Transaction) -> int:
    """Count the times a person's links are to be looked at; for the worker."""
    return int((await tx.execute(select(func.count()).select_from(link_queue))).scalar_one())


async def count_loads(tx: Transaction) -> list[WaitingLoads]:
    """Count the loads that are not finished; for the worker."""
    statement = select(loads.c.owner, loads.c.status, func.count()).where(_UNFINISHED)
    rows = await tx.execute(statement.group_by(loads.c.owner, loads.c.status))
    return [WaitingLoads(*row) for row in rows]


async def oldest_load_seconds(tx: Transaction) -> float:
    """Give how long ago the oldest unfinished load of the context's organisation was accepted; for the application."""
    age = select(_age(func.min(loads.c.accepted_at))).where(_UNFINISHED)
    return float((await tx.execute(age)).scalar_one() or 0)


async def open_record_reviews(tx: Transaction, owner: str) -> Backlog:
    """Count the reviews inside an organisation that it has not decided; for the application in its context."""
    newest = _newest(owner, kind="record")
    return await _backlog(tx, newest, ~_decided(newest, newest.c.first_owner))


async def open_link_reviews(tx: Transaction, owner: str) -> Backlog:
    """Count the reviews between an organisation and those after it that not both have decided; for the worker, in the
    context of all of them."""
    newest = _newest(owner, kind="link")
    undecided = or_(~_decided(newest, newest.c.first_owner), ~_decided(newest, newest.c.second_owner))
    return await _backlog(tx, newest, undecided)


_UNFINISHED: Final = loads.c.status.in_(("queued", "running"))


def _newest(owner: str, *, kind: str) -> Any:
    columns = (reviews.c.review_id, reviews.c.kind, reviews.c.first_owner, reviews.c.second_owner, reviews.c.raised_at)
    newest = (
        select(*columns)
        .where(reviews.c.first_owner == owner)
        .order_by(reviews.c.raised_at.desc(), reviews.c.review_id.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    return select(newest).where(newest.c.kind == kind).subquery()


def _decided(newest: Any, by: Any) -> Any:
    act = stewardship.c
    ours = and_(act.review_id == newest.c.review_id, act.owner == by, act.undone_at.is_(None))
    return exists(select(act.review_id).where(ours))


async def _backlog(tx: Transaction, newest: Any, undecided: Any) -> Backlog:
    counted = select(func.count(), _age(func.min(newest.c.raised_at))).select_from(newest).where(undecided)
    waiting, age = (await tx.execute(counted)).one()
    return Backlog(waiting, max(0.0, float(age or 0)))


def _age(moment: Any) -> Any:
    return func.extract("epoch", func.now() - moment)
