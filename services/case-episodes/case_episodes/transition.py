"""Moving from one status to the next, the same for cases, episodes and assessments.

Not in this room: which moves are legal (`case`, `episode`, `assessment`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from case_episodes.problems import IllegalTransition

S = TypeVar("S", bound=StrEnum)


def move(legal: Mapping[S, frozenset[S]], present: S, *, to: S) -> S:
    """Give the status moved to; raise `IllegalTransition` with the legal ones if it is none of them."""
    if to not in legal[present]:
        raise IllegalTransition(
            "The present status does not lead there.", legal=sorted(status.value for status in legal[present])
        )
    return to
