"""A log is whole, or what was done to it is found and named. Offline: no database, no gateway."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from gateway.checkpoint import Signer, is_genuine
from gateway.inspection import Fault, Inspection, inspect
from gateway.leaf import content_of, seal_row, seen_by
from tests.builders import AT
from tests.gateway.logs import CHECKPOINT_KEY, KEYS, ORIGIN, SIGNER, Log, a_log, a_row, logs, signed


def faults(inspection: Inspection) -> set[Fault]:
    """Name the faults that were found."""
    return {finding.fault for finding in inspection.findings}


def ten_calls(*, sizes: tuple[int, ...] = (4, 10)) -> Log:
    """Seal ten calls of wcc's."""
    return a_log([a_row(sequence) for sequence in range(10)], sizes=sizes)


def test_a_checkpoint_is_four_lines_signed_with_plain_ed25519() -> None:
    checkpoint = SIGNER.sign(bytes(range(32)), tree_size=5, at=AT)
    public = OKPKey.import_key(dict(SIGNER.public_key)).public_key

    assert checkpoint.signed_text() == (
        b"tests/audit\n5\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n2026-07-01T09:00:00.000000Z\n"
    )
    assert isinstance(public, Ed25519PublicKey)
    public.verify(checkpoint.signature, checkpoint.signed_text())
    assert "d" not in SIGNER.public_key


def test_a_checkpoint_that_was_changed_in_anything_is_not_genuine() -> None:
    checkpoint = SIGNER.sign(bytes(32), tree_size=5, at=AT)
    another = Signer({**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": "sealer-2"}, origin=ORIGIN)
    changes: list[dict[str, Any]] = [
        {"origin": "others/audit"},
        {"tree_size": 6},
        {"root_hash": bytes(31) + b"\1"},
        {"at": AT + timedelta(microseconds=1)},
        {"signature": bytes(64)},
        {"key_id": "unknown"},
        {"key_id": "sealer-2"},
    ]

    keys = {**KEYS, "sealer-2": another.public_key}
    assert is_genuine(checkpoint, keys=keys)
    for change in changes:
        assert not is_genuine(replace(checkpoint, **change), keys=keys), change


def test_only_a_private_ed25519_key_with_a_name_signs_and_no_other_kind_verifies() -> None:
    nameless = {name: value for name, value in CHECKPOINT_KEY.items() if name != "kid"}
    for key in (nameless, SIGNER.public_key, OKPKey.generate_key("X25519", {"kid": "x"}).as_dict(private=True)):
        with pytest.raises(ValueError, match="Ed25519"):
            Signer(key, origin=ORIGIN)
    other_kind = OKPKey.generate_key("X25519", {"kid": SIGNER.key_id}).as_dict(private=False)
    checkpoint = SIGNER.sign(bytes(32), tree_size=5, at=AT)
    assert not is_genuine(checkpoint, keys={SIGNER.key_id: other_kind})


@given(logs())
def test_an_honest_log_is_never_accused(log: Log) -> None:
    inspection = log.inspected()

    assert inspection.whole, inspection.findings
    assert inspection.leaves == inspection.vouched_for == len(log.leaves)
    assert inspection.opened == sum(leaf.row is not None for leaf in log.leaves)


@given(logs(), st.data())
def test_an_honest_log_cut_where_a_checkpoint_was_signed_is_whole_to_there(log: Log, draw: st.DataObject) -> None:
    checkpoint = draw.draw(st.sampled_from(log.checkpoints))
    older = [one for one in log.checkpoints if one.tree_size <= checkpoint.tree_size]

    assert inspect(log.leaves[: checkpoint.tree_size], older, keys=KEYS).whole


@given(logs(), st.data())
def test_an_edited_row_is_found_and_named(log: Log, draw: st.DataObject) -> None:
    opened = [leaf for leaf in log.leaves if leaf.row is not None]
    assume(opened)
    leaf = draw.draw(st.sampled_from(opened))
    name = draw.draw(st.sampled_from(sorted(leaf.row or {})))
    value: Any = draw.draw(st.sampled_from(["another", None, 0, 0.5, []]))

    edited = {**(leaf.row or {}), name: value}
    assume(edited != leaf.row)

    [finding] = log.with_leaf(leaf.leaf_index, row=edited).inspected().findings

    assert finding.fault is Fault.EDITED
    assert f"leaf {leaf.leaf_index} " in finding.where


@given(logs(), st.data())
def test_an_edited_row_whose_leaf_was_made_anew_is_found_between_two_checkpoints(log: Log, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, len(log.leaves) - 1))
    [finding] = with_leaf_made_anew(log, index).inspected().findings

    sizes = sorted(checkpoint.tree_size for checkpoint in log.checkpoints)
    before = max((size for size in sizes if size <= index), default=0)
    after = min(size for size in sizes if size > index)
    assert finding.fault is Fault.FORKED
    assert finding.where.startswith(f"leaves {before} to {after - 1} are not those of the checkpoint of size {after} ")


@given(logs(), st.data())
def test_a_dropped_leaf_is_found_and_named(log: Log, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, len(log.leaves) - 2))

    dropped = replace(log, leaves=log.leaves[:index] + log.leaves[index + 1 :]).inspected()

    assert [(one.fault, one.where) for one in dropped.findings] == [(Fault.DROPPED, f"leaf {index} missing")]


