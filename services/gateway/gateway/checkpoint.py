"""Checkpoints: what the sealer signs of the log, so that nobody can show another log later without being found out.

What is signed is text, as a checkpoint of a transparency log has it (C2SP tlog-checkpoint): the origin, the size of the
tree, its root in base64, and the time, each with the end of its line. The signature is plain Ed25519 over those bytes,
so that any tool can verify it. Not in this room: where checkpoints are kept, and when one is made (`sealing`).
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from gateway.leaf import moment

_ALGORITHM: Final = "Ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What was signed of a log at one size, by whom, and the signature."""

    origin: str
    tree_size: int
    root_hash: bytes
    at: datetime
    key_id: str
    signature: bytes

    def signed_text(self) -> bytes:
        """Give the bytes that the signature is over."""
        return _text(self.origin, self.tree_size, self.root_hash, self.at)


class Signer:
    """Signs checkpoints of one log; only the sealer has one."""

    def __init__(self, key: Mapping[str, Any], *, origin: str) -> None:
        """`key` is a private Ed25519 JWK with a `kid`; `origin` names the log and holds no spaces."""
        imported = OKPKey.import_key(dict(key))
        if not isinstance(imported.private_key, Ed25519PrivateKey) or not imported.kid:
            raise ValueError("the key of checkpoints must be a private Ed25519 JWK with a kid")
        self._private = imported.private_key
        self.origin = origin
        self.key_id: str = imported.kid
        self.public_key: Mapping[str, Any] = {
            **imported.as_dict(private=False), "kid": imported.kid, "use": "sig", "alg": _ALGORITHM,
        }  # fmt: skip

    def sign(self, root_hash: bytes, *, tree_size: int, at: datetime) -> Checkpoint:
        """Sign the log at a size."""
        return Checkpoint(
            origin=self.origin,
            tree_size=tree_size,
            root_hash=root_hash,
            at=at,
            key_id=self.key_id,
            signature=self._private.sign(_text(self.origin, tree_size, root_hash, at)),
        )


def is_genuine(checkpoint: Checkpoint, *, keys: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether a checkpoint was signed by the key it names, one of these public JWKs by their `kid`."""
    if checkpoint.key_id not in keys:
        return False
    try:
        public = OKPKey.import_key(dict(keys[checkpoint.key_id])).public_key
        if not isinstance(public, Ed25519PublicKey):
            return False
        public.verify(checkpoint.signature, checkpoint.signed_text())
    except (InvalidSignature, JoseError, ValueError):
        return False
    return True


def _text(origin: str, tree_size: int, root_hash: bytes, at: datetime) -> bytes:
    return f"{origin}\n{tree_size}\n{b64encode(root_hash).decode()}\n{moment(at)}\n".encode()
