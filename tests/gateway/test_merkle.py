"""Merkle trees against the definition of RFC 6962, written down naively, and against its well-known test vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_ranges,
    cover,
    grow,
    hash_of,
    inclusion_ranges,
    is_continued,
    is_included,
    leaf_hash,
)

VECTORS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
"""What the eight leaves hold on which implementations of Certificate Transparency have always been tested."""
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Their roots, for trees of one leaf to eight."""

datas = st.lists(st.binary(max_size=3), min_size=1, max_size=70)


def root_of(data: list[bytes]) -> bytes:
    """Hash a tree as RFC 6962, section 2.1, defines it."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return sha256(b"\x01" + root_of(data[:k]) + root_of(data[k:])).digest()


def path_of(m: int, data: list[bytes]) -> list[bytes]:
    """Give the audit path as RFC 6962, section 2.1.1, defines it."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m < k:
        return [*path_of(m, data[:k]), root_of(data[k:])]
    return [*path_of(m - k, data[k:]), root_of(data[:k])]


def proof_of(m: int, data: list[bytes], *, whole: bool) -> list[bytes]:
    """Give the consistency proof as RFC 6962, section 2.1.2, defines it."""
    if m == len(data):
        return [] if whole else [root_of(data)]
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m <= k:
        return [*proof_of(m, data[:k], whole=whole), root_of(data[k:])]
    return [*proof_of(m - k, data[k:], whole=False), root_of(data[:k])]


def kept(data: list[bytes]) -> dict[Node, bytes]:
    """Give every hash that a log of these leaves keeps."""
    leaves = [leaf_hash(one) for one in data]
    return {Node(0, index): leaf for index, leaf in enumerate(leaves)} | dict(grow(Frontier(), leaves).completed)


def test_the_roots_are_those_of_the_known_vectors() -> None:
    leaves = [leaf_hash(bytes.fromhex(data)) for data in VECTORS]

    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT
    assert [grow(Frontier(), leaves[:size]).frontier.root().hex() for size in range(1, 9)] == list(ROOTS)


def test_the_proofs_are_those_of_the_known_vectors() -> None:
    hashes = kept([bytes.fromhex(data) for data in VECTORS])

    assert [hash_of(each, hashes).hex()[:8] for each in inclusion_ranges(5, size=8)] == [
        "bc1a0643", "ca854ea1", "d37ee418",
    ]  # fmt: skip
    assert [hash_of(each, hashes).hex()[:8] for each in consistency_ranges(6, 8)] == [
        "0ebc5d34", "ca854ea1", "d37ee418",
    ]  # fmt: skip


@given(datas, st.data())
def test_a_tree_grown_in_batches_has_the_root_that_is_defined(data: list[bytes], draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    leaves = [leaf_hash(one) for one in data]

    begun = grow(Frontier(), leaves[:cut])
    grown = grow(begun.frontier, leaves[cut:])

    assert grown.frontier.root() == root_of(data)
    assert {**begun.completed, **grown.completed} == grow(Frontier(), leaves).completed


@given(datas, st.data())
def test_paths_are_those_that_are_defined_and_verify(data: list[bytes], draw: st.DataObject) -> None:
    size = draw.draw(st.integers(1, len(data)))
    index = draw.draw(st.integers(0, size - 1))

    path = [hash_of(each, kept(data)) for each in inclusion_ranges(index, size=size)]

    assert path == path_of(index, data[:size])
    assert is_included(leaf_hash(data[index]), index=index, size=size, path=path, root=root_of(data[:size]))


@given(datas, st.data())
def test_consistency_proofs_are_those_that_are_defined_and_verify(data: list[bytes], draw: st.DataObject) -> None:
    second = draw.draw(st.integers(1, len(data)))
    first = draw.draw(st.integers(1, second))

    path = [hash_of(each, kept(data)) for each in consistency_ranges(first, second)]

    assert path == proof_of(first, data[:second], whole=True)
    roots = {"first_root": root_of(data[:first]), "second_root": root_of(data[:second])}
    assert is_continued(first, second, path=path, **roots)


@given(datas, st.data())
def test_a_proof_that_was_changed_in_any_way_proves_nothing(data: list[bytes], draw: st.DataObject) -> None:
    data = [bytes([index]) + one for index, one in enumerate(data)]  # no two leaves are the same
    size = draw.draw(st.integers(1, len(data)))
    index = draw.draw(st.integers(0, size - 1))
    first = draw.draw(st.integers(1, size))
    hashes, root, other = kept(data), root_of(data[:size]), sha256(b"another").digest()
    path = [hash_of(each, hashes) for each in inclusion_ranges(index, size=size)]
    proof = [hash_of(each, hashes) for each in consistency_ranges(first, size)]
    leaf, first_root = leaf_hash(data[index]), root_of(data[:first])

    def altered(hashes: list[bytes]) -> list[bytes]:
        at = draw.draw(st.integers(0, len(hashes)))
        kinds = [[*hashes[:at], other, *hashes[at:]], [*hashes[:at], *hashes[at + 1 :]]]
        if at < len(hashes):
            kinds.append([*hashes[:at], other, *hashes[at + 1 :]])
        return draw.draw(st.sampled_from([one for one in kinds if one != hashes]))

    assert not is_included(other, index=index, size=size, path=path, root=root)
    assert not is_included(leaf, index=index, size=size, path=path, root=other)
    assert not is_included(leaf, index=index, size=size, path=altered(path), root=root)
    for elsewhere in {draw.draw(st.integers(-1, size)), size} - {index}:
        assert not is_included(leaf, index=elsewhere, size=size, path=path, root=root)
    assert not is_continued(first, size, first_root=other, second_root=root, path=proof)
    assert not is_continued(first, size, first_root=first_root, second_root=other, path=proof)
    assert not is_continued(first, size, first_root=first_root, second_root=root, path=altered(proof))
    assert not is_continued(0, size, first_root=EMPTY_ROOT, second_root=root, path=proof)


@given(st.integers(1, 3000), st.data())
def test_a_proof_reads_no_more_hashes_than_twice_the_height(size: int, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, size - 1))
    first = draw.draw(st.integers(1, size))

    for ranges in (inclusion_ranges(index, size=size), consistency_ranges(first, size)):
        assert len([node for each in ranges for node in cover(each)]) <= 2 * size.bit_length()


def test_there_are_no_proofs_for_what_is_not_there() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_ranges(index, size=size)
    for first, second in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="sizes"):
            consistency_ranges(first, second)
    root = root_of([b"a", b"b", b"c"])
    assert not is_continued(3, 4, first_root=root, second_root=root, path=[])
    assert is_continued(3, 3, first_root=root, second_root=root, path=[])
    assert not is_continued(3, 3, first_root=root, second_root=root, path=[root])
