"""Recording assessments, moving them on, and reusing them."""

from uuid import UUID, uuid4

from sqlalchemy import insert, update

from case_episodes.acting import By, tell
from case_episodes.assessment import LEGAL, AssessmentStatus, Period, re_asks_avoided, require_periods
from case_episodes.catalogue import Service
from case_episodes.commands.anchoring import find_person
from case_episodes.schemas.assessments import AssessmentTransition, Fact, NewAssessment, NewReuse
from case_episodes.tables import assessments, reuses
from case_episodes.transition import move
from shared.db import AnyRow, Transaction
from shared.events import AssessmentChanged, AssessmentRecorded, AssessmentReused
from shared.outbox import Happened
from shared.permit import Anchor


async def record_assessment(tx: Transaction, new: NewAssessment, *, service: Service, anchor: Anchor, by: By) -> UUID:
    """Record facts and perhaps an outcome; give the assessment's id. Raises `InvalidRequest` for impossible dates."""
    require_periods([Period(fact.valid_from, fact.valid_until) for fact in new.facts])
    assessment_id = uuid4()
    await tx.execute(
        insert(assessments)
        .values(
            assessment_id=assessment_id,
            owner=by.org,
            scope=service.scope(by.org),
            record_id=anchor.record_id,
            person_id=await find_person(tx, anchor),
            version=1,
            lgsl=service.lgsl,
            facts=[fact.model_dump(mode="json", exclude_none=True) for fact in new.facts],
            outcome=new.outcome,
            status=new.status,
            assessed_by=by.subject,
            assessed_at=by.at,
            changed_at=by.at,
        )
        .inline()
    )
    recorded = AssessmentRecorded(lgsl=service.lgsl, status=new.status)
    await tell(tx, [Happened(recorded, str(assessment_id), 1)], by=by)
    return assessment_id


async def move_assessment(tx: Transaction, assessment: AnyRow, wanted: AssessmentTransition, *, by: By) -> None:
    """Move a locked assessment to another status; raise `IllegalTransition`."""
    status = move(LEGAL, AssessmentStatus(assessment.status), to=wanted.to)
    version = assessment.version + 1
    outcome = assessment.outcome if wanted.outcome is None else wanted.outcome
    await tx.execute(
        update(assessments)
        .where(assessments.c.assessment_id == assessment.assessment_id)
        .values(status=status, status_reason=wanted.reason, outcome=outcome, version=version, changed_at=by.at)
    )
    happened = Happened(AssessmentChanged(status=status), str(assessment.assessment_id), version)
    await tell(tx, [happened], by=by)


async def reuse_assessment(tx: Transaction, assessment: AnyRow, new: NewReuse, *, service: Service, by: By) -> UUID:
    """Note what a service of the caller's organisation made of an assessment that it may see; give the reuse's id.

    Raises `NotReusable`.
    """
    facts = [Fact.model_validate(fact) for fact in assessment.facts]
    avoided = re_asks_avoided(
        AssessmentStatus(assessment.status),
        decision=new.decision,
        reason=new.reason,
        facts=[Period(fact.valid_from, fact.valid_until) for fact in facts],
        on=by.at.date(),
    )
    reuse_id = uuid4()
    await tx.execute(
        insert(reuses)
        .values(
            reuse_id=reuse_id,
            owner=by.org,
            scope=service.scope(by.org),
            assessment_id=assessment.assessment_id,
            assessment_owner=assessment.owner,
            decision=new.decision,
            reason=new.reason,
            for_lgsl=service.lgsl,
            re_asks_avoided=avoided,
            decided_by=by.subject,
            decided_at=by.at,
        )
        .inline()
    )
    reused = AssessmentReused(
        assessment_id=assessment.assessment_id,
        decision=new.decision,
        for_lgsl=service.lgsl,
        re_asks_avoided=avoided,
    )
    await tell(tx, [Happened(reused, str(reuse_id), 1)], by=by)
    return reuse_id
