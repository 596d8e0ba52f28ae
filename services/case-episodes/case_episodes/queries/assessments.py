"""Assessments and what was made of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_

from case_episodes.disclosure import is_shown
from case_episodes.fields import ASSESSMENT
from case_episodes.tables import assessments, reuses
from shared.db import AnyRow, Transaction
from shared.permit import Permit
from shared.problems import NotFound


async def get_assessment(tx: Transaction, assessment_id: UUID, *, permit: Permit) -> AnyRow:
    """Give an assessment that the call may be shown; raise `NotFound`."""
    statement = select(assessments).where(assessments.c.assessment_id == assessment_id)
    return _shown((await tx.execute(statement)).one_or_none(), permit=permit)


async def lock_assessment(tx: Transaction, assessment_id: UUID, *, permit: Permit) -> AnyRow:
    """Give an assessment that the call may change, and keep others from changing it; raise `NotFound`."""
    statement = select(assessments).where(assessments.c.assessment_id == assessment_id).with_for_update()
    return _shown((await tx.execute(statement)).one_or_none(), permit=permit)


async def find_assessments(
    tx: Transaction,
    *,
    person_ids: Collection[UUID],
    after: tuple[datetime, UUID] | None = None,
    limit: int | None = None,
) -> Sequence[AnyRow]:
    """Give the assessments of some persons that the call may know of, the latest first."""
    here = tuple_(assessments.c.assessed_at, assessments.c.assessment_id)
    statement = select(assessments).where(assessments.c.person_id.in_(person_ids))
    if after is not None:
        statement = statement.where(here < after)
    statement = statement.order_by(assessments.c.assessed_at.desc(), assessments.c.assessment_id.desc()).limit(limit)
    return (await tx.execute(statement)).all()


async def get_reuse(tx: Transaction, reuse_id: UUID) -> AnyRow:
    """Give what the caller's organisation made of an assessment."""
    row = (await tx.execute(select(reuses).where(reuses.c.reuse_id == reuse_id))).one_or_none()
    if row is None:
        raise NotFound
    return row


def _shown(row: AnyRow | None, *, permit: Permit) -> AnyRow:
    if row is None or not is_shown(row, ASSESSMENT, permit=permit):
        raise NotFound
    return row
