"""When a partner's answers are due.

Pure. In this room: the targets a service sets itself, and how the partner's clock stands still while it waits for
information. Not in this room: who looks at the clock (`jobs`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """By when a referral should be received, accepted or declined, and completed; None where nothing is promised."""

    receive: datetime
    accept: datetime
    complete: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """How fast a service answers, in hours from the authorisation."""

    receive_hours: int
    accept_hours: int
    complete_hours: int | None


def due_from(promise: Promise, *, at: datetime) -> Due:
    """Give when the answers to a referral authorised now are due."""
    complete = promise.complete_hours
    return Due(
        receive=at + timedelta(hours=promise.receive_hours),
        accept=at + timedelta(hours=promise.accept_hours),
        complete=None if complete is None else at + timedelta(hours=complete),
    )


def paused(due: Due, *, since: datetime, until: datetime) -> Due:
    """Move what was due after a pause began by the length of the pause."""
    length = until - since

    def later(moment: datetime) -> datetime:
        return moment + length if moment > since else moment

    return Due(
        receive=later(due.receive),
        accept=later(due.accept),
        complete=None if due.complete is None else later(due.complete),
    )
