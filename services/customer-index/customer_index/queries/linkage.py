"""Which owners let their persons be compared with each other's, now."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from customer_index.tables import linkage_flows
from shared.db import Transaction


@dataclass(frozen=True, slots=True)
class MutualLinkage:
    """Two owners who have granted each other `linkage`, and the areas each opens; `first` < `second`."""

    first: str
    second: str
    first_areas: frozenset[str]
    second_areas: frozenset[str]

    def areas_of(self, owner: str) -> frozenset[str]:
        """Give the areas this one of the two opens."""
        return self.first_areas if owner == self.first else self.second_areas


async def find_mutual_linkages(tx: Transaction, *, at: datetime) -> list[MutualLinkage]:
    """Give the pairs of owners between whom clauses of active agreements run in both directions today."""
    statement = select(linkage_flows).where(linkage_flows.c.valid_from <= at, linkage_flows.c.valid_until > at)
    opened: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in await tx.execute(statement):
        opened[row.provider, row.recipient].update(row.service_areas)
    return [
        MutualLinkage(first, second, frozenset(opened[first, second]), frozenset(opened[second, first]))
        for first, second in sorted(opened)
        if first < second and (second, first) in opened
    ]
