"""Merkle trees as RFC 6962 and RFC 9162 (section 2.1) have them: hashes, growth, proofs and their verification.

A tree of any size is cut into perfect subtrees, which never change once they are full. Whoever keeps their hashes can
append, and prove anything about any earlier size, by reading as many hashes as the tree is high. Pure; where hashes are
kept is somebody else's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True)
class Node:
    """A perfect subtree: the leaves from `index << level` to before `(index + 1) << level`; a leaf is level 0."""

    level: int
    index: int


class Range(NamedTuple):
    """The leaves from `start` to before `end`."""

    start: int
    end: int


EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash what a leaf holds."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees together."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that appending needs of a tree: its size and the hashes of its perfect subtrees, the largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """Give the hash of the whole tree."""
        return _folded(self.peaks) if self.peaks else EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree after leaves were appended, and every perfect subtree above the leaves that they completed."""

    frontier: Frontier
    completed: Mapping[Node, bytes]


def grow(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> Growth:
    """Append leaves."""
    peaks = list(frontier.peaks)
    completed: dict[Node, bytes] = {}
    for index, carried in enumerate(leaf_hashes, start=frontier.size):
        level = 0
        while index >> level & 1:
            carried = node_hash(peaks.pop(), carried)
            level += 1
            completed[Node(level, index >> level)] = carried
        peaks.append(carried)
    return Growth(Frontier(frontier.size + len(leaf_hashes), tuple(peaks)), completed)


def cover(leaves: Range) -> list[Node]:
    """Cut a range that is a subtree of some tree, as those of proofs are, into perfect subtrees, the largest first."""
    start, end = leaves
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def hash_of(leaves: Range, hashes: Mapping[Node, bytes]) -> bytes:
    """Hash a range from the hashes of the perfect subtrees that `cover` it."""
    return _folded([hashes[node] for node in cover(leaves)])


def inclusion_ranges(index: int, *, size: int) -> list[Range]:
    """Name the subtrees whose hashes prove that a leaf is in the tree of a size, from the leaf upwards."""
    if not 0 <= index < size:
        raise ValueError("there is no such leaf")
    beside: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            beside.append(Range(middle, end))
            end = middle
        else:
            beside.append(Range(start, middle))
            start = middle
    return beside[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """Name the subtrees whose hashes prove that the tree of size `second` continues the one of size `first`."""
    if not 0 < first <= second:
        raise ValueError("the sizes are not those of a tree and its continuation")
    beside: list[Range] = []
    start, end = 0, second
    while first != end:
        middle = start + _largest_power_below(end - start)
        if first <= middle:
            beside.append(Range(middle, end))
            end = middle
        else:
            beside.append(Range(start, middle))
            start = middle
    # A first tree that is a perfect subtree of the second is known to whoever verifies.
    return [*([Range(start, end)] if start else []), *beside[::-1]]


def is_included(leaf: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Verify that a leaf hash stands at an index of the tree with a root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and found == root


def is_continued(first: int, second: int, *, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Verify that one tree is the beginning of another (RFC 9162, section 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    hashes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not hashes:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Hash perfect subtrees of one tree, the largest first, into their common root."""
    *rest, folded = hashes
    for left in reversed(rest):
        folded = node_hash(left, folded)
    return folded


def _largest_power_below(number: int) -> int:
    """Give the largest power of two below a number above one."""
    return 1 << (number - 1).bit_length() - 1
