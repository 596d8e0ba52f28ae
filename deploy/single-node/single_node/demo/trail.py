"""What is left behind: the audit as each side reads it, and the resident's log of who looked and why."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from single_node.demo.story import Story

_PURPOSE: Final = "subject-rights"


def check_trail(story: "Story") -> None:
    """Check that audit and log tell exactly of the calls that the story made. Raises `Surprise`."""
