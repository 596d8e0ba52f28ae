"""Permits: the signed, short-lived statement of what one call may read or write.

The gateway mints a permit for one call to one inner service; the service verifies it, binds it to the very request it
came with, and sets its row-level-security context from it. Modelled on OAuth Transaction Tokens.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.categories import Action, Category, Form, Grants, Scope
from shared.db import Context
from shared.problems import PermitFailure, PermitRefused

HEADER: Final = "SCV-Permit"
DISCLOSED_HEADER: Final = "SCV-Disclosed"

_VERSION = 1
_ALGORITHM = "Ed25519"
_TYPE = "scv-permit+jwt"
_ISSUER = "scv-gateway"
_LIFETIME = timedelta(seconds=60)
_LEEWAY = 5
"""Seconds by which the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the register says of the source system a call writes for."""

    source: str
    service_area: str
    trust: int
    linkage: str
    statutory_bar: str | None


@dataclass(frozen=True, slots=True)
class Linkage:
    """Two owners who let their persons be linked, and the areas each opens for it; `first` < `second`."""

    first: str
    second: str
    first_areas: frozenset[str]
    second_areas: frozenset[str]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Whom a call is about, as customer-index resolved it for this call.

    `record_id` and `scope` are those of the record named as the subject of a change; None for a person looked at.
    """

    owner: str
    person_id: UUID
    record_id: UUID | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """What one call may do, for whom and why."""

    txn: UUID
    subject: str
    org: str
    roles: tuple[str, ...]
    purpose: str
    action: Action
    grants: Grants = field(default_factory=dict)
    linkages: tuple[Linkage, ...] = ()
    barred: tuple[str, ...] = ()
    """`owner/source` of sources whose rows stay with their owner."""
    source: SourceFacts | None = None
    """The source written for; only on permits for a write."""
    about: tuple[Anchor, ...] = ()
    """The persons the call is about, where another service than customer-index answers it; the subject comes first."""
    clauses: tuple[str, ...] = ()
    """The clauses of trigger `referral` in force for this caller: payloads that rest on them may be read."""
    hidden: tuple[UUID, ...] = ()
    """Records of people who do not exist for this worker."""
    cleared: tuple[str, ...] = ()
    """`owner/scheme` of the protections that hide nothing from this call."""

    def context(self) -> Context:
        """Give the row-level-security context: rows of the granted scopes but those hidden, links of the owners who
        link, and for an assertion or a steward's decision all rows of the own organisation that matching looks at."""
        context = {
            "scv.org": self.org,
            "scv.scopes": ",".join(scope for scope, granted in self.grants.items() if Category.EXISTENCE in granted),
            "scv.pairs": ",".join(f"{pair.first}|{pair.second}" for pair in self.linkages),
            "scv.barred": ",".join(self.barred),
            "scv.hidden": ",".join(map(str, self.hidden)),
        }
        if self.action is Action.STEWARD:
            context["scv.matching_owner"] = self.org
        if self.source is not None and self.action is Action.WRITE:
            context["scv.matching_owner"] = self.org
            context["scv.write_scope"] = f"{self.org}/{self.source.service_area}"
            # Whom an assertion belongs to must not depend on who may see it.
            context["scv.hidden"] = ""
        return context


def fingerprint(method: str, target: str) -> str:
    """Name a request by a hash of its method, path and query, so that a permit serves no other."""
    return hashlib.sha256(f"{method} {target}".encode()).hexdigest()[:32]


class PermitMint:
    """Signs permits; only the gateway has one."""

    def __init__(self, key: Mapping[str, Any]) -> None:
        """`key` is a private Ed25519 JWK with a `kid`."""
        self._key = OKPKey.import_key(dict(key))

    def mint(self, permit: Permit, *, audience: str, request: str, at: datetime) -> str:
        """Sign a permit for one request (its `fingerprint`) to one service."""
        header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._key.kid}
        return jwt.encode(header, _claims(permit, audience, request, at), self._key, algorithms=[_ALGORITHM])


