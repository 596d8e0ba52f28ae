"""The wire of what a changed policy would do. Policies themselves are text."""

from shared.categories import Action, Category, Purpose, Scope
from shared.wire import Wire


class DifferenceView(Wire):
    """Categories of a scope that calls of one kind would newly be denied or allowed, and how often such were made.

    `policies` are those that would forbid them, as `borough/id`.
    """

    organisation: str
    acting_for: str
    purpose: Purpose
    action: Action
    scope: Scope
    denied: list[Category]
    allowed: list[Category]
    policies: list[str]
    calls: int


class ImpactView(Wire):
    """What a changed policy would have made of the calls of a period; the newest ones, if there were too many.

    `replayed` counts the calls that were decided anew; `complete` says whether those were all, and all that differs is
    listed.
    """

    replayed: int
    complete: bool
    items: list[DifferenceView]
