"""Recording contacts."""

from uuid import UUID, uuid4

from sqlalchemy import insert, select

from case_episodes.acting import By, tell
from case_episodes.catalogue import Service
from case_episodes.commands.anchoring import find_person
from case_episodes.episode import EpisodeStatus
from case_episodes.schemas.contacts import NewContact
from case_episodes.tables import contacts, episodes
from shared.db import AnyRow, Transaction
from shared.events import ContactRecorded
from shared.outbox import Happened
from shared.permit import Anchor


async def record_contact(
    tx: Transaction, new: NewContact, *, service: Service, anchor: Anchor, case: AnyRow | None, by: By
) -> UUID:
    """Record a contact; give its id.

    It belongs to its case's episode, else to the latest open one of the person in the service's cluster that the call
    may see, if there is any.
    """
    person_id = await find_person(tx, anchor)
    episode_id = (
        case.episode_id
        if case is not None
        else await _find_episode(tx, person_id, owner=by.org, cluster=service.cluster)
    )
    contact_id = uuid4()
    told = new.model_dump(exclude={"source", "local_id", "person_id", "case_id", "lgsl", "started_at"})
    await tx.execute(
        insert(contacts)
        .values(
            contact_id=contact_id,
            owner=by.org,
            scope=service.scope(by.org),
            record_id=anchor.record_id,
            person_id=person_id,
            version=1,
            case_id=new.case_id,
            episode_id=episode_id,
            lgsl=service.lgsl,
            started_at=new.started_at or by.at,
            recorded_at=by.at,
            **told,
        )
        .inline()
    )
    recorded = ContactRecorded(
        channel=new.channel, lgsl=service.lgsl, lgil=new.lgil, case_id=new.case_id, episode_id=episode_id
    )
    await tell(tx, [Happened(recorded, str(contact_id), 1)], by=by)
    return contact_id


async def _find_episode(tx: Transaction, person_id: UUID | None, *, owner: str, cluster: str) -> UUID | None:
    if person_id is None:
        return None
    statement = (
        select(episodes.c.episode_id)
        .where(
            episodes.c.owner == owner,
            episodes.c.cluster == cluster,
            episodes.c.status == EpisodeStatus.OPEN,
            episodes.c.person_id == person_id,
        )
        .order_by(episodes.c.last_case_at.desc(), episodes.c.episode_id)
        .limit(1)
    )
    found: UUID | None = (await tx.execute(statement)).scalar_one_or_none()
    return found
