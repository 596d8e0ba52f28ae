"""What tests need beside Python, and what becomes of them where it is missing."""

import os
from typing import Never

import pytest


def give_up(how_to: str, *, reason: str = "") -> Never:
    """Skip a test for want of a program, saying how to get it; where everything has to be tested, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{how_to}: {reason}" if reason else how_to)
    pytest.skip(how_to)
