"""Who sent a bearer token: a JWT checked as RFC 8725 asks, against the issuers that are trusted.

In this room: pinned algorithms, type, issuer, audience and times, and the keys behind them, given or fetched. Not in
this room: which organisation an issuer speaks for and what its subjects may do.
"""

import asyncio
import ipaddress
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey
from pydantic_core import from_json

from shared.logs import describe

ALGORITHMS: Final = frozenset(
    {"Ed25519", "EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}
)
"""Signatures an issuer may be registered with: asymmetric ones only."""

_KINDS: Final[Mapping[str, Callable[[Any], Key]]] = {
    "RSA": RSAKey.import_key,
    "EC": ECKey.import_key,
    "OKP": OKPKey.import_key,
}
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_LONGEST_TOKEN = 8 * 1024
_LARGEST_JWKS = 64 * 1024
_LEEWAY = 5
"""Seconds by which the clocks of two machines may differ."""
_FRESH = timedelta(minutes=10)
_FLOOR = timedelta(seconds=30)
"""Fetched keys are not asked for again sooner, whatever tokens arrive."""
_STALE = timedelta(hours=24)
"""How long keys serve while their issuer cannot be reached."""

log = structlog.get_logger()


class TokenRefused(Exception):
    """A token that proves nothing; the message is for the log and quotes nothing from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """An issuer of tokens; exactly one of `jwks` (a JWKS as JSON) and `jwks_uri` is given."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    jwks: str | None = None
    jwks_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a token proves: its issuer vouches for this subject and claims these roles for it."""

    issuer: str
    subject: str
    roles: frozenset[str]


def may_fetch_keys_from(uri: str) -> bool:
    """Tell whether keys may be fetched from an address: by https, or from this machine itself."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def usable_keys(jwks: str) -> Mapping[str | None, Key]:
    """Give the public signing keys of a JWKS (JSON) by `kid`; raise `ValueError` if it is none or has none."""
    try:
        found = from_json(jwks)["keys"]
        keys: dict[str | None, Key] = {}
        for one in found:
            import_key = _KINDS.get(one.get("kty"))
            if import_key is not None and one.get("use", "sig") == "sig" and "d" not in one:
                keys[one.get("kid")] = import_key(one)
    except (JoseError, KeyError, TypeError, AttributeError, ValueError):
        raise ValueError("not a set of public keys") from None
    if not keys:
        raise ValueError("no usable key")
    return keys


class TokenVerifier:
    """Verifies bearer tokens and keeps the keys it fetched for that."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """`client` follows no redirects."""
        self._client = client
        self._fetched: dict[str, _Fetched] = {}

    async def verify(self, token: str, *, issuers: Mapping[str, TrustedIssuer], at: datetime) -> Identity:
        """Give the identity a token proves; raise `TokenRefused` for any token that proves none."""
        header, claimed = _peek(token)
        issuer = issuers.get(claimed)
        if issuer is None:
            raise TokenRefused("unknown issuer")
        algorithm = header.get("alg")
        if algorithm not in issuer.algorithms or algorithm not in ALGORITHMS:
            raise TokenRefused("algorithm not registered for this issuer")
        if str(header.get("typ", "")).lower() not in _TYPES:
            raise TokenRefused("not an access token")
        key = await self._key(issuer, kid=header.get("kid"), at=at)
        claims = _claims(token, key=key, algorithm=algorithm)
        return _identity(claims, issuer=issuer, at=at)

    async def _key(self, issuer: TrustedIssuer, *, kid: Any, at: datetime) -> Key:
        if issuer.jwks is not None:
            key = _chosen(_given_keys(issuer.jwks), kid=kid)
        elif issuer.jwks_uri is not None and may_fetch_keys_from(issuer.jwks_uri):
            key = await self._fetched_key(issuer.jwks_uri, kid=kid, at=at)
        else:
            key = None
        if key is None:
            raise TokenRefused("no such key")
        return key

    async def _fetched_key(self, uri: str, *, kid: Any, at: datetime) -> Key | None:
        kept = self._fetched.setdefault(uri, _Fetched())
        key = kept.key(kid, at=at)
        if key is not None and kept.is_fresh(at):
            return key
        async with kept.lock:
            if kept.may_ask(at) and (kept.key(kid, at=at) is None or not kept.is_fresh(at)):
                kept.asked_at = at
                try:
                    kept.keys, kept.got_at = usable_keys(await self._fetch(uri)), at
                except (httpx.HTTPError, ValueError, TimeoutError) as error:
                    log.warning("keys of an issuer could not be fetched", **describe(error))
        return kept.key(kid, at=at)

    async def _fetch(self, uri: str) -> str:
        async with (
            asyncio.timeout(5),
            self._client.stream("GET", uri, follow_redirects=False, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError("no keys")
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_JWKS:
                    raise ValueError("too large for a set of keys")
            return body.decode()


@dataclass(slots=True)
class _Fetched:
    """The keys of one address, when they came and when they were last asked for."""

    keys: Mapping[str | None, Key] = field(default_factory=dict)
    got_at: datetime | None = None
    asked_at: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def key(self, kid: Any, *, at: datetime) -> Key | None:
        """Give a key while the set may still serve."""
        serves = self.got_at is not None and at - self.got_at <= _STALE
        return _chosen(self.keys, kid=kid) if serves else None

    def is_fresh(self, at: datetime) -> bool:
        """Tell whether the set came lately."""
        return self.got_at is not None and at - self.got_at <= _FRESH

    def may_ask(self, at: datetime) -> bool:
        """Tell whether the address may be asked again."""
        return self.asked_at is None or at - self.asked_at >= _FLOOR


def _chosen(keys: Mapping[str | None, Key], *, kid: Any) -> Key | None:
    """Give the key a token names; of a set of one, that one if the token names none."""
    if kid is None and len(keys) == 1:
        return next(iter(keys.values()))
    return keys.get(kid) if isinstance(kid, str) else None


@lru_cache(maxsize=256)
def _given_keys(jwks: str) -> Mapping[str | None, Key]:
    try:
        return usable_keys(jwks)
    except ValueError:
        return {}


def _peek(token: str) -> tuple[dict[str, Any], str]:
    """Read the header and the issuer of a token that nothing is known of yet."""
    parts = token.split(".")
    if len(token) > _LONGEST_TOKEN or len(parts) != 3:
        raise TokenRefused("not a signed token")
    try:
        header, claims = (from_json(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except ValueError:
        raise TokenRefused("not a signed token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict) or not isinstance(claims.get("iss"), str):
        raise TokenRefused("not a token of an issuer")
    return header, claims["iss"]


def _claims(token: str, *, key: Key, algorithm: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        # Issuers still write EdDSA where RFC 9864 would have them write Ed25519; the signature is the same.
        warnings.simplefilter("ignore", SecurityWarning)
        try:
            return jwt.decode(token, KeySet([key]) if key.kid else key, algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError, AttributeError):
            raise TokenRefused("signature not valid") from None


def _identity(claims: Mapping[str, Any], *, issuer: TrustedIssuer, at: datetime) -> Identity:
    now = at.timestamp()
    audience, subject, roles = claims.get("aud"), claims.get("sub"), claims.get("roles", [])
    if claims.get("iss") != issuer.issuer:
        raise TokenRefused("another issuer")
    if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise TokenRefused("for another audience")
    if not _is_number(claims.get("exp")) or now >= claims["exp"] + _LEEWAY:
        raise TokenRefused("expired, or without an end")
    if any(name in claims and not (_is_number(claims[name]) and claims[name] - _LEEWAY <= now) for name in _STARTS):
        raise TokenRefused("not valid yet")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 200 or "\x00" in subject:
        raise TokenRefused("no subject")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise TokenRefused("roles that are no list")
    return Identity(issuer=issuer.issuer, subject=subject, roles=frozenset(roles))


_STARTS = ("nbf", "iat")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
