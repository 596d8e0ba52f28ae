"""Rows as other owners' callers may have them where somebody's whereabouts are protected.

A value that tells of where or with whom a protected person lives is read as if it had never been given, so that it
looks like any row without it. Not in this room: rows that are not there at all, which row-level security takes away.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, case, exists, literal, null, or_, select

from case_episodes.episode import Subject
from case_episodes.tables import cases, contacts, episodes, guarded_records
from shared.permit import Permit

_NEVER_GIVEN: Final[Mapping[Table, Mapping[str, ColumnElement[Any]]]] = {
    cases: {"postcode_sector": null(), "household": literal(False)},
    contacts: {"postcode_sector": null(), "access_point": null()},
    episodes: {"subject": literal(Subject.PERSON.value)},
}
"""The columns that tell of whereabouts, each as it reads where nothing was told. An episode is about a household only
because a case of it was."""


def selected(table: Table, *, permit: Permit) -> Select[Any]:
    """Select cases, contacts or episodes, those of other owners' protected people without their whereabouts."""
    of_others = and_(table.c.owner != permit.org, _guarded(table, guarded_records.c.protected))
    never_given = _NEVER_GIVEN[table]
    return select(
        *(
            case((of_others, never_given[column.name]), else_=column).label(column.name)
            if column.name in never_given
            else column
            for column in table.c
        )
    )


def opener_known(*, permit: Permit) -> ColumnElement[bool]:
    """Tell whether the person whose case opened an episode exists for the caller, as a column `opener_known`."""
    sealed = and_(episodes.c.owner != permit.org, _guarded(episodes, guarded_records.c.sealed))
    hidden = episodes.c.record_id.in_(permit.hidden)
    return (~or_(sealed, hidden)).label("opener_known")


def _guarded(table: Table, guard: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(guarded_records.c.record_id).where(guarded_records.c.record_id == table.c.record_id, guard)
