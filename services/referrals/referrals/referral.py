"""The life of a referral: its states, who may move it from which to which, and what a move has to say.

In this room: one table of moves, and the two functions that read it. Not in this room: what is disclosed (`payload`),
when something is due (`clock`), and how the states are told to FHIR systems (`fhir`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a referral stands."""

    DRAFT = "draft"
    AUTHORISED = "authorised"
    SENT = "sent"
    RECEIVED = "received"
    INFO_REQUESTED = "info-requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REDIRECTED = "redirected"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    NOT_COMPLETED = "not-completed"
    WITHDRAWN = "withdrawn"
    RECALLED = "recalled"
    EXPIRED = "expired"
    CLOSED = "closed"
    ENTERED_IN_ERROR = "entered-in-error"


class Action(StrEnum):
    """What moves a referral on."""

    CREATE = "create"
    AUTHORISE = "authorise"
    SEND = "send"
    RECEIVE = "receive"
    REQUEST_INFO = "request-info"
    SUPPLY_INFO = "supply-info"
    ACCEPT = "accept"
    REJECT = "reject"
    REDIRECT = "redirect"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    WITHDRAW = "withdraw"
    RECALL = "recall"
    CONFIRM_DELETION = "confirm-deletion"
    EXPIRE = "expire"
    CLOSE = "close"
    ENTER_IN_ERROR = "enter-in-error"


class Side(StrEnum):
    """Who moves it: one of the two organisations, or the platform on its own account."""

    REFERRER = "referrer"
    PARTNER = "partner"
    DECISION = "decision"
    SYSTEM = "system"
    CLOCK = "clock"


class RejectionReason(StrEnum):
    """Why a partner does not take a referral."""

    NOT_ELIGIBLE = "not-eligible"
    OUT_OF_AREA = "out-of-area"
    NO_CAPACITY = "no-capacity"
    DUPLICATE = "duplicate"
    INSUFFICIENT_INFORMATION = "insufficient-information"
    PERSON_DECLINED = "person-declined"
    WRONG_SERVICE = "wrong-service"
    RISK_UNMET = "risk-unmet"
    ALREADY_KNOWN = "already-known"


class FailureReason(StrEnum):
    """Why help that was accepted did not come about."""

    NO_CONTACT = "no-contact"
    DID_NOT_ATTEND = "did-not-attend"
    DECLINED = "declined"
    MOVED = "moved"
    DECEASED = "deceased"
    NO_LONGER_NEEDED = "no-longer-needed"


class Outcome(StrEnum):
    """What came of a referral that was completed."""

    NEED_MET = "need-met"
    PARTLY_MET = "partly-met"
    NOT_MET = "not-met"
    ONWARD_REFERRAL = "onward-referral"
    ADVICE_GIVEN = "advice-given"
    NO_CHANGE = "no-change"
    HARM_PREVENTED = "harm-prevented"


OPEN: Final = frozenset(
    {
        Status.AUTHORISED,
        Status.SENT,
        Status.RECEIVED,
        Status.INFO_REQUESTED,
        Status.ACCEPTED,
        Status.IN_PROGRESS,
        Status.ON_HOLD,
    }
)
"""The states in which help is still sought or given; the payload may be read in these only."""

ENDED: Final = frozenset(
    {
        Status.REJECTED,
        Status.COMPLETED,
        Status.NOT_COMPLETED,
        Status.WITHDRAWN,
        Status.RECALLED,
        Status.EXPIRED,
        Status.REDIRECTED,
    }
)
"""The states in which the referrer has an outcome to see, and then closes."""

REASONS: Final = {
    Action.REJECT: frozenset(map(str, RejectionReason)),
    Action.FAIL: frozenset(map(str, FailureReason)),
}
"""Moves whose reason is one of a list."""

