"""Writes links between two owners' persons, whoever decided them: the worker by evidence, or a steward."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import and_, delete, or_, text
from sqlalchemy.dialects.postgresql import insert as upsert

from customer_index.model import Model
from customer_index.scoring import Comparison
from customer_index.tables import links
from shared.db import Transaction

LinkKind = Literal["automatic", "steward"]

CERTAIN: Final = 1.0
"""The probability of what a steward has said."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link: a person, and the areas whose records may be compared."""

    owner: str
    person_id: UUID
    areas: Collection[str]


async def lock_links(tx: Transaction, one: str, other: str) -> None:
    """Let only one at a time decide about the links of two owners, so that nobody links half of a contested pair."""
    pair = "|".join(sorted((one, other)))
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext(:pair))"), {"pair": pair})


def link_row(
    one: End, other: End, *, kind: LinkKind, comparison: Comparison, model: Model, at: datetime
) -> dict[str, Any]:
    """Make the row of a link."""
    first, second = sorted((one, other), key=lambda end: end.owner)
    return {
        "first_owner": first.owner,
        "first_person": first.person_id,
        "first_areas": sorted(first.areas),
        "second_owner": second.owner,
        "second_person": second.person_id,
        "second_areas": sorted(second.areas),
        "kind": kind,
        "weight": comparison.total,
        "probability": CERTAIN if kind == "steward" else comparison.probability,
        "model": model.version,
        "linked_at": at,
    }


async def save_links(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Write links; one that there is already takes what is new, and stays as old as it is."""
    if not rows:
        return
    statement = upsert(links)
    kept = ("first_areas", "second_areas", "kind", "weight", "probability", "model")
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["first_person", "second_person"], set_={name: statement.excluded[name] for name in kept}
        ),
        rows,
    )


async def remove_links(tx: Transaction, person_id: UUID, *, to: Collection[UUID]) -> None:
    """Remove the links of a person to some others."""
    if to:
        await tx.execute(
            delete(links).where(
                or_(
                    and_(links.c.first_person == person_id, links.c.second_person.in_(to)),
                    and_(links.c.second_person == person_id, links.c.first_person.in_(to)),
                )
            )
        )
