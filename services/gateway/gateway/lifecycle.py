"""How an agreement comes into force and leaves it.

In this room: the states of an agreement and who may move it from which to which. Not in this room: what it says
(`agreement`), whether that may be proposed (`clauses`) and its dates: an agreement that every party has signed is
active, and what it grants on which day is the policy's question.

    draft ── propose ──▶ proposed ── sign, by every party ──▶ active ⇄ suspended
    any of these ── terminate ──▶ terminated; active and suspended may also end as expired or superseded
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.agreement import AgreementContent, digest


class AgreementStatus(StrEnum):
    """Where an agreement stands."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class AgreementAction(StrEnum):
    """What a party may do to an agreement."""

    PROPOSE = "propose"
    SIGN = "sign"
    SUSPEND = "suspend"
    RESUME = "resume"
    TERMINATE = "terminate"


_IN_FORCE: Final = frozenset({AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED})
_OPEN: Final = _IN_FORCE | {AgreementStatus.DRAFT, AgreementStatus.PROPOSED}


class IllegalTransitionError(Exception):
    """An agreement does not allow this now; `legal` lists what it allows the same organisation."""

    def __init__(self, action: str, *, legal: Iterable[AgreementAction]) -> None:
        self.action = action
        self.legal = tuple(legal)
        super().__init__(f"{action} is not possible now; possible: {', '.join(self.legal) or 'nothing'}")


class OtherDigestError(Exception):
    """A signature names another text than the one proposed."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One party's signature under one exact text."""

    org: str
    digest: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AgreementState:
    """Where one version of an agreement stands. Providers are the parties that a flow comes from."""

    status: AgreementStatus
    digest: str
    parties: frozenset[str]
    providers: frozenset[str]
    signatures: tuple[Signature, ...] = ()
    suspended_by: frozenset[str] = frozenset()

    @property
    def signed_by(self) -> frozenset[str]:
        """The parties that have signed this text."""
        return frozenset(signature.org for signature in self.signatures)


def draft(content: AgreementContent) -> AgreementState:
    """Start a version of an agreement: unsigned, and a new one whenever its content changes."""
    return AgreementState(
        status=AgreementStatus.DRAFT,
        digest=digest(content),
        parties=frozenset(party.org for party in content.parties),
        providers=frozenset(flow.provider for flow in content.flows),
    )


def legal_actions(state: AgreementState, *, by_org: str) -> tuple[AgreementAction, ...]:
    """List what an organisation may do to the agreement now; nothing for one that is no party."""
    if by_org not in state.parties:
        return ()
    possible = {
        AgreementAction.PROPOSE: state.status is AgreementStatus.DRAFT,
        AgreementAction.SIGN: state.status is AgreementStatus.PROPOSED and by_org not in state.signed_by,
        AgreementAction.SUSPEND: (
            state.status in _IN_FORCE and by_org in state.providers and by_org not in state.suspended_by
        ),
        AgreementAction.RESUME: state.status is AgreementStatus.SUSPENDED and by_org in state.suspended_by,
        AgreementAction.TERMINATE: state.status in _OPEN,
    }
    return tuple(action for action in AgreementAction if possible[action])


def transition(
    state: AgreementState, *, action: AgreementAction, by_org: str, at: datetime, digest: str | None = None
) -> AgreementState:
    """Move the agreement on; `digest` is the text a signatory has read, and is asked for when signing only.

    Raises `IllegalTransitionError` with what would be legal, `OtherDigestError` for a signature under another text.
    """
    legal = legal_actions(state, by_org=by_org)
    if action not in legal:
        raise IllegalTransitionError(action, legal=legal)
    match action:
        case AgreementAction.PROPOSE:
            return replace(state, status=AgreementStatus.PROPOSED)
        case AgreementAction.SIGN:
            return _sign(state, by_org=by_org, digest=digest, at=at)
        case AgreementAction.SUSPEND:
            return replace(state, status=AgreementStatus.SUSPENDED, suspended_by=state.suspended_by | {by_org})
        case AgreementAction.RESUME:
            return _resume(state, by_org=by_org)
        case AgreementAction.TERMINATE:
            return replace(state, status=AgreementStatus.TERMINATED)


def expire(state: AgreementState) -> AgreementState:
    """End an agreement whose last day has passed."""
    return _end(state, status=AgreementStatus.EXPIRED, action="expire")


def supersede(state: AgreementState) -> AgreementState:
    """End an agreement whose newer version every party has signed."""
    return _end(state, status=AgreementStatus.SUPERSEDED, action="supersede")


def _sign(state: AgreementState, *, by_org: str, digest: str | None, at: datetime) -> AgreementState:
    if digest != state.digest:
        raise OtherDigestError("the digest is not that of the proposed text")
    signed = replace(state, signatures=(*state.signatures, Signature(org=by_org, digest=state.digest, at=at)))
    return replace(signed, status=AgreementStatus.ACTIVE) if signed.signed_by == signed.parties else signed


def _resume(state: AgreementState, *, by_org: str) -> AgreementState:
    remaining = state.suspended_by - {by_org}
    status = AgreementStatus.SUSPENDED if remaining else AgreementStatus.ACTIVE
    return replace(state, status=status, suspended_by=remaining)


def _end(state: AgreementState, *, status: AgreementStatus, action: str) -> AgreementState:
    if state.status not in _IN_FORCE:
        raise IllegalTransitionError(action, legal=())
    return replace(state, status=status)
