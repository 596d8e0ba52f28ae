"""What can go wrong in the gateway.

Problem
├── PurposeRequired           400
├── UnknownPurpose            400
├── MalformedCaseReference    400
├── NotAuthenticated          401
├── Refused                   403
│   ├── NotCoveredByAgreement
│   ├── PurposeNotPermitted
│   ├── RoleNotPermitted
│   ├── TrainingLapsed
│   └── CommitmentNotSigned
├── NoMandate                 403
├── OtherOrganisation         403
├── NotAParty                 403
├── NotFound
│   ├── UnknownOrganisation   404
│   ├── UnknownSource         404
│   ├── UnknownAgreement      404
│   ├── UnknownPerson         404
│   └── UnknownService        404
├── IssuerTaken               409
├── IllegalTransition         409
├── OtherDigest               409
├── InvalidRequest
│   ├── AgreementNotLawful    422
│   └── ConsentRequired       422
├── TooManyRequests           429
├── AuditUnavailable          503
├── ServiceUnreachable        503
└── GovernanceUnsettled       503
"""

from typing import Final

from gateway.standing import Reason, Refusal
from shared.problems import InvalidRequest, NotFound, Problem


class PurposeRequired(Problem):
    """This call touches personal data and must say for what purpose.

    Send one of the purposes in the header SCV-Purpose.
    """

    status = 400


class UnknownPurpose(Problem):
    """The header SCV-Purpose names no purpose there is.

    Use one of the purposes in the list of codes.
    """

    status = 400


class MalformedCaseReference(Problem):
    """The header SCV-Case is not a case reference.

    Use at most 64 letters, digits, spaces and . _ / -; a reference is a number, never a name.
    """

    status = 400


class NotAuthenticated(Problem):
    """The call carries no token that proves who is calling.

    Get a token from your organisation's identity provider and send it as `Authorization: Bearer`.
    """

    status = 401


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


class NoMandate(Problem):
    """Your organisation has no mandate to act for that organisation.

    Call without SCV-Acting-For, or for your own organisation.
    """

    status = 403


class OtherOrganisation(Problem):
    """Only that organisation may do this.

    Each organisation keeps its own register; the operator enters new organisations.
    """

    status = 403


class NotAParty(Problem):
    """Your organisation is no party to this agreement.

    Name it among the parties, or leave the agreement to those it binds.
    """

    status = 403


class UnknownOrganisation(NotFound):
    """There is no such organisation.

    GET /v1/organisations lists those there are.
    """


class UnknownSource(NotFound):
    """Your organisation has no such source system.

    An administrator registers source systems.
    """


class UnknownAgreement(NotFound):
    """There is no such agreement, or your organisation is no party to it.

    GET /v1/agreements lists those of your organisation.
    """


class UnknownPerson(NotFound):
    """There is no such person, or none that you may know of.

    The answer is the same for a person that does not exist and one this call may not know.
    """


class UnknownService(NotFound):
    """The directory has no such service.

    GET /v1/services lists those there are.
    """


class ConsentRequired(InvalidRequest):
    """The clause this referral would rest on asks for the person's consent.

    Ask the person, and send `consent` with the referral.
    """


class IssuerTaken(Problem):
    """This issuer is registered already.

    An issuer speaks for one organisation and is registered under one name.
    """

    status = 409


class IllegalTransition(Problem):
    """The agreement does not allow this now.

    `legal` lists what it allows your organisation.
    """

    status = 409


class OtherDigest(Problem):
    """The digest is not that of the proposed text.

    Read the agreement again: it was changed after the text that you mean to sign.
    """

    status = 409


class AgreementNotLawful(InvalidRequest):
    """The agreement cannot be proposed as it stands.

    `errors` names each place and what the law asks for there.
    """


class TooManyRequests(Problem):
    """You call more often than the limit allows.

    Wait as long as Retry-After says.
    """

    status = 429


class AuditUnavailable(Problem):
    """The record of this call could not be written, so that nothing may be answered.

    Try again shortly; nothing was disclosed.
    """

    status = 503


class ServiceUnreachable(Problem):
    """The service that answers this could not be reached.

    Try again shortly; a change that was under way may have taken effect, and repeating it is safe.
    """

    status = 503


class GovernanceUnsettled(Problem):
    """The rules changed again and again while this call was decided.

    Try again shortly.
    """

    status = 503


_OF_REASON: Final[dict[Reason, type[Refused]]] = {
    Reason.NOT_COVERED_BY_AGREEMENT: NotCoveredByAgreement,
    Reason.PURPOSE_NOT_PERMITTED: PurposeNotPermitted,
    Reason.ROLE_NOT_PERMITTED: RoleNotPermitted,
    Reason.TRAINING_LAPSED: TrainingLapsed,
    Reason.COMMITMENT_NOT_SIGNED: CommitmentNotSigned,
}


def refused(refusal: Refusal) -> Refused:
    """Give the problem that tells a caller of a refusal."""
    return _OF_REASON[refusal.reason](clause=refusal.clause, needed=refusal.needed)
