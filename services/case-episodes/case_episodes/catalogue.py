"""The catalogue: the services a council gives, with area, cluster, speed and sensitivity, and the kinds of interaction.

Codes and names of services are from the English and Welsh Services list (LGSL), those of interactions from the Local
Government Interaction List, both of LG Inform Plus under the Open Government Licence; the other columns are ours. In
this room: the lists as values, and the scope of a row about a service. Not in this room: anything about a person.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final

from shared.categories import DataClass, Scope, row_scope


class Cluster(StrEnum):
    """How services that belong together are given."""

    RESIDENTS_DIRECT = "residents-direct"
    COMMUNITY_SUPPORT = "community-support"
    SMARTER_BOROUGH = "smarter-borough"


class Speed(StrEnum):
    """Whether a service is a transaction or casework; each has a queue of its own."""

    FAST = "fast"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the catalogue."""

    lgsl: int
    name: str
    service_area: str
    cluster: Cluster
    speed: Speed
    sensitivity: DataClass

    def scope(self, owner: str) -> Scope:
        """Name the scope of an owner's rows about this service: its class is the strictest of area and service."""
        return row_scope(owner, self.service_area, self.sensitivity)


REPLACED: Final[Mapping[int, int]] = {273: 280}
"""Discontinued services that still arrive from old systems, each with the one that took its place."""

INTERACTIONS: Final[Mapping[int, str]] = {
    0: "Applications",
    1: "Booking",
    2: "Collecting revenue",
    3: "Consultation",
    4: "Paying",
    5: "Procurement",
    6: "Access to networks",
    7: "Benefits and grants",
    8: "Information",
    9: "Regulation",
    10: "Appealing",
    11: "Changing circumstances",
    12: "Status checking",
    13: "Complaining",
    14: "Renewing",
    15: "Repairing",
    16: "Replacing",
    17: "Reporting",
    20: "Eligibility checking",
    21: "Appointment booking",
    22: "Venue booking",
    23: "Reserving",
    24: "Course booking",
    25: "Statutory consultation",
    26: "Democratic consultation",
    27: "Customer surveys",
    28: "Issuing",
    29: "Enforcement",
    30: "Exemption",
    31: "Notifying of incidents",
    32: "Periodic returns",
    33: "Tell us once",
    34: "Locate",
}


class Catalogue:
    """The services, by LGSL number."""

    def __init__(self, services: Mapping[int, Service]) -> None:
        self.services = services

    def find(self, lgsl: int) -> Service | None:
        """Give a service, or the one that took the place of a discontinued one; None for a number that is neither."""
        return self.services.get(REPLACED.get(lgsl, lgsl))


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """Read the catalogue that ships with the package."""
    with files("case_episodes").joinpath("catalogue.csv").open(encoding="utf-8") as lines:
        services = [
            Service(
                lgsl=int(row["lgsl"]),
                name=row["name"],
                service_area=row["service_area"],
                cluster=Cluster(row["cluster"]),
                speed=Speed(row["speed"]),
                sensitivity=DataClass(row["sensitivity"]),
            )
            for row in csv.DictReader(lines)
        ]
    return Catalogue({service.lgsl: service for service in sorted(services, key=lambda each: each.lgsl)})
