"""From rows to what a call is shown of them, and the account of it.

In this room: rendering rows by what their scope grants, the row-level-security context of a call, and the refusal of
work in a scope that is not granted. Not in this room: which fields a kind of row has (`fields`).
"""

from collections.abc import Iterable
from typing import Any, Final

from case_episodes.fields import Kind
from case_episodes.problems import PurposeNotPermitted, RoleNotPermitted
from shared.categories import Action, Category, Form, Scope, disclose, split_scope
from shared.db import AnyRow, Context
from shared.guard import Disclosed
from shared.permit import Permit

_OPENED: Final = (Category.CONTACTS, Category.CASES, Category.CASE_NOTES, Category.ASSESSMENTS, Category.REFERRALS)

Item = dict[str, Any]


def context_of(permit: Permit) -> Context:
    """Give the row-level-security context of a call: for each category the scopes that grant it, in whatever form, the
    organisation whose rows it may change, and the records that do not exist for its worker."""
    return {
        "scv.org": permit.org,
        "scv.subject": permit.subject,
        "scv.writing": permit.org if permit.action is Action.WRITE else "",
        "scv.hidden": ",".join(map(str, permit.hidden)),
        **{
            f"scv.{category}": ",".join(
                scope
                for scope, granted in permit.grants.items()
                if category in granted and Category.EXISTENCE in granted
            )
            for category in _OPENED
        },
    }


def grouping_context(permit: Permit) -> Context:
    """Give the context of a change that groups cases: it sees all episodes of its own organisation, so that a case
    joins one whoever opened it."""
    return {**context_of(permit), "scv.grouping": permit.org}


def require_grant(permit: Permit, scope: Scope, *, category: Category) -> None:
    """Raise the refusal unless a category of a scope of the own organisation is granted whole."""
    granted = permit.grants.get(scope, {})
    if granted.get(category) is Form.VALUE and Category.EXISTENCE in granted:
        return
    if Category.EXISTENCE in granted:
        raise RoleNotPermitted(clause=None, needed="a role and purpose that the class of this service's rows admits")
    raise PurposeNotPermitted(clause=None, needed="a purpose that fits the area of this service")


def is_shown(row: AnyRow, kind: Kind, *, permit: Permit) -> bool:
    """Tell whether a row may be shown, rather than merely that there is one."""
    granted = permit.grants.get(Scope(row.scope), {})
    return Category.EXISTENCE in granted and granted.get(kind.category) is Form.VALUE


def shown(row: AnyRow, kind: Kind, *, permit: Permit) -> Item:
    """Give a row as far as its scope grants it; fields without a value are None."""
    scope = Scope(row.scope)
    owner, service_area = split_scope(scope)
    values = dict(row._mapping)
    fields = disclose(values, fields=kind.category_of, granted=permit.grants.get(scope, {}), bands={})
    return {
        kind.id_field: values[kind.id_field],
        "owner": owner,
        "service_area": service_area,
        **dict.fromkeys(kind.fields),
        **fields,
    }


def listed(rows: Iterable[AnyRow], kind: Kind, *, permit: Permit) -> list[Item]:
    """Give rows as they stand in a list: whole with their person where granted so, else one sign for each area that
    there are any."""
    items: list[Item] = []
    signs: dict[tuple[str, str], Item] = {}
    for row in rows:
        if is_shown(row, kind, permit=permit):
            items.append({**shown(row, kind, permit=permit), "person_id": row.person_id})
        else:
            owner, service_area = split_scope(Scope(row.scope))
            signs[owner, service_area] = {"owner": owner, "service_area": service_area, "exists": True}
    return [*items, *signs.values()]


def note(account: Disclosed, rows: Iterable[AnyRow], kind: Kind) -> None:
    """Enter rows that leave with an answer into its account."""
    for row in rows:
        account.note(
            person_id=row.person_id,
            owner=row.owner,
            record_id=row._mapping[kind.id_field],
            version=row.version,
            scope=Scope(row.scope),
            categories={Category.EXISTENCE, kind.category},
        )
