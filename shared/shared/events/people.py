"""Who a source record belongs to, and what is kept from whom. Internal: no partner reads this topic."""

from uuid import UUID

from shared.events.base import PEOPLE, Event


class PersonRecordLinked(Event):
    """A source record now belongs to this person."""

    type = "person.record-linked.v1"
    topic = PEOPLE

    record_id: UUID


class PersonRecordUnlinked(Event):
    """A source record no longer belongs to this person: withdrawn, or moved by a correction."""

    type = "person.record-unlinked.v1"
    topic = PEOPLE

    record_id: UUID


class PersonMerged(Event):
    """This person was found to be another and lives on as that one, with these records."""

    type = "person.merged.v1"
    topic = PEOPLE

    into: UUID
    records: list[UUID]


class PersonSplit(Event):
    """Some records of this person were found to be another human being, who is a person of its own."""

    type = "person.split.v1"
    topic = PEOPLE

    into: UUID
    records: list[UUID]


class PersonProtected(Event):
    """The protection of this person's records changed: neither, either or both now hold for all of them.

    `protected` keeps back their whereabouts from others; `sealed` keeps back that there is anybody.
    """

    type = "person.protected.v1"
    topic = PEOPLE

    records: list[UUID]
    protected: bool
    sealed: bool
