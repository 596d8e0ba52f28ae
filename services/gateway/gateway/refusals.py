"""Why a call is not permitted, where that follows from organisation, role, purpose, standing or policy alone.

Refused                   403
├── NotCoveredByAgreement
├── PurposeNotPermitted
├── RoleNotPermitted
├── TrainingLapsed
├── CommitmentNotSigned
├── ForbiddenByOwnerPolicy
└── EmergencyNotPermitted

What may follow from a person is no refusal, but a 404 like any other (`problems`).
"""

from typing import Final

from gateway.standing import Reason, Refusal
from shared.problems import Problem


class Refused(Problem):
    """This call is not permitted.

    `needed` says what would have to be so for it to be permitted.
    """

    status = 403


class NotCoveredByAgreement(Refused):
    """No agreement in force covers this call.

    Ask your information-governance lead; POST /v1/decisions explains every cell.
    """


class PurposeNotPermitted(Refused):
    """This purpose does not admit this call.

    Call for the purpose you are really acting for; `needed` lists those that would admit it.
    """


class RoleNotPermitted(Refused):
    """Your roles do not admit this call.

    Ask a colleague who holds one of the roles in `needed`, or your administrator for the role.
    """


class TrainingLapsed(Refused):
    """Your training is not current as the agreement demands.

    Take the course in `needed` and have it entered in the staff register.
    """


class CommitmentNotSigned(Refused):
    """You have not signed the commitment that the agreement demands.

    Sign the statement in `needed` and have it entered in the staff register.
    """


class ForbiddenByOwnerPolicy(Refused):
    """A borough's own policy forbids this call.

    `clause` names the policy as `borough/id`; that borough's information-governance lead can tell what it is for.
    """


class EmergencyNotPermitted(Refused):
    """No agreement in force opens anything in this emergency.

    `needed` says what comes nearest; without SCV-Emergency the call is decided as any other.
    """


_OF_REASON: Final[dict[Reason, type[Refused]]] = {
    Reason.NOT_COVERED_BY_AGREEMENT: NotCoveredByAgreement,
    Reason.PURPOSE_NOT_PERMITTED: PurposeNotPermitted,
    Reason.ROLE_NOT_PERMITTED: RoleNotPermitted,
    Reason.TRAINING_LAPSED: TrainingLapsed,
    Reason.COMMITMENT_NOT_SIGNED: CommitmentNotSigned,
    Reason.FORBIDDEN_BY_OWNER_POLICY: ForbiddenByOwnerPolicy,
}


def refused(refusal: Refusal) -> Refused:
    """Give the problem that tells a caller of a refusal."""
    return _OF_REASON[refusal.reason](clause=refusal.clause, needed=refusal.needed)
