"""How the demo tells what it does: chapters, questions with their answers, and checks.

The first check that does not hold ends the demo. Plain lines, so that a log file reads like a terminal.
"""

import sys
from time import perf_counter
from typing import Any

_LONGEST = 150
"""Characters of an answer worth printing."""


class Surprise(Exception):
    """Something came back that should not have; the message says what was expected."""


class Telling:
    """Prints the story and counts the checks that held."""

    def __init__(self) -> None:
        self.checks = 0
        self._started = perf_counter()

    def chapter(self, title: str) -> None:
        """Open a chapter."""
        _say(f"\n== {title}  [{perf_counter() - self._started:.0f} s]")

    def step(self, text: str) -> None:
        """Say what happens next."""
        _say(f"-- {text}")

    def asked(self, question: str, *, answer: str) -> None:
        """Tell a call and what came back, cut short."""
        _say(f"   {question}\n      → {answer if len(answer) <= _LONGEST else answer[: _LONGEST - 1] + '…'}")

    def lines(self, text: str) -> None:
        """Print a table or the like as it is."""
        _say(text)

    def check(self, claim: str, *, holds: bool, found: Any = "") -> None:
        """Count a claim that holds; raise `Surprise` with what was found instead for one that does not."""
        if not holds:
            _say(f"   FAILED  {claim}")
            raise Surprise(f"{claim}: found {found}" if found != "" else claim)
        self.checks += 1
        _say(f"   ok      {claim}")

    def equal(self, claim: str, found: Any, *, expected: Any) -> None:
        """Check that what was found is what was expected."""
        self.check(claim, holds=found == expected, found=f"{found!r}, expected {expected!r}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
