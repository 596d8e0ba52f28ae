"""A case's life: pure.

In this room: its statuses, which follow which, and which of them wait for somebody's work.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class CaseStatus(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    IN_PROGRESS = "in-progress"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REOPENED = "reopened"
    ENTERED_IN_ERROR = "entered-in-error"


_MOVES: Final[Mapping[CaseStatus, tuple[CaseStatus, ...]]] = {
    CaseStatus.OPEN: (CaseStatus.IN_PROGRESS,),
    CaseStatus.IN_PROGRESS: (CaseStatus.WAITING, CaseStatus.RESOLVED),
    CaseStatus.WAITING: (CaseStatus.IN_PROGRESS, CaseStatus.RESOLVED),
    CaseStatus.RESOLVED: (CaseStatus.CLOSED, CaseStatus.REOPENED),
    CaseStatus.CLOSED: (CaseStatus.REOPENED,),
    CaseStatus.REOPENED: (CaseStatus.IN_PROGRESS,),
}

LEGAL: Final[Mapping[CaseStatus, frozenset[CaseStatus]]] = {
    **{status: frozenset({*nexts, CaseStatus.ENTERED_IN_ERROR}) for status, nexts in _MOVES.items()},
    CaseStatus.ENTERED_IN_ERROR: frozenset(),
}
"""What may follow each status; what was entered in error stays so, and anything may turn out to have been."""

UNFINISHED: Final = frozenset({CaseStatus.OPEN, CaseStatus.IN_PROGRESS, CaseStatus.WAITING, CaseStatus.REOPENED})
"""Statuses of cases that stand in a work queue."""