class PermitGate:
    """Verifies permits; every inner service has one, for itself only."""

    def __init__(self, keys: Mapping[str, Any], *, audience: str) -> None:
        """`keys` is a JWKS of the gateway's public keys."""
        self._keys = KeySet.import_key_set(dict(keys))  # type: ignore[arg-type]
        self._audience = audience

    def verify(self, token: str | None, *, request: str, at: datetime) -> Permit:
        """Give the permit of a request; raise `PermitRefused`, without saying why, for any other token."""
        if token is None:
            raise PermitRefused(PermitFailure.MISSING)
        try:
            decoded = jwt.decode(token, self._keys, algorithms=[_ALGORITHM])
            failure = self._failure(decoded.header, decoded.claims, request=request, at=at)
            if failure is None:
                return _permit(decoded.claims)
        except InvalidKeyIdError:
            raise PermitRefused(PermitFailure.UNKNOWN_KEY) from None
        except (JoseError, ValueError, KeyError, TypeError):
            raise PermitRefused(PermitFailure.UNREADABLE) from None
        raise PermitRefused(failure)

    def _failure(
        self, header: Mapping[str, Any], claims: Mapping[str, Any], *, request: str, at: datetime
    ) -> PermitFailure | None:
        """Find what keeps a signed token from being a permit for a request, if anything does."""
        now = at.timestamp()
        if (header.get("typ"), claims["ver"], claims["iss"]) != (_TYPE, _VERSION, _ISSUER):
            return PermitFailure.OTHER_VERSION
        if claims["aud"] != self._audience:
            return PermitFailure.OTHER_SERVICE
        if claims["req"] != request:
            return PermitFailure.OTHER_REQUEST
        in_time = claims["iat"] - _LEEWAY <= now < claims["exp"]
        if not in_time or claims["exp"] - claims["iat"] > _LIFETIME.total_seconds():
            return PermitFailure.NOT_NOW
        return None


def _claims(permit: Permit, audience: str, request: str, at: datetime) -> dict[str, Any]:
    issued = int(at.timestamp())
    return {
        "ver": _VERSION,
        "iss": _ISSUER,
        "aud": audience,
        "iat": issued,
        "exp": issued + int(_LIFETIME.total_seconds()),
        "txn": str(permit.txn),
        "req": request,
        "sub": permit.subject,
        "org": permit.org,
        "roles": list(permit.roles),
        "purp": permit.purpose,
        "act": permit.action,
        "grants": _pack(permit.grants),
        "links": [
            [pair.first, pair.second, sorted(pair.first_areas), sorted(pair.second_areas)] for pair in permit.linkages
        ],
        "barred": list(permit.barred),
        "src": None
        if permit.source is None
        else [
            permit.source.source,
            permit.source.service_area,
            permit.source.trust,
            permit.source.linkage,
            permit.source.statutory_bar,
        ],
        "about": [
            [anchor.owner, str(anchor.person_id), anchor.record_id and str(anchor.record_id), anchor.scope]
            for anchor in permit.about
        ],
        "clauses": list(permit.clauses),
        "hidden": [str(record_id) for record_id in permit.hidden],
        "cleared": list(permit.cleared),
    }


def _permit(claims: Mapping[str, Any]) -> Permit:
    return Permit(
        txn=UUID(claims["txn"]),
        subject=claims["sub"],
        org=claims["org"],
        roles=tuple(claims["roles"]),
        purpose=claims["purp"],
        action=Action(claims["act"]),
        grants=_unpack(claims["grants"]),
        linkages=tuple(
            Linkage(first, second, frozenset(first_areas), frozenset(second_areas))
            for first, second, first_areas, second_areas in claims["links"]
        ),
        barred=tuple(claims["barred"]),
        source=None if claims["src"] is None else SourceFacts(*claims["src"]),
        about=tuple(
            Anchor(owner, UUID(person_id), record_id and UUID(record_id), scope)
            for owner, person_id, record_id, scope in claims["about"]
        ),
        clauses=tuple(claims["clauses"]),
        hidden=tuple(map(UUID, claims["hidden"])),
        cleared=tuple(claims["cleared"]),
    )


def _pack(grants: Grants) -> list[list[list[str]]]:
    """Group scopes with the same categories and forms, which keeps a permit small."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for scope, granted in grants.items():
        groups[tuple(sorted(f"{category}:{form}" for category, form in granted.items()))].append(scope)
    return [[scopes, list(categories)] for categories, scopes in groups.items()]


def _unpack(groups: list[list[list[str]]]) -> Grants:
    grants: dict[Scope, Mapping[Category, Form]] = {}
    for scopes, categories in groups:
        granted = {Category(name): Form(form) for name, _, form in (one.partition(":") for one in categories)}
        grants.update(dict.fromkeys(map(Scope, scopes), granted))
    return grants
