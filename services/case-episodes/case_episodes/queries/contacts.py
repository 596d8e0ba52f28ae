"""Contacts: one, and those of some persons."""

from collections.abc import Collection, Sequence
from uuid import UUID

from case_episodes.queries.guarding import selected
from case_episodes.tables import contacts
from shared.db import AnyRow, Transaction
from shared.permit import Permit


async def find_contact(tx: Transaction, contact_id: UUID, *, permit: Permit) -> AnyRow | None:
    """Give a contact that the call may know of."""
    statement = selected(contacts, permit=permit).where(contacts.c.contact_id == contact_id)
    row: AnyRow | None = (await tx.execute(statement)).one_or_none()
    return row


async def find_contacts(tx: Transaction, *, person_ids: Collection[UUID], permit: Permit) -> Sequence[AnyRow]:
    """Give the contacts of some persons that the call may know of, the latest first."""
    statement = selected(contacts, permit=permit).where(contacts.c.person_id.in_(person_ids))
    rows: Sequence[AnyRow] = (
        await tx.execute(statement.order_by(contacts.c.started_at.desc(), contacts.c.contact_id))
    ).all()
    return rows
