"""What can go wrong in referrals.

Problem
├── NotGranted               403
├── NotFound
│   ├── UnknownReferral      404
│   └── UnknownService       404
├── IllegalTransition        409
├── PayloadClosed            409
├── ServiceNotTaking         409
└── InvalidRequest
    └── UnknownTerm          422
"""

from shared.problems import InvalidRequest, NotFound, Problem


class NotGranted(Problem):
    """The clause this referral rests on does not grant this call anything now.

    The agreement may be suspended or over; POST /v1/decisions explains, and your information-governance lead can help.
    """

    status = 403


class UnknownReferral(NotFound):
    """There is no such referral, or none that you may know of.

    GET /v1/referrals lists those your organisation made and those it was sent.
    """


class UnknownService(NotFound):
    """The directory has no such service.

    GET /v1/services lists those there are.
    """


class IllegalTransition(Problem):
    """The referral does not allow this now.

    `legal` lists what it allows your side.
    """

    status = 409


class PayloadClosed(Problem):
    """The referral is over, so that nothing is disclosed with it any more.

    A payload may be read from the authorisation until the referral ends.
    """

    status = 409


class ServiceNotTaking(Problem):
    """This service does not take referrals now.

    GET /v1/services shows the services that are active.
    """

    status = 409


class UnknownTerm(InvalidRequest):
    """A taxonomy term is not one of the directory's.

    GET /v1/taxonomy_terms lists the codes there are.
    """
