"""The states of a referral in the words of FHIR R4: what its `ServiceRequest` and its `Task` would say.

The request is the referrer's wish for help, the task the partner's work on it. A closed referral says what it said when
it ended; closing is the referrer's own note that the outcome was seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from referrals.referral import Progress, Status


@dataclass(frozen=True, slots=True)
class FhirStatus:
    """`Task.status` and `ServiceRequest.status`, both of FHIR R4."""

    task: str
    service_request: str


FHIR: Final[Mapping[Status, FhirStatus]] = {
    Status.DRAFT: FhirStatus("draft", "draft"),
    Status.AUTHORISED: FhirStatus("draft", "active"),
    Status.SENT: FhirStatus("requested", "active"),
    Status.RECEIVED: FhirStatus("received", "active"),
    Status.INFO_REQUESTED: FhirStatus("on-hold", "active"),
    Status.ACCEPTED: FhirStatus("accepted", "active"),
    Status.REJECTED: FhirStatus("rejected", "revoked"),
    Status.REDIRECTED: FhirStatus("rejected", "revoked"),
    Status.IN_PROGRESS: FhirStatus("in-progress", "active"),
    Status.ON_HOLD: FhirStatus("on-hold", "on-hold"),
    Status.COMPLETED: FhirStatus("completed", "completed"),
    Status.NOT_COMPLETED: FhirStatus("failed", "revoked"),
    Status.WITHDRAWN: FhirStatus("cancelled", "revoked"),
    Status.RECALLED: FhirStatus("cancelled", "revoked"),
    Status.EXPIRED: FhirStatus("failed", "active"),
    Status.ENTERED_IN_ERROR: FhirStatus("entered-in-error", "entered-in-error"),
}
"""Every state but `closed`. An expired referral was never taken up, so that the wish for help still stands."""


def fhir_status(progress: Progress) -> FhirStatus:
    """Give the FHIR states of a referral."""
    status = progress.before if progress.status is Status.CLOSED and progress.before else progress.status
    return FHIR[status]
