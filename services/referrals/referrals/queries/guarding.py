"""Referrals with what is kept back of whom they are about.

Not in this room: what a guard lets out (`payload`), and referrals that are not there at all, which row-level security
takes away.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select

from referrals.payload import Guard
from referrals.tables import guarded_records, referrals
from shared.db import AnyRow


def guarded_referrals() -> Select[Any]:
    """Select referrals, each with whether whom it is about is `protected` and whether `sealed`."""
    return select(
        referrals,
        _guarded(guarded_records.c.protected).label("protected"),
        _guarded(guarded_records.c.sealed).label("sealed"),
    )


def guard_of(row: AnyRow) -> Guard:
    """Give the guard of a referral selected here."""
    return Guard(protected=row.protected, sealed=row.sealed)


def discloses_of(row: AnyRow) -> dict[str, list[str]]:
    """Name the fields that a referral selected here still discloses, by their category."""
    guard = guard_of(row)
    return {category: fields for category, fields in row.discloses.items() if guard.lets_out(category)}


def _guarded(flag: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(guarded_records.c.record_id).where(guarded_records.c.record_id == referrals.c.record_id, flag)
