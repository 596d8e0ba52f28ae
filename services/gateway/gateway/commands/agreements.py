"""Changes to agreements.

Every change is made inside a change of the epoch, which lets one happen at a time. It counts the agreement's revision
up by one and tells where the agreement now stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from uuid import UUID, uuid4

from sqlalchemy import insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.agreement import AgreementContent, Cohort, Trigger
from gateway.change import tell
from gateway.governance import Agreement, compile_governance
from gateway.lifecycle import (
    AgreementAction,
    AgreementState,
    AgreementStatus,
    IllegalTransitionError,
    OtherDigestError,
    draft,
    legal_actions,
    supersede,
    transition,
)
from gateway.problems import IllegalTransition, NotAParty, OtherDigest, UnknownAgreement
from gateway.queries.agreements import IN_FORCE, AgreementVersion, StoredAgreement, find_agreement
from gateway.queries.register import barred_sources
from gateway.register import Snapshot
from gateway.tables import agreement_versions, agreements, signatures
from shared.db import Transaction
from shared.events import AgreementChanged, LinkageFlow
from shared.outbox import Happened
from shared.preconditions import Stored, accept_match, require_match

_ENDED = frozenset({AgreementStatus.TERMINATED, AgreementStatus.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who changes an agreement, when, and by which call."""

    org: str
    subject: str
    position: str | None = None
    at: datetime
    txn: UUID
    snapshot: Snapshot


async def create_agreement(tx: Transaction, content: AgreementContent, *, by: By) -> UUID:
    """Draft an agreement."""
    _require_party(content, org=by.org)
    agreement_id = uuid4()
    state = draft(content)
    await tx.execute(
        insert(agreements).values(
            agreement_id=agreement_id, revision=0, parties=sorted(state.parties), created_at=by.at
        )
    )
    await _store(tx, agreement_id, version=1, content=content, state=state)
    await _count_up(tx, agreement_id, by=by)
    return agreement_id


async def replace_agreement(
    tx: Transaction, agreement_id: UUID, content: AgreementContent, *, if_match: str | None, by: By
) -> Stored:
    """Change a draft, or draft the next version of an agreement that was proposed or signed."""
    stored = await _required(tx, agreement_id, org=by.org)
    require_match(if_match, version=stored.revision)
    _require_party(content, org=by.org)
    newest = stored.versions[0]
    if newest.state.status in _ENDED:
        raise IllegalTransition(legal=[])
    if newest.state.status is AgreementStatus.PROPOSED:
        # What was proposed and signed by some must not come into force beside the text that is now being drafted.
        overtaken = replace(newest.state, status=AgreementStatus.SUPERSEDED)
        await _store_state(tx, agreement_id, version=newest.version, state=overtaken)
    version = newest.version + (newest.state.status is not AgreementStatus.DRAFT)
    await _store(tx, agreement_id, version=version, content=content, state=draft(content))
    return Stored(version=await _count_up(tx, agreement_id, by=by), created=False)


async def move_agreement(
    tx: Transaction, agreement_id: UUID, action: AgreementAction, *, digest: str | None, if_match: str | None, by: By
) -> int:
    """Propose, sign, suspend, resume or terminate an agreement; give the version that moved.

    It is the newest version that can move so; terminating ends all that have not ended. Raises `IllegalTransition` with
    what would be legal, `OtherDigest` for a signature under another text.
    """
    stored = await _required(tx, agreement_id, org=by.org)
    accept_match(if_match, version=stored.revision)
    movable = [each for each in stored.versions if action in legal_actions(each.state, by_org=by.org)]
    if not movable:
        raise IllegalTransition(legal=_legal(stored.versions, org=by.org))
    moving = movable if action is AgreementAction.TERMINATE else movable[:1]
    for each in moving:
        moved = _moved(each.state, action=action, digest=digest, by=by)
        await _store_state(tx, agreement_id, version=each.version, state=moved)
        if action is AgreementAction.SIGN:
            await _store_signature(tx, agreement_id, version=each.version, digest=moved.digest, by=by)
        if moved.status is AgreementStatus.ACTIVE and action is AgreementAction.SIGN:
            await _end_older(tx, stored, than=each.version)
    await _count_up(tx, agreement_id, by=by)
    return moving[0].version


