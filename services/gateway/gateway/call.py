"""One call: who makes it, for what purpose, and under which state of the rules it is decided.

In this room: the call as a value, and how it is read from a request: who calls, for which organisation, in what
emergency. Not in this room: which roles a route admits (`admission`) and the record of the call (`audit`).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from fastapi import Request

from gateway.emergency import Emergency, read_emergency
from gateway.mandate import under_mandate
from gateway.policy import LOOKS, day_of
from gateway.problems import MalformedCaseReference, MalformedEmergency, NoMandate, NotAuthenticated
from gateway.register import Register, Snapshot
from gateway.standing import Caller
from shared.categories import Purpose, Role
from shared.identity import Identity, TokenRefused, TokenVerifier

if TYPE_CHECKING:
    from gateway.audit import Entry

CASE_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}")
_ROLES: Final = frozenset(Role)

NO_PROOF: Final = {"WWW-Authenticate": "Bearer"}


@dataclass(slots=True, kw_only=True)
class Call:
    """One call. `txn` is the id of its decision, its permits and its audit rows."""

    txn: UUID
    at: datetime
    caller: Caller
    snapshot: Snapshot
    method: str
    route: str
    action: str = "govern"
    purpose: Purpose | None = None
    admitted: frozenset[Role] = frozenset(Role)
    """The roles that the route admits, of which a refusal may ask for one."""
    case_reference: str | None = None
    declared: Emergency | None = None
    """The emergency that its caller declares."""
    emergency: str | None = None
    """The reason of the emergency that opened something to it."""
    recorded: "Entry | None" = None
    """What the newest row of this call in the audit says became of it."""

    @property
    def accounted_for(self) -> bool:
        """Whether the audit holds a row of this call."""
        return self.recorded is not None


async def identify(request: Request) -> Call:
    """Read who is calling; raise `NotAuthenticated` unless a token proves it."""
    at: datetime = request.app.state.clock()
    register: Register = request.app.state.register
    verifier: TokenVerifier = request.app.state.verifier
    token = _bearer(request)
    snapshot = await register.snapshot()
    try:
        identity = await verifier.verify(token, issuers=snapshot.issuers, at=at)
    except TokenRefused:
        # A provider registered or changed through another replica shows here first, and as nothing but a bad token.
        if not await register.is_outdated(snapshot):
            raise NotAuthenticated(headers=NO_PROOF) from None
        register.forget(snapshot)
        snapshot = await register.snapshot()
        identity = await _verified(verifier, token, snapshot=snapshot, at=at)
    caller = await _caller(register, snapshot, identity)
    return Call(
        txn=uuid4(),
        at=at,
        caller=caller,
        snapshot=snapshot,
        method=request.method,
        route=request.scope["route"].path,
    )


def read_headers(call: Call, request: Request) -> None:
    """Read what else the caller says of a call whose action and purpose are known: for which case, for which
    organisation, in what emergency.

    Raises `MalformedCaseReference`, `NoMandate` or `MalformedEmergency`.
    """
    reference = request.headers.get("SCV-Case")
    if reference is not None and CASE_REFERENCE.fullmatch(reference) is None:
        raise MalformedCaseReference
    call.case_reference = reference
    call.caller = _acting_for(call, request.headers.get("SCV-Acting-For", call.caller.org))
    declared = request.headers.get("SCV-Emergency")
    if declared is not None:
        call.declared = _emergency(call, declared)


def refuse_emergency(call: Call) -> None:
    """Raise `MalformedEmergency` if a caller declares one where no emergency opens anything."""
    if call.declared is not None:
        raise MalformedEmergency("An emergency opens views and searches of people only.")


def _acting_for(call: Call, org: str) -> Caller:
    """Give who calls, acting for an organisation; nobody governs for another, so that takes a purpose."""
    if org == call.caller.org:
        return call.caller
    kind = call.snapshot.organisations.get(org)
    if call.purpose is None or kind is None:
        raise NoMandate
    caller = under_mandate(
        call.caller,
        org=org,
        org_kind=kind,
        mandates=call.snapshot.mandates,
        purpose=call.purpose,
        on=day_of(call.at),
    )
    if caller is None:
        raise NoMandate
    return caller


def _emergency(call: Call, declared: str) -> Emergency:
    if call.action not in LOOKS:
        raise MalformedEmergency("An emergency opens views and searches of people only.")
    try:
        return read_emergency(declared)
    except ValueError:
        raise MalformedEmergency("Send a reason and a note of at most 500 characters, as `reason; note`.") from None


async def _verified(verifier: TokenVerifier, token: str, *, snapshot: Snapshot, at: datetime) -> Identity:
    try:
        return await verifier.verify(token, issuers=snapshot.issuers, at=at)
    except TokenRefused:
        raise NotAuthenticated(headers=NO_PROOF) from None


async def _caller(register: Register, snapshot: Snapshot, identity: Identity) -> Caller:
    org = snapshot.issued_for[identity.issuer]
    return Caller(
        org=org,
        org_kind=snapshot.organisations[org],
        subject=identity.subject,
        roles=frozenset(Role(role) for role in identity.roles if role in _ROLES),
        standing=await register.standing(snapshot, org=org, subject=identity.subject),
    )


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated(headers=NO_PROOF)
    return token.strip()
