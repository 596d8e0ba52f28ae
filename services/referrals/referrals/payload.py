"""What a referral discloses: frozen when it is authorised, narrowed again at every read.

Pure. In this room: the entries of a payload, and how a later decision and a later protection cut them down. Not in this
room: the decision, which is the gateway's, and the values and protections, which are customer-index's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.categories import WHEREABOUTS, Category, Form, Grants, Scope, fullest

EXISTS: Final = {"exists": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value of the person's: the field it belongs to, and the cell whose grant let it out, in the form granted."""

    field: str
    category: Category
    scope: Scope
    form: Form
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is kept back of whom a referral is about: whereabouts if protected, everything if sealed."""

    protected: bool = False
    sealed: bool = False

    def lets_out(self, category: str) -> bool:
        """Tell whether values of a category may leave."""
        return not self.sealed and not (self.protected and category in WHEREABOUTS)


def granted_now(entries: Iterable[Entry], grants: Grants) -> list[Entry]:
    """Keep of frozen entries what is granted now, each in the lesser of the two forms; nothing grows back."""
    return [
        entry if fullest(entry.form, form) is form else _lessened(entry)
        for entry in entries
        if Category.EXISTENCE in grants.get(entry.scope, {})
        and (form := grants[entry.scope].get(entry.category)) is not None
    ]


def let_out(entries: Iterable[Entry], guard: Guard) -> list[Entry]:
    """Keep of some entries what a guard lets out."""
    return [entry for entry in entries if guard.lets_out(entry.category)]


def discloses(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Name the fields of some entries by their category."""
    named: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        named[entry.category].add(entry.field)
    return {category: sorted(named[category]) for category in sorted(named)}


def values(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """Give the values of some entries by field; lists from several records are joined, each value once."""
    told: dict[str, Any] = {}
    for entry in entries:
        before = told.get(entry.field, EXISTS)
        if before == EXISTS:
            told[entry.field] = entry.value
        elif isinstance(before, list) and isinstance(entry.value, list):
            told[entry.field] = [*before, *(value for value in entry.value if value not in before)]
    return told


def _lessened(entry: Entry) -> Entry:
    """Tell only that there is a value: no coarser form of it was frozen."""
    return Entry(field=entry.field, category=entry.category, scope=entry.scope, form=Form.EXISTS, value=EXISTS)
