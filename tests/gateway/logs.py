"""Logs of made-up calls: audit rows, logs sealed of them without a database, and the sealer's key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from joserfc.jwk import OKPKey
from pydantic_core import from_json

from gateway.checkpoint import Checkpoint, Signer
from gateway.inspection import Inspection, LoggedLeaf, inspect
from gateway.leaf import canonical, content_of, seal_row, seen_by
from gateway.merkle import Frontier, grow
from tests.builders import AT

ORIGIN: Final = "tests/audit"
CHECKPOINT_KEY: Final = OKPKey.generate_key("Ed25519", parameters={"kid": "sealer-1"}).as_dict(private=True)
SIGNER: Final = Signer(CHECKPOINT_KEY, origin=ORIGIN)
KEYS: Final = {SIGNER.key_id: SIGNER.public_key}


def a_row(sequence: int = 1, **changes: Any) -> dict[str, Any]:
    """Make an audit row as the database gives it: a call of wcc's that was shown a record of lbhf's and its own."""
    row = {
        "sequence": sequence,
        "audit_id": UUID(int=sequence, version=4),
        "at": AT + timedelta(seconds=sequence),
        "organisation": "wcc",
        "subject": "will",
        "roles": ["caseworker"],
        "purpose": "homelessness",
        "case_reference": "HL/26/0042",
        "action": "read",
        "method": "GET",
        "route": "/v1/people/{person_id}",
        "person_ids": [UUID(int=10, version=4), UUID(int=11, version=4)],
        "person_owners": ["lbhf", "wcc"],
        "records": ["lbhf/0c4a@2", "wcc/77d1@1"],
        "owners": ["lbhf", "wcc"],
        "scopes": {"lbhf/housing": ["existence", "identity"], "wcc/housing": ["existence"]},
        "clauses": ["a1/f1"],
        "policy": "9f2c",
        "outcome": "allowed",
        "reason": None,
        "status": 200,
        "epoch": 7,
        "acting_for": None,
        "emergency": None,
    }
    return row | changes


rows = st.builds(
    a_row,
    st.integers(1, 2**31),
    organisation=st.sampled_from(["lbhf", "wcc", "rbkc"]),
    acting_for=st.sampled_from([None, "hackney"]),
    owners=st.lists(st.sampled_from(["lbhf", "wcc", "rbkc", "harrow"]), unique=True),
    subject=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    status=st.none() | st.integers(200, 599),
    case_reference=st.none() | st.text("abc/-0", max_size=8),
)


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log as an organisation exported it, and the checkpoints that were signed of it."""

    leaves: tuple[LoggedLeaf, ...]
    checkpoints: tuple[Checkpoint, ...]

    def inspected(self) -> Inspection:
        """Inspect it under the sealer's public key."""
        return inspect(self.leaves, self.checkpoints, keys=KEYS)

    def with_leaf(self, index: int, **changes: Any) -> "Log":
        """Change one leaf and nothing else."""
        changed = replace(self.leaves[index], **changes)
        return replace(self, leaves=(*self.leaves[:index], changed, *self.leaves[index + 1 :]))


def a_log(audit: Sequence[Mapping[str, Any]], *, sizes: Sequence[int], org: str = "wcc") -> Log:
    """Seal audit rows, sign the log at some sizes, and export it for an organisation."""
    leaves = []
    for index, row in enumerate(audit):
        sealed = seal_row(row)
        opening = sealed.openings.get(org)
        # By way of JSON, as an export is.
        content = None if opening is None else from_json(canonical(content_of(seen_by(row, org=org))))
        leaves.append(LoggedLeaf(leaf_index=index, leaf_hash=sealed.hash, row=content, opening=opening))
    return Log(leaves=tuple(leaves), checkpoints=tuple(signed(leaves, size=size) for size in sizes))


def signed(leaves: Sequence[LoggedLeaf], *, size: int) -> Checkpoint:
    """Sign the first leaves of a log."""
    root = grow(Frontier(), [leaf.leaf_hash for leaf in leaves[:size]]).frontier.root()
    return SIGNER.sign(root, tree_size=size, at=AT + timedelta(hours=size))


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Draw an honest log of lbhf's and others' calls, signed at its end and at some sizes before."""
    orgs = draw(st.lists(st.sampled_from(["lbhf", "wcc"]), min_size=2, max_size=20))
    audit = [a_row(sequence, organisation=org) for sequence, org in enumerate(orgs)]
    sizes = {len(audit), *draw(st.lists(st.integers(1, len(audit)), max_size=4))}
    org = draw(st.sampled_from(["lbhf", "wcc", "rbkc"]))
    return a_log(audit, sizes=draw(st.permutations(sorted(sizes))), org=org)
