"""Questions about everything decisions are made from.

The epoch is read first: rows read after it can only be newer than it says, and what is decided from newer rows under an
older epoch is thrown away, never the other way round.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic_core import to_json
from sqlalchemy import func, select

from gateway.agreement import AgreementContent
from gateway.governance import Agreement, BarredSource, Governance, compile_governance
from gateway.lifecycle import AgreementStatus
from gateway.mandate import Mandate
from gateway.organisation import OrganisationKind
from gateway.problems import RestoredNotReplayed
from gateway.standing import Exclusion, Standing
from gateway.tables import (
    agreement_versions,
    borough_policies,
    exclusions,
    governance,
    identity_providers,
    mandates,
    organisations,
    sources,
    staff,
)
from shared.categories import Purpose, Role
from shared.db import Transaction, rows_of
from shared.identity import TrustedIssuer
from shared.permit import SourceFacts

_TELLING = (AgreementStatus.ACTIVE, AgreementStatus.SUSPENDED, AgreementStatus.EXPIRED)
"""Agreements that grant, or may explain why they no longer do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRows:
    """The register as read at one epoch."""

    epoch: int
    organisations: Mapping[str, OrganisationKind]
    issuers: Mapping[str, TrustedIssuer]
    issued_for: Mapping[str, str]
    sources: Mapping[str, Mapping[str, SourceFacts]]
    agreements: list[Agreement]
    mandates: list[Mandate]
    policy_texts: Mapping[str, str]
    fingerprint: list[Any]
    """What tells this register from any other with different decisions."""

    def compiled(self) -> Governance:
        """Compile what decisions are made from."""
        return compile_governance(
            self.organisations,
            agreements=self.agreements,
            barred_sources=barred_sources(self.sources),
            policy_texts=self.policy_texts,
        )


def barred_sources(sources: Mapping[str, Mapping[str, SourceFacts]]) -> list[BarredSource]:
    """List the sources of all organisations that a statute bars."""
    return [
        BarredSource(owner=org, service_area=facts.service_area, statute=facts.statutory_bar)
        for org, of_org in sources.items()
        for facts in of_org.values()
        if facts.statutory_bar is not None
    ]


async def get_epoch(tx: Transaction) -> int:
    """Give the number of the last change; raise `RestoredNotReplayed` while the database is closed."""
    row = (await tx.execute(select(governance.c.epoch, func.is_open().label("is_open")))).one()
    if not row.is_open:
        raise RestoredNotReplayed(headers={"Retry-After": "5"})
    return int(row.epoch)


async def get_register(tx: Transaction) -> RegisterRows:
    """Read the register, but for its staff."""
    epoch = await get_epoch(tx)
    kinds = {row["org"]: row["kind"] for row in rows_of(await tx.execute(select(organisations)))}
    providers = rows_of(await tx.execute(select(identity_providers)))
    registered: dict[str, dict[str, SourceFacts]] = defaultdict(dict)
    for row in rows_of(await tx.execute(select(sources))):
        registered[row["org"]][row["source"]] = SourceFacts(
            row["source"], row["service_area"], row["trust"], row["linkage"], row["statutory_bar"]
        )
    given = rows_of(await tx.execute(select(mandates).order_by("org", "mandate_id")))
    policies = rows_of(await tx.execute(select(borough_policies).order_by("org")))
    telling = select(agreement_versions).where(agreement_versions.c.status.in_(_TELLING))
    versions = rows_of(await tx.execute(telling.order_by("agreement_id", "version")))
    return RegisterRows(
        epoch=epoch,
        organisations={org: OrganisationKind(kind) for org, kind in kinds.items()},
        issuers={row["issuer"]: _issuer(row) for row in providers},
        issued_for={row["issuer"]: row["org"] for row in providers},
        sources=registered,
        agreements=[
            Agreement(
                agreement_id=str(row["agreement_id"]),
                version=row["version"],
                status=AgreementStatus(row["status"]),
                content=AgreementContent.model_validate(row["content"]),
            )
            for row in versions
        ],
        mandates=[_mandate(row) for row in given],
        policy_texts={row["org"]: row["text"] for row in policies},
        fingerprint=[
            sorted(kinds.items()),
            [(str(row["agreement_id"]), row["version"], row["status"], row["digest"]) for row in versions],
            sorted(
                (org, facts.source, facts.service_area, facts.linkage, facts.statutory_bar or "")
                for org, of_org in registered.items()
                for facts in of_org.values()
            ),
            [(row["org"], row["mandate_id"], row["version"]) for row in given],
            [(row["org"], row["digest"]) for row in policies],
        ],
    )


async def get_standing(tx: Transaction, *, org: str, subject: str) -> Standing:
    """Give what an organisation's staff register says of a subject, and who does not exist for that subject; nothing
    of one it does not know."""
    found = await tx.execute(select(staff).where(staff.c.org == org, staff.c.subject == subject))
    row = found.one_or_none()
    if row is None:
        return Standing(roles=frozenset(), training={}, commitments={})
    of_worker = select(exclusions).where(exclusions.c.employer == org, exclusions.c.subject == subject)
    excluded = await tx.execute(of_worker.order_by("org", "exclusion_id"))
    training: dict[str, date] = {}
    for one in row.training:
        completed = date.fromisoformat(one["completed_on"])
        training[one["course"]] = max(completed, training.get(one["course"], completed))
    commitments: dict[str, dict[int, date]] = defaultdict(dict)
    for one in row.commitments:
        commitments[one["statement"]][one["version"]] = date.fromisoformat(one["signed_on"])
    return Standing(
        roles=frozenset(map(Role, row.roles)),
        training=training,
        commitments=commitments,
        exclusions=tuple(
            Exclusion(org=one.org, source=one.source, local_id=one.local_id, person_id=one.person_id)
            for one in excluded
        ),
    )


def _mandate(row: Mapping[str, Any]) -> Mandate:
    return Mandate(
        org=row["org"],
        to_org=row["to_org"],
        roles=frozenset(map(Role, row["roles"])),
        purposes=frozenset(map(Purpose, row["purposes"])),
        first_day=row["first_day"],
        last_day=row["last_day"],
    )


def _issuer(row: Mapping[str, Any]) -> TrustedIssuer:
    return TrustedIssuer(
        issuer=row["issuer"],
        audience=row["audience"],
        algorithms=tuple(row["algorithms"]),
        jwks=None if row["jwks"] is None else to_json(row["jwks"]).decode(),
        jwks_uri=row["jwks_uri"],
    )
