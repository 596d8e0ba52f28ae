"""What every command has of a terminal: where messages go, progress bars, and failures told in one message.

A failure that was to be expected is told in one message that says how to mend it; data never appear in a message.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from single_node.demo.telling import Surprise
from single_node.lodging import ServerTrouble
from single_node.place import NodeIsRunning, PlaceUnusable, PortTaken
from single_node.staff import NotPossible
from single_node.supervision import BackgroundWorkFailed

console: Final = Console(stderr=True, highlight=False, soft_wrap=True)

_EXPECTED: Final = (
    BackgroundWorkFailed, NodeIsRunning, NotPossible, PlaceUnusable, PortTaken, ServerTrouble, Surprise,
)  # fmt: skip


def progress_bar() -> Progress:
    """Make a progress bar, to be entered as a context."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn a failure that was to be expected into its message and exit code 1."""
    try:
        yield
    except _EXPECTED as failure:
        console.print(str(failure), markup=False)
        raise typer.Exit(1) from None
    except httpx.TransportError as failure:
        console.print(f"The gateway stopped answering ({type(failure).__name__}); is the node still running?")
        raise typer.Exit(1) from None
