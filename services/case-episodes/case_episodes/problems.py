"""What can go wrong in case-episodes.

Problem
├── PurposeNotPermitted      403
├── RoleNotPermitted         403
├── IllegalTransition        409
├── NotReusable              409
└── InvalidRequest
    └── NotTheSamePeople     422

What does not exist and what the caller may not know is the same bare NotFound, here and at the gateway.
"""

from shared.problems import InvalidRequest, Problem


class PurposeNotPermitted(Problem):
    """This purpose does not admit work on this service.

    Call for the purpose you are really acting for, one that fits the service's area.
    """

    status = 403


class RoleNotPermitted(Problem):
    """Your roles do not admit work on this service.

    Ask a colleague whose role and purpose the class of the service's rows asks for.
    """

    status = 403


class IllegalTransition(Problem):
    """This cannot be done from the present status.

    `legal` lists the statuses that can be next.
    """

    status = 409


class NotReusable(Problem):
    """This assessment cannot be reused in that way.

    One that was set aside is done anew; one with facts out of date is topped up.
    """

    status = 409


class NotTheSamePeople(InvalidRequest):
    """An episode holds the cases of one person or one household.

    Regroup into an episode of the same person or of their household, or into a new one.
    """
