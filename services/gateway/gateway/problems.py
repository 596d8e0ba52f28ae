"""What can go wrong in the gateway.

Problem
├── PurposeRequired           400
├── UnknownPurpose            400
├── MalformedCaseReference    400
├── MalformedEmergency        400
├── NotAuthenticated          401
├── Refused                   403, in `refusals`
├── NoMandate                 403
├── OtherOrganisation         403
├── NotAParty                 403
├── NotFound
│   ├── UnknownOrganisation   404
│   ├── UnknownSource         404
│   ├── UnknownAgreement      404
│   ├── UnknownPerson         404
│   ├── UnknownService        404
│   └── UnknownCall           404
├── IssuerTaken               409
├── ServiceAreaSettled        409
├── AlreadyReviewed           409
├── NotYetSealed              409
├── IllegalTransition         409
├── OtherDigest               409
├── InvalidRequest
│   ├── AgreementNotLawful    422
│   ├── PolicyNotValid        422
│   └── ConsentRequired       422
├── TooManyRequests           429
├── AuditUnavailable          503
│   └── RestoredNotReplayed   503
├── ServiceUnreachable        503
└── GovernanceUnsettled       503
"""

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


class MalformedEmergency(Problem):
    """The header SCV-Emergency does not hold a reason and a note, or stands where nobody's data can be opened.

    Send `reason; note` with a view or a search of people: a reason from the agreement, and a note of at most 500
    characters for the privacy officers.
    """

    status = 400


class NotAuthenticated(Problem):
    """The call carries no token that proves who is calling.

    Get a token from your organisation's identity provider and send it as `Authorization: Bearer`.
    """

    status = 401


class NoMandate(Problem):
    """No mandate in force lets your organisation act for that organisation in this.

    A mandate names purposes and days, and never lets anyone govern for another. Call without SCV-Acting-For, or for
    your own organisation.
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


class UnknownCall(NotFound):
    """The audit holds no such call, or none that your organisation may read of.

    GET /v1/audit lists those that it may.
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


class ServiceAreaSettled(Problem):
    """This source system is registered with another service area.

    What it asserted is shared and withheld with that area, and stays there. Register what another area asserts as a
    source system of its own.
    """

    status = 409


class AlreadyReviewed(Problem):
    """This emergency access was reviewed already.

    Its review stands; GET /v1/emergency-access shows it.
    """

    status = 409


class NotYetSealed(Problem):
    """This call is recorded, and not sealed into the log yet.

    Try again in a moment: what waits is sealed about every second.
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


class PolicyNotValid(InvalidRequest):
    """The policy cannot be put in force as it stands.

    `errors` names each policy of the text that is wrong, the line it begins on and the rule it breaks.
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


class RestoredNotReplayed(AuditUnavailable):
    """The platform was restored or moved to another server, and stays closed until it is sure what was taken back.

    Try again shortly; nothing was disclosed. It opens by itself after a move, and after a restore when whoever runs it
    has replayed the ledger.
    """


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
