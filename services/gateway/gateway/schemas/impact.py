"""The wire of what changed rules would do: another policy, an agreement signed or ended."""

from typing import Annotated

from pydantic import Field

from gateway.impact import Supposition
from shared.categories import Action, Purpose, Scope
from shared.wire import Wire


class NewSupposition(Wire):
    """What would become of an agreement; where that is not said, an active one would end and any other be signed."""

    as_: Annotated[Supposition | None, Field(alias="as")] = None


class DifferenceView(Wire):
    """What calls of one kind would newly be denied or allowed in a scope, and how often such were made.

    Categories are written as in a decision: `category`, or `category:form` where less than the value is granted.
    `policies` are those that would forbid what is denied, as `borough/id`; none where it is an agreement that changes.
    """

    organisation: str
    acting_for: str
    purpose: Purpose
    action: Action
    scope: Scope
    denied: list[str]
    allowed: list[str]
    policies: list[str]
    calls: int


class ImpactView(Wire):
    """What changed rules would have made of the calls of a period; the newest ones, if there were too many.

    `replayed` counts the calls that were decided anew; `complete` says whether those were all, and all that differs is
    listed.
    """

    replayed: int
    complete: bool
    items: list[DifferenceView]
