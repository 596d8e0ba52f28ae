"""Questions about what partners were told."""

from sqlalchemy import select

from referrals.schemas.referrals import FeedItem
from referrals.tables import partner_events
from shared.db import Transaction

TYPE = "partner.referral-changed.v1"


async def list_events(tx: Transaction, *, partner: str, after: int, limit: int) -> list[FeedItem]:
    """List what a partner was told after a number of its sequence, oldest first."""
    told = select(partner_events).where(partner_events.c.partner == partner, partner_events.c.sequence > after)
    rows = await tx.execute(told.order_by(partner_events.c.sequence).limit(limit))
    return [
        FeedItem.model_validate(
            {
                "id": row.event_id,
                "sequence": row.sequence,
                "type": TYPE,
                "time": row.at,
                "referral_id": row.referral_id,
                "status": row.status,
            }
        )
        for row in rows
    ]
