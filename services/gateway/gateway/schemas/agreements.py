"""The wire of agreements, around the content that `agreement` defines."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from gateway.agreement import AgreementContent
from gateway.lifecycle import AgreementAction, AgreementStatus
from shared.wire import Name, Text, Wire


class NewTransition(Wire):
    """What a party does to an agreement; signing names the digest of the text that was read."""

    action: AgreementAction
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    position: Name | None = None
    reason: Annotated[Text, StringConstraints(max_length=2000)] | None = None


class SignatureView(Wire):
    """Who signed for a party, in what position, and when."""

    org: str
    by: str
    position: str | None
    at: datetime


class WarningView(Wire):
    """What production would ask for, or what keeps a draft from being proposed, and where."""

    pointer: str
    detail: str


class AgreementView(Wire):
    """An agreement in one version: the one an answer is about, else its newest."""

    agreement_id: UUID
    version: int
    status: AgreementStatus
    digest: str
    signatures: list[SignatureView]
    suspended_by: list[str]
    version_in_force: int | None
    """The version that every party has signed, while a newer one is being agreed."""
    content: AgreementContent
    warnings: list[WarningView]
