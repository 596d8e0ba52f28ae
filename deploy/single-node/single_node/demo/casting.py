"""Who plays the resident of the story: somebody two boroughs know well enough to be recognised by both.

Pure, from the truth of the generated world; nothing here is told to the platform.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from single_node.demo.telling import Surprise
from single_node.population import Extracted, World

SHARED_AREAS: Final = {"crm": "customer-services", "housing": "housing"}
"""The sources of the provider whose areas the story's agreement opens."""
READ_FOR_HOMELESSNESS: Final = ("crm", "housing", "benefits")
"""The sources of a borough that its own caseworkers read for homelessness."""


@dataclass(frozen=True, slots=True)
class Resident:
    """The records of one resident at the borough that provides and at the one that reads."""

    provider: tuple[Extracted, ...]
    reader: tuple[Extracted, ...]

    @property
    def shared(self) -> tuple[Extracted, ...]:
        """The provider's records in areas that the agreement opens."""
        return tuple(item for item in self.provider if item.source in SHARED_AREAS)

    @property
    def kept_back(self) -> tuple[Extracted, ...]:
        """The provider's records in other areas."""
        return tuple(item for item in self.provider if item.source not in SHARED_AREAS)

    @property
    def known_by(self) -> Extracted:
        """A record by which the reader's caseworkers know the resident."""
        return next(item for item in self.reader if item.source in READ_FOR_HOMELESSNESS)


def cast(world: World, *, provider: str, reader: str) -> Resident:
    """Choose a resident: alike in both boroughs, with telephone and address shared and a record kept back."""
    for resident in world.known_to_both(provider, reader):
        records = [item for item in world.records if item.resident == resident]
        found = Resident(
            tuple(item for item in records if item.owner == provider),
            tuple(item for item in records if item.owner == reader),
        )
        if _fits(found):
            return found
    raise Surprise("the generated world has no resident for this story")


def _fits(found: Resident) -> bool:
    known = [item for item in found.reader if item.source in READ_FOR_HOMELESSNESS]
    shows = [item.record.get("phones") and item.record.get("addresses") for item in found.shared]
    return bool(known and found.kept_back and any(shows)) and all(
        _alike(near.record, far.record) for near, far in product(found.provider, found.reader)
    )


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two records name one person in the same words and share something that households do not."""
    names = [(record.get("given_names", [])[:1], record.get("family_name")) for record in (one, other)]
    born = [record.get("date_of_birth") for record in (one, other)]
    return names[0] == names[1] and born[0] == born[1] and born[0] is not None