def _moved(state: AgreementState, *, action: AgreementAction, digest: str | None, by: By) -> AgreementState:
    try:
        return transition(state, action=action, by_org=by.org, at=by.at, digest=digest)
    except IllegalTransitionError as error:
        raise IllegalTransition(legal=sorted(error.legal)) from None
    except OtherDigestError:
        raise OtherDigest from None


def _legal(versions: Iterable[AgreementVersion], *, org: str) -> list[str]:
    return sorted({action for each in versions for action in legal_actions(each.state, by_org=org)})


def _require_party(content: AgreementContent, *, org: str) -> None:
    if org not in {party.org for party in content.parties}:
        raise NotAParty


async def _required(tx: Transaction, agreement_id: UUID, *, org: str) -> StoredAgreement:
    stored = await find_agreement(tx, agreement_id, org=org)
    if stored is None:
        raise UnknownAgreement
    return stored


async def _end_older(tx: Transaction, stored: StoredAgreement, *, than: int) -> None:
    for each in stored.versions:
        if each.version < than and each.state.status in IN_FORCE:
            await _store_state(tx, stored.agreement_id, version=each.version, state=supersede(each.state))


async def _store(
    tx: Transaction, agreement_id: UUID, *, version: int, content: AgreementContent, state: AgreementState
) -> None:
    values = {
        "status": state.status,
        "digest": state.digest,
        "suspended_by": sorted(state.suspended_by),
        "content": content.model_dump(mode="json", exclude_defaults=True),
        "valid_from": content.valid_from,
        "valid_until": content.valid_until,
    }
    statement = upsert(agreement_versions).values(agreement_id=agreement_id, version=version, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["agreement_id", "version"], set_=values))


async def _store_state(tx: Transaction, agreement_id: UUID, *, version: int, state: AgreementState) -> None:
    this = (agreement_versions.c.agreement_id == agreement_id) & (agreement_versions.c.version == version)
    values = {"status": state.status, "suspended_by": sorted(state.suspended_by)}
    await tx.execute(update(agreement_versions).where(this).values(**values))


async def _store_signature(tx: Transaction, agreement_id: UUID, *, version: int, digest: str, by: By) -> None:
    await tx.execute(
        insert(signatures).values(
            agreement_id=agreement_id,
            version=version,
            org=by.org,
            by=by.subject,
            position=by.position,
            digest=digest,
            at=by.at,
        )
    )


async def _count_up(tx: Transaction, agreement_id: UUID, *, by: By) -> int:
    """Count the revision up, note whose agreement it now is, and tell where it stands."""
    stored = await find_agreement(tx, agreement_id, org=by.org)
    if stored is None:
        raise UnknownAgreement
    standing = stored.in_force or stored.versions[0]
    revision = stored.revision + 1
    parties = sorted({*stored.versions[0].state.parties, *standing.state.parties, by.org})
    this = agreements.c.agreement_id == agreement_id
    await tx.execute(update(agreements).where(this).values(revision=revision, parties=parties))
    event = AgreementChanged(
        agreement_id=agreement_id,
        version=standing.version,
        status=standing.state.status,
        valid_from=_midnight(standing.content.valid_from),
        valid_until=_midnight_after(standing.content.valid_until),
        linkage=_linkage(agreement_id, standing, snapshot=by.snapshot),
        referral_clauses=[
            f"{agreement_id}/{flow.id}" for flow in standing.content.flows if flow.trigger is Trigger.REFERRAL
        ],
    )
    await tell(tx, Happened(event, str(agreement_id), revision), owner=by.org, txn=by.txn, at=by.at)
    return revision


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _midnight_after(day: date) -> datetime:
    return _midnight(date.fromordinal(min(day.toordinal() + 1, date.max.toordinal())))


def _linkage(agreement_id: UUID, standing: AgreementVersion, *, snapshot: Snapshot) -> list[LinkageFlow]:
    """Give the clauses by which owners would let their persons be compared, as the policy reads them."""
    compiled = compile_governance(
        snapshot.organisations,
        agreements=[
            Agreement(
                agreement_id=str(agreement_id),
                version=standing.version,
                status=AgreementStatus.ACTIVE,
                content=standing.content,
            )
        ],
        barred_sources=barred_sources(snapshot.sources),
    )
    return [
        LinkageFlow(provider=clause.provider, recipient=clause.recipient, service_areas=sorted(clause.linked))
        for clause in compiled.linking
        if clause.linked and clause.cohort is Cohort.ALL
    ]
