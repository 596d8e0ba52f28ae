"""Backup and restore of all four databases, with how far their events had come.

    scv backup DIR     `taking`: dumps and a manifest        scv restore DIR    `restoring`: into empty servers
    scv republish      `positions`: Kafka was lost, or is ahead of restored databases

In this room: which services there are and in which order. The manifest and PostgreSQL's programs are in `parts`. Not in
this package: the ledger, which services take off-site themselves and which `python -m <service> replay` replays.
"""

from enum import StrEnum
from typing import Final

from single_node.staff import NotPossible

SERVICES: Final = ("case_episodes", "referrals", "customer_index", "gateway")
"""Whoever follows events stands before whom it follows: a copy of the former must never be ahead of one of the latter,
or it would take the events of a new history for those it has seen."""


class BackupTrouble(NotPossible):
    """A backup cannot be taken or restored; the message says why and how to mend it."""


class Kafka(StrEnum):
    """What became of Kafka."""

    KEPT = "kept"
    """It has what it had, of the lost time too."""
    EMPTY = "empty"
    """It is a new one."""
    NONE = "none"
    """There is none: a single node."""
