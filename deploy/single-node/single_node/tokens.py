"""The local identity providers: one for each organisation, each a key in the data directory.

In this room: what is said to the gateway about such a provider, and the tokens it signs. Which subjects it may sign for
is the organisation's staff register's business, not ours.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import OKPKey

from single_node.place import public_part

AUDIENCE: Final = "scv"
NAME: Final = "local"
"""The name under which the provider is registered with its organisation."""

LIFETIME: Final = timedelta(hours=12)

_ALGORITHM: Final = "Ed25519"


def issuer_of(org: str) -> str:
    """Name an organisation's local identity provider."""
    return f"https://{org}.identity.example.org"


def registration(org: str, *, key: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the gateway is told of an organisation's local identity provider."""
    return {
        "issuer": issuer_of(org),
        "jwks": {"keys": [public_part(key)]},
        "algorithms": [_ALGORITHM],
        "audience": AUDIENCE,
    }


def signed_token(org: str, *, subject: str, roles: Sequence[str], key: Mapping[str, Any], at: datetime) -> str:
    """Sign an access token (RFC 9068) for a worker, or a system, of an organisation."""
    issued = int(at.timestamp())
    claims = {
        "iss": issuer_of(org),
        "aud": AUDIENCE,
        "sub": subject,
        "client_id": "scv",
        "jti": str(uuid4()),
        "iat": issued,
        "exp": issued + int(LIFETIME.total_seconds()),
        "roles": list(roles),
    }
    header = {"alg": _ALGORITHM, "typ": "at+jwt", "kid": key["kid"]}
    return jwt.encode(header, claims, OKPKey.import_key(dict(key)), algorithms=[_ALGORITHM])
