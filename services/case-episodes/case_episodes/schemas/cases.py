"""The wire of cases, their notes and the work queue."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from case_episodes.case import CaseStatus
from case_episodes.catalogue import Cluster, Speed
from case_episodes.schemas.common import AboutSomebody, Channel, Code, PostcodeSector, ShortText, Warned, Words
from shared.wire import Moment, Wire


class NewCase(AboutSomebody):
    """A service request; `household` says that it is about all who live with the person."""

    lgsl: Code
    lgil: Code
    channel: Channel | None = None
    description: Words
    household: bool = False
    postcode_sector: PostcodeSector | None = None


class CaseOpened(Wire):
    """A case that was opened, in an episode of its owner."""

    case_id: UUID
    episode_id: UUID
    person_id: UUID | None
    status: CaseStatus
    due_at: datetime | None
    warnings: list[Warned] = []


class CaseChange(Wire):
    """What is to be changed of a case; a field that is not sent stays as it is."""

    description: Words | None = None
    channel: Channel | None = None
    handled_by: ShortText | None = None
    postcode_sector: PostcodeSector | None = None
    due_at: Moment | None = None


class CaseTransition(Wire):
    """Where a case is to go; the reason is kept as a note."""

    to: CaseStatus
    reason: Words | None = None


class NewNote(Wire):
    """What a worker writes on a case."""

    text: Words


class NoteView(Wire):
    """A note on a case; with a status where it is the reason for a transition."""

    note_id: UUID
    text: str
    status: CaseStatus | None
    written_by: str
    written_at: datetime


class QueuedCase(Wire):
    """A case that waits for somebody's work: codes and dates only."""

    case_id: UUID
    owner: str
    service_area: str
    episode_id: UUID
    lgsl: int
    lgil: int
    cluster: Cluster
    speed: Speed
    status: CaseStatus
    due_at: datetime | None
    handled_by: str | None
    opened_at: datetime


class CaseView(QueuedCase):
    """A case, as this call may see it; `notes` is null where they are not granted."""

    person_id: UUID | None
    channel: Channel | None
    description: str
    household: bool
    postcode_sector: str | None
    changed_at: datetime
    notes: list[NoteView] | dict[Literal["exists"], bool] | None
