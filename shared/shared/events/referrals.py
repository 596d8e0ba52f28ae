"""Referrals, as we hear of them and as their partners do."""

from uuid import UUID

from shared.events.base import PARTNERS, REFERRALS, Event


class ReferralChanged(Event):
    """A referral moved on; `service_id` is the service it asks for help, `partner` the organisation that offers it."""

    type = "referral.changed.v1"
    topic = REFERRALS

    referral_id: UUID
    action: str
    status: str
    partner: str
    service_id: UUID


class PartnerReferralChanged(Event):
    """A referral moved on, as its partner hears of it: on a topic of its own, in a sequence of its own."""

    type = "partner.referral-changed.v1"
    topic = PARTNERS

    referral_id: UUID
    sequence: int
    status: str
