"""What documents name is there: runbooks in their table, links and their anchors, `make` targets, `scv` commands.

Not in this room: whether what they say happens (`single_node/test_runbooks.py`).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.main import get_command

from single_node.cli import app
from tests.kafka_broker import ROOT

RUNBOOKS: Final = ROOT / "docs" / "runbooks"
GUIDES: Final = [ROOT / "README.md", *sorted(RUNBOOKS.glob("*.md")), *sorted((ROOT / "deploy").glob("**/README.md"))]
DOCUMENTS: Final = sorted({*GUIDES, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")})
LINK: Final = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")
HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)
BLOCK: Final = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE: Final = re.compile(r"^ *```[a-z]*\n(.*?)^ *```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
MAKE: Final = re.compile(r"(?:^|[;&|] *)make ([a-z][a-z-]+)", re.MULTILINE)
SCV: Final = re.compile(r"(?:^|[;&|(] *)(?:\S*\.venv/bin/)?scv ([a-z]+)(?: ([a-z]+))?", re.MULTILINE)


def anchors(document: str) -> set[str]:
    """Give what can be linked to in a document: its headings, as GitHub and GitLab write them."""
    headings = HEADING.findall(BLOCK.sub("", document))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(document: str) -> Iterator[str]:
    """Give the pieces of a document that are written as code."""
    yield from (block or inline for block, inline in CODE.findall(document))


def commands() -> set[tuple[str, ...]]:
    """Give the commands of `scv`, and those of its groups."""
    known: dict[str, object] = getattr(get_command(app), "commands")  # noqa: B009  a group has them, a command has not
    groups = {name: getattr(one, "commands", {}) for name, one in known.items()}
    return {(name,) for name, group in groups.items() if not group} | {(n, sub) for n, g in groups.items() for sub in g}


def test_every_runbook_is_in_the_table() -> None:
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", (RUNBOOKS / "README.md").read_text("utf-8")))

    assert listed == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, anchor in LINK.findall(BLOCK.sub("", document.read_text("utf-8"))):
        target = (document.parent / path) if path else document
        assert target.exists(), f"{document.name}: {path} is not there"
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{document.name}: {path} has no #{anchor}"


def test_every_command_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    made, told, known = set(), set(), commands()
    for piece in (piece for guide in GUIDES for piece in code(guide.read_text("utf-8"))):
        made |= set(MAKE.findall(piece))
        told |= {pair if (pair[0],) not in known else pair[:1] for pair in SCV.findall(piece)}

    assert made - targets == set()
    assert told - known - {(name, "") for name, *_ in known} == set()
    assert {"run", "manifests"} <= made, "and they are found at all"
    assert {("doctor",), ("keys", "new"), ("audit", "verify")} <= told
