"""Contacts: one, and those of some persons."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from case_episodes.tables import contacts
from shared.db import AnyRow, Transaction


async def find_contact(tx: Transaction, contact_id: UUID) -> AnyRow | None:
    """Give a contact that the call may know of."""
    return (await tx.execute(select(contacts).where(contacts.c.contact_id == contact_id))).one_or_none()


async def find_contacts(tx: Transaction, *, person_ids: Collection[UUID]) -> Sequence[AnyRow]:
    """Give the contacts of some persons that the call may know of, the latest first."""
    statement = select(contacts).where(contacts.c.person_id.in_(person_ids))
    return (await tx.execute(statement.order_by(contacts.c.started_at.desc(), contacts.c.contact_id))).all()
