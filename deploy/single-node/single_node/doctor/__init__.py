"""The examination of a node (its environment, its data directory, its database, its background work), and that of an
installation of several processes (`installation`).

From outside only what is exported here is used. Nothing is changed, and no secret and no personal data is told: only
names of files, packages and services, counts and ages.
"""

from single_node.doctor.examination import examine
from single_node.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
