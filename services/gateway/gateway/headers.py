"""The headers in which a caller says more of a governed call, as its description lists them.

In this room: which routes read which. Not in this room: how they are read (`call`, `admission`), which answers a header
that makes no sense with a problem of its own, and so takes any text here.
"""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import Header

from gateway.call import CASE_REFERENCE
from shared.categories import Purpose
from shared.wire import SLUG

PURPOSE: Final = "SCV-Purpose"
CASE: Final = "SCV-Case"
ACTING_FOR: Final = "SCV-Acting-For"
EMERGENCY: Final = "SCV-Emergency"

Said: TypeAlias = str | None
Purposed = Annotated[Said, Header(alias=PURPOSE)]
Referenced = Annotated[Said, Header(alias=CASE)]
Acting = Annotated[Said, Header(alias=ACTING_FOR)]
Urgent = Annotated[Said, Header(alias=EMERGENCY)]


async def of_any_call(_case: Referenced = None) -> None:
    """Describe what any governed call may say."""


async def of_a_change(_purpose: Purposed = None, _case: Referenced = None, _acting_for: Acting = None) -> None:
    """Describe what a call says that touches personal data."""


async def of_a_look(
    _purpose: Purposed = None, _case: Referenced = None, _acting_for: Acting = None, _emergency: Urgent = None
) -> None:
    """Describe what a call says that looks at people, which an emergency can open."""


DESCRIBED: Final[dict[str, dict[str, Any]]] = {
    PURPOSE: {
        "required": True,
        "schema": {"type": "string", "enum": sorted(Purpose)},
        "description": "why the call is made",
    },
    CASE: {
        "required": False,
        "schema": {"type": "string", "pattern": f"^{CASE_REFERENCE.pattern}$"},
        "description": "the case it is made for: a reference, never a name",
    },
    ACTING_FOR: {
        "required": False,
        "schema": {"type": "string", "pattern": SLUG},
        "description": "the organisation it is made for, if that gave the caller's own a mandate",
    },
    EMERGENCY: {
        "required": False,
        "schema": {"type": "string", "pattern": "^[^;]{1,100};.{1,500}$"},
        "description": "`reason; note`: a reason of the agreement, and a note for the privacy officers",
    },
}
"""Each header as OpenAPI describes a parameter."""


def described(name: str) -> dict[str, Any]:
    """Describe a header as a parameter of an operation."""
    return {"name": name, "in": "header", **DESCRIBED[name]}
