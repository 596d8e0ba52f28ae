"""Is a log whole? What an exported log and the checkpoints that somebody kept of it say together, offline.

In this room: the faults there can be, and how each is found. Pure. What was changed everywhere by whoever holds the
signing key shows only against a checkpoint that was kept from before.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.checkpoint import Checkpoint, is_genuine
from gateway.leaf import Content, Opening, moment, opened
from gateway.merkle import Frontier, grow


class Fault(StrEnum):
    """What can be wrong with a log."""

    EDITED = "edited"
    DROPPED = "dropped"
    SWAPPED = "swapped"
    TRUNCATED = "truncated"
    FORKED = "forked"
    BAD_SIGNATURE = "bad signature"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and where it is."""

    fault: Fault
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLeaf:
    """A leaf as it was exported, with its reader's view of the row and what opens it, where there is one."""

    leaf_index: int
    leaf_hash: bytes
    row: Content | None = None
    opening: Opening | None = None


@dataclass(slots=True, kw_only=True)
class Inspection:
    """What an inspection went through, and what it found; `vouched_for` leaves are under a genuine checkpoint."""

    leaves: int = 0
    opened: int = 0
    without_body: int = 0
    checkpoints: int = 0
    vouched_for: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def inspect(
    leaves: Iterable[LoggedLeaf], checkpoints: Iterable[Checkpoint], *, keys: Mapping[str, Mapping[str, Any]]
) -> Inspection:
    """Inspect a log from its first leaf against checkpoints, in whatever order, under these public keys."""
    inspection = Inspection()
    genuine = _genuine(checkpoints, keys=keys, inspection=inspection)
    order = _Order()
    tree = _Tree(genuine)
    for leaf in leaves:
        inspection.leaves += 1
        _open(leaf, inspection=inspection)
        if order.follows(leaf.leaf_index):
            tree.append(leaf.leaf_hash)
    inspection.findings += [*order.findings(), *tree.findings()]
    newest = max(genuine, default=0)
    if order.end < newest:
        where = f"it ends after {order.end} leaves, and a checkpoint was signed when it had {newest}"
        inspection.findings.append(Finding(Fault.TRUNCATED, where))
    inspection.vouched_for = min(newest, inspection.leaves)
    return inspection


def _genuine(
    checkpoints: Iterable[Checkpoint], *, keys: Mapping[str, Mapping[str, Any]], inspection: Inspection
) -> dict[int, list[Checkpoint]]:
    """Sort checkpoints by size, those with a bad signature left out; note what is wrong with them by themselves."""
    by_size: dict[int, list[Checkpoint]] = defaultdict(list)
    origins = set()
    for checkpoint in checkpoints:
        inspection.checkpoints += 1
        if is_genuine(checkpoint, keys=keys):
            by_size[checkpoint.tree_size].append(checkpoint)
            origins.add(checkpoint.origin)
        else:
            where = f"{_named(checkpoint)} is not signed by the key it names, {checkpoint.key_id}"
            inspection.findings.append(Finding(Fault.BAD_SIGNATURE, where))
    for size, same in by_size.items():
        if len({checkpoint.root_hash for checkpoint in same}) > 1:
            inspection.findings.append(Finding(Fault.FORKED, f"checkpoints of size {size} have different roots"))
    if len(origins) > 1:
        inspection.findings.append(
            Finding(Fault.FORKED, f"checkpoints name different logs: {', '.join(sorted(origins))}")
        )
    return by_size


def _open(leaf: LoggedLeaf, *, inspection: Inspection) -> None:
    if leaf.row is None:
        inspection.without_body += leaf.opening is not None
    elif leaf.opening is not None and opened(leaf.row, leaf.opening) == leaf.leaf_hash:
        inspection.opened += 1
    else:
        where = f"leaf {leaf.leaf_index} (call {leaf.row.get('audit_id')}) was not made of what it is said to hold"
        inspection.findings.append(Finding(Fault.EDITED, where))


class _Order:
    """Whether leaves come one after the other."""

    def __init__(self) -> None:
        self.end = 0
        """The index after the highest yet."""
        self._gaps: list[range] = []
        self._late: list[int] = []

    def follows(self, index: int) -> bool:
        """Tell whether a leaf, and every one before it, came in its turn."""
        if index < self.end:
            self._late.append(index)
        else:
            if index > self.end:
                self._gaps.append(range(self.end, index))
            self.end = index + 1
        return not self._late and not self._gaps

    def findings(self) -> Iterator[Finding]:
        """Give the leaves that came late or twice, and those that never came."""
        for index in self._late:
            skipped = any(index in gap for gap in self._gaps)
            how = "comes after leaves that follow it" if skipped else "comes twice"
            yield Finding(Fault.SWAPPED, f"leaf {index} {how}")
        came = set(self._late)
        for gap in self._gaps:
            missing = len(gap) - sum(index in gap for index in came)
            if missing:
                where = f"leaf {gap[0]}" if len(gap) == 1 else f"{missing} of leaves {gap[0]} to {gap[-1]}"
                yield Finding(Fault.DROPPED, f"{where} missing")


class _Tree:
    """The tree that grows from the leaves, held against the checkpoints as it reaches their sizes."""

    def __init__(self, checkpoints: Mapping[int, list[Checkpoint]]) -> None:
        self._checkpoints = checkpoints
        self._frontier = Frontier()
        self._agreed = 0
        self._refuted: list[Checkpoint] = []

    def append(self, leaf_hash: bytes) -> None:
        """Append a leaf."""
        self._frontier = grow(self._frontier, [leaf_hash]).frontier
        size = self._frontier.size
        if size in self._checkpoints:
            root = self._frontier.root()
            self._refuted += [each for each in self._checkpoints[size] if each.root_hash != root]
            if not self._refuted:
                self._agreed = size

    def findings(self) -> Iterator[Finding]:
        """Say between which leaves this log left the one that was signed."""
        if self._refuted:
            first = self._refuted[0]
            others = f", nor of {len(self._refuted) - 1} others" if len(self._refuted) > 1 else ""
            where = f"leaves {self._agreed} to {first.tree_size - 1} are not those of {_named(first)}{others}"
            yield Finding(Fault.FORKED, where)


def _named(checkpoint: Checkpoint) -> str:
    return f"the checkpoint of size {checkpoint.tree_size} signed at {moment(checkpoint.at)}"
