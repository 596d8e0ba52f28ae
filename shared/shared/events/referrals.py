"""Referrals, as we hear of them and as their partners do."""

from uuid import UUID

from shared.events.base import PARTNERS, REFERRALS, Event


class ReferralChanged(Event):
    """A referral moved on; `service_id` is the service it asks for help, `partner` the organisation that offers it.

    `record_id` is the record it is about, `person_id` whom that belonged to, `scope` who may see it; `outcome` is there
    once it ended with one. Events from before these were told have none of them.
    """

    type = "referral.changed.v1"
    topic = REFERRALS

    referral_id: UUID
    action: str
    status: str
    partner: str
    service_id: UUID
    scope: str | None = None
    record_id: UUID | None = None
    person_id: UUID | None = None
    outcome: str | None = None


class PartnerReferralChanged(Event):
    """A referral moved on, as its partner hears of it: on a topic of its own, in a sequence of its own."""

    type = "partner.referral-changed.v1"
    topic = PARTNERS

    referral_id: UUID
    sequence: int
    status: str
