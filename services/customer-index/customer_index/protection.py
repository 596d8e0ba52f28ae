"""Protection: what holds for a person's records, and what is left of a grant where it holds.

In this room: pure rules over the schemes in force. Not in this room: who is cleared for which scheme (the gateway's
permit says), where protections are stored (`queries.protections`), and which rows are sealed (the database's policies).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from shared.categories import SEALS, WHEREABOUTS, Category, Form, Protection


@dataclass(frozen=True, slots=True)
class Guard:
    """One protection of one record; those of one `protection_id` are one side of a seal."""

    protection_id: UUID
    scheme: Protection
    by_household: bool
    """Whether it was set for somebody of the same household."""


class Holding(NamedTuple):
    """What holds for a person and so for each of its records."""

    protected: bool
    sealed: bool


NO_GUARDS: Final[frozenset[Guard]] = frozenset()
UNGUARDED: Final = Holding(protected=False, sealed=False)


def holding(guards: Iterable[Guard]) -> Holding:
    """Tell what holds for a person whose records have these protections."""
    schemes = {guard.scheme for guard in guards}
    return Holding(protected=bool(schemes - SEALS), sealed=bool(schemes & SEALS))


def sides(guards: Iterable[Guard]) -> frozenset[UUID]:
    """Name the sides that a sealed record is on; a record that is not sealed is on none."""
    return frozenset(guard.protection_id for guard in guards if guard.scheme in SEALS)


def uncleared(schemes: Iterable[str], *, owner: str, cleared: Collection[str]) -> frozenset[Protection]:
    """Give the schemes that keep something from a call; `cleared` is written `owner/scheme`."""
    return frozenset(Protection(scheme) for scheme in schemes if f"{owner}/{scheme}" not in cleared)


def effective_grants(
    granted: Mapping[Category, Form], *, closed: Collection[Protection], is_own: bool
) -> Mapping[Category, Form]:
    """Give what is left of a grant under the schemes a call is not cleared for.

    Whereabouts are gone as if they had never been granted. Of a sealed person the own organisation still sees that it
    exists, and another nothing at all.
    """
    if not closed:
        return granted
    if SEALS.isdisjoint(closed):
        return {category: form for category, form in granted.items() if category not in WHEREABOUTS}
    return {category: form for category, form in granted.items() if is_own and category is Category.EXISTENCE}
