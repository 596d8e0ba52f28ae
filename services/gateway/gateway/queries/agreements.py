"""Questions about agreements."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_

from gateway.agreement import AgreementContent
from gateway.lifecycle import AgreementState, AgreementStatus, Signature
from gateway.tables import agreement_versions, agreements, signatures
from shared.db import Transaction, rows_of

IN_FORCE = frozenset({AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature as it was given."""

    org: str
    by: str
    position: str | None
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementVersion:
    """One version of an agreement and where it stands."""

    version: int
    content: AgreementContent
    state: AgreementState
    signed: tuple[Signed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAgreement:
    """An agreement with all its versions, newest first; `revision` counts every change to any of them."""

    agreement_id: UUID
    revision: int
    created_at: datetime
    versions: tuple[AgreementVersion, ...]

    @property
    def in_force(self) -> AgreementVersion | None:
        """The version that every party has signed and that has not ended."""
        return next((each for each in self.versions if each.state.status in IN_FORCE), None)

    def newest_for(self, org: str) -> AgreementVersion | None:
        """Give the newest version that an organisation is a party to."""
        return next((each for each in self.versions if org in each.state.parties), None)


async def find_agreement(tx: Transaction, agreement_id: UUID, *, org: str) -> StoredAgreement | None:
    """Give an agreement, or None if it does not exist or the organisation was never a party to it."""
    found = await _agreements(tx, select(agreements).where(agreements.c.agreement_id == agreement_id, _of(org)))
    return found[0] if found else None


async def list_agreements(
    tx: Transaction, org: str, *, limit: int, after: tuple[datetime, UUID] | None
) -> list[StoredAgreement]:
    """List the agreements of a party, oldest first, from a place in that order on."""
    place = tuple_(agreements.c.created_at, agreements.c.agreement_id)
    query = select(agreements).where(_of(org)).order_by(place).limit(limit)
    return await _agreements(tx, query if after is None else query.where(place > after))


def _of(org: str) -> Any:
    return agreements.c.parties.contains([org])


async def _agreements(tx: Transaction, query: Any) -> list[StoredAgreement]:
    heads = rows_of(await tx.execute(query))
    ids = [head["agreement_id"] for head in heads]
    of_agreement = agreement_versions.c.agreement_id.in_(ids)
    rows = rows_of(
        await tx.execute(select(agreement_versions).where(of_agreement).order_by(agreement_versions.c.version.desc()))
    )
    given = rows_of(
        await tx.execute(select(signatures).where(signatures.c.agreement_id.in_(ids)).order_by("at", "org"))
    )
    signed: dict[tuple[UUID, int], list[Signed]] = defaultdict(list)
    for one in given:
        signed[one["agreement_id"], one["version"]].append(
            Signed(org=one["org"], by=one["by"], position=one["position"], digest=one["digest"], at=one["at"])
        )
    versions: dict[UUID, list[AgreementVersion]] = defaultdict(list)
    for row in rows:
        key = (row["agreement_id"], row["version"])
        versions[row["agreement_id"]].append(_version(row, signed=signed[key]))
    return [
        StoredAgreement(
            agreement_id=head["agreement_id"],
            revision=head["revision"],
            created_at=head["created_at"],
            versions=tuple(versions[head["agreement_id"]]),
        )
        for head in heads
    ]


def _version(row: dict[str, Any], *, signed: Sequence[Signed]) -> AgreementVersion:
    content = AgreementContent.model_validate(row["content"])
    return AgreementVersion(
        version=row["version"],
        content=content,
        state=AgreementState(
            status=AgreementStatus(row["status"]),
            digest=row["digest"],
            parties=frozenset(party.org for party in content.parties),
            providers=frozenset(flow.provider for flow in content.flows),
            signatures=tuple(Signature(org=each.org, digest=each.digest, at=each.at) for each in signed),
            suspended_by=frozenset(row["suspended_by"]),
        ),
        signed=tuple(signed),
    )
