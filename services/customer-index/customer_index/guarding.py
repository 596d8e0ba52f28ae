"""What protects the records of the persons of one owner while they change.

In this room: which protections a person has by its records, whose side of a seal a record comes back to, and for which
records something else holds than was last told. Not in this room: the changes themselves (`clustering`) and what a
protection keeps from whom (`protection`).
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from customer_index.model import Model
from customer_index.normalise import Features
from customer_index.persons import PersonState
from customer_index.placement import place
from customer_index.protection import NO_GUARDS, UNGUARDED, Guard, Holding, holding, sides


class Guarding:
    """The protections of records, and what was told of each."""

    def __init__(self, persons: Iterable[PersonState]) -> None:
        self._guards: dict[UUID, frozenset[Guard]] = {}
        self._told: dict[UUID, Holding] = {}
        for person in persons:
            if person.guards:
                self._guards.update(person.guards)
                self._told.update(dict.fromkeys(person.members, holding(self.of(person))))

    def __bool__(self) -> bool:
        """Tell whether anything is protected at all."""
        return bool(self._guards)

    def add(self, record_id: UUID, guards: frozenset[Guard]) -> None:
        """Note what protects a record from now on, beside what did."""
        if guards:
            self._guards[record_id] = self._guards.get(record_id, NO_GUARDS) | guards

    def hand_on(self, record_id: UUID, *, to: PersonState) -> None:
        """Let what protects a record that is gone protect the rest of its person."""
        for other in to.members:
            self.add(other, self._guards.get(record_id, NO_GUARDS))

    def of(self, person: PersonState) -> frozenset[Guard]:
        """Give the protections of a person: those of all its records."""
        return frozenset(guard for record_id in person.members for guard in self._guards.get(record_id, ()))

    def is_sealed(self, person: PersonState) -> bool:
        """Tell whether a person is never compared with others."""
        return bool(self._guards) and bool(sides(self.of(person)))

    def sides_of(self, record_id: UUID) -> frozenset[UUID]:
        """Name the sides of seals that a record is on."""
        return sides(self._guards.get(record_id, NO_GUARDS))

    def side_person(
        self, record_id: UUID, features: Features, *, persons: Sequence[PersonState], model: Model
    ) -> UUID | None:
        """Give the person that a sealed record comes back to, of those on its side; None if it is nobody there.

        A record that was sealed for itself is its side's person without a question. One that was sealed with a
        household is whoever of the household it matches.
        """
        own = {guard.protection_id for guard in self._guards[record_id] if not guard.by_household}
        same = [
            person
            for person in persons
            if own & {guard.protection_id for guard in self.of(person) if not guard.by_household}
        ]
        if same:
            return min(same, key=lambda person: person.order).person_id
        on_side = [person.cluster() for person in persons if sides(self.of(person)) & self.sides_of(record_id)]
        return place(features, clusters=on_side, model=model).joined

    def untold(self, person: PersonState) -> Holding | None:
        """Give what holds for a person, once, if something else was last told of any of its records."""
        holds = holding(self.of(person))
        if all(self._told.get(record_id, UNGUARDED) == holds for record_id in person.members):
            return None
        self._told.update(dict.fromkeys(person.members, holds))
        return holds