NEEDS_REASON: Final = frozenset({Action.REJECT, Action.FAIL, Action.HOLD, Action.WITHDRAW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One row of the table; `to` is None where a move leads back to the state before."""

    action: Action
    side: Side
    origins: frozenset[Status]
    to: Status | None


def _row(action: Action, side: Side, origins: frozenset[Status] | set[Status], to: Status | None) -> Move:
    return Move(action=action, side=side, origins=frozenset(origins), to=to)


MOVES: Final = (
    _row(Action.AUTHORISE, Side.DECISION, {Status.DRAFT}, Status.AUTHORISED),
    _row(Action.SEND, Side.SYSTEM, {Status.AUTHORISED}, Status.SENT),
    _row(Action.RECEIVE, Side.PARTNER, {Status.SENT}, Status.RECEIVED),
    _row(Action.REQUEST_INFO, Side.PARTNER, {Status.RECEIVED, Status.ACCEPTED}, Status.INFO_REQUESTED),
    _row(Action.SUPPLY_INFO, Side.REFERRER, {Status.INFO_REQUESTED}, None),
    _row(Action.ACCEPT, Side.PARTNER, {Status.RECEIVED}, Status.ACCEPTED),
    _row(Action.REJECT, Side.PARTNER, {Status.RECEIVED, Status.INFO_REQUESTED}, Status.REJECTED),
    _row(Action.REDIRECT, Side.PARTNER, {Status.RECEIVED, Status.INFO_REQUESTED}, Status.REDIRECTED),
    _row(Action.START, Side.PARTNER, {Status.ACCEPTED}, Status.IN_PROGRESS),
    _row(Action.HOLD, Side.PARTNER, {Status.IN_PROGRESS}, Status.ON_HOLD),
    _row(Action.RESUME, Side.PARTNER, {Status.ON_HOLD}, Status.IN_PROGRESS),
    _row(Action.COMPLETE, Side.PARTNER, {Status.IN_PROGRESS}, Status.COMPLETED),
    _row(Action.FAIL, Side.PARTNER, {Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD}, Status.NOT_COMPLETED),
    _row(Action.WITHDRAW, Side.REFERRER, OPEN, Status.WITHDRAWN),
    _row(Action.RECALL, Side.SYSTEM, OPEN, Status.RECALLED),
    _row(Action.CONFIRM_DELETION, Side.PARTNER, {Status.RECALLED}, Status.RECALLED),
    _row(Action.EXPIRE, Side.CLOCK, {Status.SENT}, Status.EXPIRED),
    _row(Action.CLOSE, Side.REFERRER, ENDED, Status.CLOSED),
    _row(Action.ENTER_IN_ERROR, Side.REFERRER, set(Status) - {Status.ENTERED_IN_ERROR}, Status.ENTERED_IN_ERROR),
)
"""Every move there is, but for `create`, from which a referral comes as a draft."""


class IllegalMove(Exception):
    """A referral does not allow this now; `legal` lists what it allows the same side."""

    def __init__(self, *, legal: tuple[Action, ...]) -> None:
        super().__init__(", ".join(legal))
        self.legal = legal


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a referral stands, and the state it was in before it was put aside or closed."""

    status: Status
    before: Status | None = None


DRAFTED: Final = Progress(status=Status.DRAFT)


def legal_actions(progress: Progress, *, by: Side) -> tuple[Action, ...]:
    """List what a side may do now, in the order of the table."""
    return tuple(move.action for move in MOVES if move.side is by and progress.status in move.origins)


def moved(progress: Progress, action: Action, *, by: Side) -> Progress:
    """Move a referral on; raise `IllegalMove` with what would be legal."""
    if action not in legal_actions(progress, by=by):
        raise IllegalMove(legal=legal_actions(progress, by=by))
    (to,) = {move.to for move in MOVES if move.action is action}
    if to is None:
        assert progress.before is not None  # noqa: S101  request-info is the only way there, and remembers
        return Progress(status=progress.before)
    remembers = to in (Status.INFO_REQUESTED, Status.CLOSED)
    return Progress(status=to, before=progress.status if remembers else None)
