"""What an examination finds: how something stands and, unless it stands well, how to mend it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not for long, or not as well as it should."""
    WRONG = "wrong"
    UNCHECKED = "unchecked"
    """It could not be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing stands."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Finding:
    """Find something well."""
    return Finding(name, State.OK, detail)


def warning(name: str, detail: str, *, remedy: str) -> Finding:
    """Find something that needs a look before it goes wrong."""
    return Finding(name, State.WARNING, detail, remedy)


def wrong(name: str, detail: str, *, remedy: str) -> Finding:
    """Find something wrong."""
    return Finding(name, State.WRONG, detail, remedy)


def unchecked(name: str, detail: str, *, remedy: str) -> Finding:
    """Say that something could not be looked at, and what would let it be."""
    return Finding(name, State.UNCHECKED, detail, remedy)


def by_age(name: str, seconds: float, *, of: str, bounds: tuple[float, float], remedy: str) -> Finding:
    """Judge how long the oldest of something has waited: from the first bound on a warning, from the second wrong."""
    if seconds < bounds[0]:
        return ok(name, f"{of} has waited {seconds:.0f} s" if seconds else "nothing waits")
    judged = wrong if seconds >= bounds[1] else warning
    return judged(name, f"{of} has waited {_span(seconds)}", remedy=remedy)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