@given(logs(), st.data())
def test_a_dropped_leaf_is_found_though_the_others_were_numbered_anew(log: Log, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, len(log.leaves) - 1))
    left = log.leaves[:index] + log.leaves[index + 1 :]
    renumbered = tuple(replace(leaf, leaf_index=number) for number, leaf in enumerate(left))

    assert Fault.TRUNCATED in faults(replace(log, leaves=renumbered).inspected())


@given(logs(), st.data())
def test_swapped_leaves_are_found_and_named(log: Log, draw: st.DataObject) -> None:
    first, second = sorted(
        draw.draw(st.lists(st.integers(0, len(log.leaves) - 1), min_size=2, max_size=2, unique=True))
    )
    leaves = list(log.leaves)
    leaves[first], leaves[second] = leaves[second], leaves[first]

    swapped = replace(log, leaves=tuple(leaves)).inspected()
    renumbered = tuple(replace(leaf, leaf_index=number) for number, leaf in enumerate(leaves))

    assert faults(swapped) == {Fault.SWAPPED}
    assert f"leaf {first} " in swapped.findings[-1].where
    assert faults(replace(log, leaves=renumbered).inspected()) == {Fault.FORKED}


@given(logs(), st.data())
def test_a_leaf_put_in_twice_or_smuggled_in_is_found(log: Log, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, len(log.leaves) - 1))
    twice = log.leaves[: index + 1] + log.leaves[index:]
    smuggled = tuple(replace(leaf, leaf_index=number) for number, leaf in enumerate(twice))

    assert faults(replace(log, leaves=twice).inspected()) == {Fault.SWAPPED}
    assume(index < len(log.leaves) - 1)
    assert faults(replace(log, leaves=smuggled).inspected()) == {Fault.FORKED}


@given(logs(), st.data())
def test_a_truncated_log_is_found_and_named(log: Log, draw: st.DataObject) -> None:
    left = draw.draw(st.integers(0, len(log.leaves) - 1))

    [finding] = replace(log, leaves=log.leaves[:left]).inspected().findings

    assert finding.fault is Fault.TRUNCATED
    assert finding.where.startswith(f"it ends after {left} leaves")


@given(logs(), st.data())
def test_two_checkpoints_of_one_size_with_different_roots_are_a_fork(log: Log, draw: st.DataObject) -> None:
    size = draw.draw(st.sampled_from([checkpoint.tree_size for checkpoint in log.checkpoints]))
    other = SIGNER.sign(bytes(32), tree_size=size, at=AT)

    found = replace(log, checkpoints=(*log.checkpoints, other)).inspected().findings

    assert {finding.fault for finding in found} == {Fault.FORKED}
    assert f"checkpoints of size {size} have different roots" in [finding.where for finding in found]


@given(logs(), st.data())
def test_a_bad_signature_is_found_and_named(log: Log, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, len(log.checkpoints) - 1))
    changed = replace(log.checkpoints[index], root_hash=bytes(32))
    checkpoints = (*log.checkpoints[:index], changed, *log.checkpoints[index + 1 :])

    [finding] = replace(log, checkpoints=checkpoints).inspected().findings

    assert finding.fault is Fault.BAD_SIGNATURE
    assert f"the checkpoint of size {changed.tree_size} " in finding.where


def test_checkpoints_of_another_log_are_not_taken_for_this_ones() -> None:
    log = ten_calls()
    another = Signer(CHECKPOINT_KEY, origin="others/audit").sign(log.checkpoints[0].root_hash, tree_size=4, at=AT)

    assert faults(replace(log, checkpoints=(*log.checkpoints, another)).inspected()) == {Fault.FORKED}


def test_what_the_holder_of_the_key_changed_everywhere_shows_only_against_a_checkpoint_kept_from_before() -> None:
    honest = ten_calls()
    kept_before, kept_after = honest.checkpoints
    edited = with_leaf_made_anew(honest, 6)
    rewritten = replace(edited, checkpoints=(kept_before, signed(edited.leaves, size=10)))

    assert rewritten.inspected().whole, "by itself, and against what was signed before leaf 6, it is like any other"
    [same_size, fork] = replace(rewritten, checkpoints=(*rewritten.checkpoints, kept_after)).inspected().findings
    assert same_size.where == "checkpoints of size 10 have different roots"
    assert fork.where.startswith("leaves 4 to 9 are not those of the checkpoint of size 10 ")


def with_leaf_made_anew(log: Log, index: int) -> Log:
    """Edit a row and make its leaf again, as whoever can write to the database would."""
    row = a_row(index, subject="nobody")
    sealed = seal_row(row)
    view = content_of(seen_by(row, org="wcc"))
    return log.with_leaf(index, leaf_hash=sealed.hash, row=view, opening=sealed.openings["wcc"])


def test_a_body_that_was_disposed_of_is_counted_and_no_fault() -> None:
    log = ten_calls().with_leaf(3, row=None)
    inspection = log.inspected()

    assert (inspection.whole, inspection.opened, inspection.without_body) == (True, 9, 1)


def test_leaves_after_the_newest_checkpoint_are_not_vouched_for() -> None:
    log = ten_calls()
    inspection = replace(log, checkpoints=(signed(log.leaves, size=7),)).inspected()

    assert (inspection.whole, inspection.vouched_for, inspection.leaves) == (True, 7, 10)


def test_an_absurd_index_costs_nothing() -> None:
    log = ten_calls()
    absurd = log.with_leaf(9, leaf_index=2**60).inspected()

    assert [finding.where for finding in absurd.findings] == [f"{2**60 - 9} of leaves 9 to {2**60 - 1} missing"]
