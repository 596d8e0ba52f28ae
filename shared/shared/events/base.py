"""What every event is, and the topics events go to."""

from typing import ClassVar, Final

from pydantic import ConfigDict

from shared.wire import Wire

PEOPLE: Final = "scv.people"
GOVERNANCE: Final = "scv.governance"
CASES: Final = "scv.cases"
REFERRALS: Final = "scv.referrals"
PARTNERS: Final = "scv.partner"


def partner_topic(org: str) -> str:
    """Name the topic on which a partner hears of the referrals it was sent."""
    return f"{PARTNERS}.{org}.referrals"


class Event(Wire):
    """Something that happened to one aggregate.

    Fields that a later version of us adds are passed over, so that services need not be brought up to date together.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    topic: ClassVar[str]
