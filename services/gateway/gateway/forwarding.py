"""Which routes the gateway passes on, to which service, for whom and as what action.

What this table does not name is not passed on. Not in this room: how it is done (`api.forwarding`).
"""

from dataclasses import dataclass
from typing import Final

from gateway.upstream import CUSTOMER_INDEX
from shared.categories import Action, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """A route that an inner service answers under the same path."""

    method: str
    path: str
    action: Action
    roles: tuple[Role, ...]
    service: str = CUSTOMER_INDEX

    @property
    def names_source(self) -> bool:
        """Whether the call is about one source system of the caller's organisation."""
        return "{source}" in self.path

    @property
    def is_stream(self) -> bool:
        """Whether the body is passed on as it comes, however large."""
        return self.path.endswith("/loads")


LOOKING: Final = tuple(role for role in Role if role is not Role.OPERATOR)
"""Roles with which a call about people is decided at all: an agreement may name any but the platform's operator."""

_ASSERTING: Final = (Role.SYSTEM,)

FORWARDED: Final = (
    Forwarded(method="PUT", path="/v1/sources/{source}/records/{local_id}", action=Action.WRITE, roles=_ASSERTING),
    Forwarded(method="GET", path="/v1/sources/{source}/records/{local_id}", action=Action.READ, roles=LOOKING),
    Forwarded(method="DELETE", path="/v1/sources/{source}/records/{local_id}", action=Action.WRITE, roles=_ASSERTING),
    Forwarded(method="POST", path="/v1/sources/{source}/loads", action=Action.WRITE, roles=_ASSERTING),
    Forwarded(method="GET", path="/v1/loads/{load_id}", action=Action.READ, roles=_ASSERTING),
    Forwarded(method="GET", path="/v1/loads/{load_id}/rejects", action=Action.READ, roles=_ASSERTING),
    Forwarded(method="POST", path="/v1/people/search", action=Action.SEARCH, roles=LOOKING),
    Forwarded(method="GET", path="/v1/people/{person_id}/household", action=Action.READ, roles=LOOKING),
    Forwarded(method="GET", path="/v1/people/{person_id}/timeline", action=Action.READ, roles=LOOKING),
)
