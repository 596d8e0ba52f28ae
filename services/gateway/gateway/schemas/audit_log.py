"""The wire of the sealed audit. Bytes are lower-case hex.

Offline the same shapes are read back, from what was exported and kept.
"""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, JsonValue, PlainSerializer, WithJsonSchema

from gateway.checkpoint import Checkpoint
from gateway.inspection import LoggedLeaf
from gateway.leaf import Opening
from shared.wire import Wire

Hex = Annotated[
    bytes,
    BeforeValidator(lambda value: bytes.fromhex(value) if isinstance(value, str) else value),
    PlainSerializer(bytes.hex, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^([0-9a-f]{2})*$"}),
]


class CheckpointView(Wire):
    """A signed statement of what the log was at one size.

    The Ed25519 signature is over four lines, each ended by a line feed: origin, tree_size in decimal, root_hash in
    base64, and the time as `2026-07-01T09:00:00.000000Z`.
    """

    origin: str
    tree_size: Annotated[int, Field(ge=1)]
    root_hash: Hex
    at: datetime
    key_id: str
    signature: Hex

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """Show a checkpoint."""
        return cls(**{name: getattr(checkpoint, name) for name in cls.model_fields})

    def checkpoint(self) -> Checkpoint:
        """Read a checkpoint back."""
        return Checkpoint(**{name: getattr(self, name) for name in type(self).model_fields})


class CheckpointKeysView(Wire):
    """The public keys of checkpoints, as a JWKS."""

    keys: list[dict[str, Any]]


class LeafView(Wire):
    """A leaf of the log and, where the reader may read of its row, that view of it and what opens it.

    `leaf_hash` is SHA-256(00 ‖ data). To make the data of a `row`: SHA-256(00 ‖ HMAC-SHA256(`salt`, the row as RFC 8785
    JSON)), then for each hash of `slot_path`, the lowest bit of `slot` first, SHA-256(01 ‖ left ‖ right), where a bit
    of 1 means that the hash of the path is left. A `salt` without a `row` is of a body that was disposed of.
    """

    leaf_index: Annotated[int, Field(ge=0)]
    leaf_hash: Hex
    row: dict[str, JsonValue] | None
    salt: Hex | None
    slot: Annotated[int, Field(ge=0)] | None
    slot_path: list[Hex] | None

    @classmethod
    def of(cls, leaf: LoggedLeaf) -> Self:
        """Show a leaf."""
        return cls(**_shown(leaf))

    def leaf(self) -> LoggedLeaf:
        """Read a leaf back."""
        opening = None
        if self.salt is not None and self.slot is not None and self.slot_path is not None:
            opening = Opening(salt=self.salt, slot=self.slot, path=tuple(self.slot_path))
        return LoggedLeaf(leaf_index=self.leaf_index, leaf_hash=self.leaf_hash, row=self.row, opening=opening)


class LeavesView(Wire):
    """Some leaves, and the index of the one after them, or null at the end of the log."""

    items: list[LeafView]
    next: int | None


class ProofView(LeafView):
    """That the newest row of a call is in the log which `checkpoint` was signed of.

    A change has two rows, of what was meant and of what became of it; this is about the later one. `path` is an audit
    path (RFC 9162, section 2.1.3) for the tree of size `tree_size`.
    """

    audit_id: UUID
    tree_size: int
    path: list[Hex]
    checkpoint: CheckpointView

    @classmethod
    def proving(cls, leaf: LoggedLeaf, *, audit_id: UUID, path: list[bytes], checkpoint: Checkpoint) -> Self:
        """Show a proof."""
        view = CheckpointView.of(checkpoint)
        return cls(**_shown(leaf), audit_id=audit_id, tree_size=view.tree_size, path=path, checkpoint=view)


class ConsistencyView(Wire):
    """That the log of size `to` continues the one of size `from` (RFC 9162, section 2.1.4)."""

    from_: Annotated[int, Field(alias="from")]
    to: int
    path: list[Hex]


def _shown(leaf: LoggedLeaf) -> dict[str, Any]:
    opening = leaf.opening
    return {
        "leaf_index": leaf.leaf_index,
        "leaf_hash": leaf.leaf_hash,
        "row": leaf.row,
        "salt": opening and opening.salt,
        "slot": opening and opening.slot,
        "slot_path": opening and list(opening.path),
    }
