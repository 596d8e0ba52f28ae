"""How trust in a key of checkpoints passes to the next: whoever trusts the old one can tell that it names the new one.

The old key signs a short text that names the new one; the new one carries that in its JWK, as `endorsement {kid,
signature}`, and so it is published with it. The old private key is needed when the new one is made, and never again.
Pure. Not in this room: where keys are kept (`log_tables`), and who trusts which (the `scv audit` commands).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

Jwk = Mapping[str, Any]
Keys = Mapping[str, Jwk]
"""Public JWKs by their `kid`."""

ENDORSEMENT: Final = "endorsement"


def endorsed(key: Jwk, *, by: Jwk) -> Jwk:
    """Give a key with the endorsement of an older, private one; raise `ValueError` for any other than Ed25519 keys."""
    older = _imported(by)
    if not isinstance(older.private_key, Ed25519PrivateKey):
        raise ValueError("only a private key can vouch for another")
    signature = urlsafe_b64encode(older.private_key.sign(_text(key))).decode().rstrip("=")
    return {**key, ENDORSEMENT: {"kid": older.kid, "signature": signature}}


def is_endorsed(key: Jwk, *, by: Keys) -> bool:
    """Tell whether one of some keys vouches for a key."""
    try:
        endorsement = key[ENDORSEMENT]
        signature = urlsafe_b64decode(endorsement["signature"] + "==")
        public = _imported(by[endorsement["kid"]]).public_key
        if not isinstance(public, Ed25519PublicKey):
            return False
        public.verify(signature, _text(key))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return True


def succeeding(trusted: Keys, offered: Sequence[Jwk]) -> Keys:
    """Give the trusted keys with those offered that one of them vouches for, or one that they vouch for, and so on."""
    known = dict(trusted)
    while new := [key for key in offered if key.get("kid") not in known and is_endorsed(key, by=known)]:
        known |= {key["kid"]: key for key in new}
    return known


def fingerprint(key: Jwk) -> str:
    """Give the thumbprint of a key (RFC 7638, SHA-256), which two people can compare over another line."""
    return _imported(key).thumbprint()


def _text(key: Jwk) -> bytes:
    # Three lines: no checkpoint, which has four, can be taken for it.
    return f"scv-checkpoint-key\n{key['kid']}\n{fingerprint(key)}\n".encode()


def _imported(key: Jwk) -> OKPKey:
    try:
        return OKPKey.import_key({name: value for name, value in key.items() if name != ENDORSEMENT})
    except JoseError as error:
        raise ValueError("not an Ed25519 key") from error
