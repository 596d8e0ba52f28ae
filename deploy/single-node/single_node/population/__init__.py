"""Synthetic residents of three boroughs with known truth: one seed, one world, on every machine.

From outside only what is exported here is used. No value in it can reach a real person: telephone numbers, mailboxes,
NHS and National Insurance numbers and UPRNs all come from ranges set apart for this.
"""

from single_node.population.dealings import SOURCES
from single_node.population.extracts import Extracted
from single_node.population.files import csv_lines, ndjson_lines, write_extracts
from single_node.population.residents import Resident
from single_node.population.streets import OWNERS
from single_node.population.world import HARD_NEGATIVES, World, generate

__all__ = [
    "HARD_NEGATIVES",
    "OWNERS",
    "SOURCES",
    "Extracted",
    "Resident",
    "World",
    "csv_lines",
    "generate",
    "ndjson_lines",
    "write_extracts",
]
