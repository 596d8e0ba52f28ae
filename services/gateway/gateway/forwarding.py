"""Which routes the gateway passes on, to which service, for whom and as what action.

What this table does not name is not passed on. Not in this room: how it is done (`api.forwarding`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.upstream import CASE_EPISODES, CUSTOMER_INDEX
from shared.categories import Action, Role


class About(StrEnum):
    """Whom a call is about, and so what the gateway asks customer-index first."""

    NOBODY = "nobody"
    """No person, or whom the service itself finds: customer-index knows who may be known."""
    SUBJECT = "subject"
    """The subject its body names."""
    PERSON = "person"
    """The person in its path, and those linked."""
    ITEM = "item"
    """Whomever the item in its path is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """A route that an inner service answers under the same path."""

    method: str
    path: str
    action: Action
    roles: tuple[Role, ...]
    service: str = CUSTOMER_INDEX
    about: About = About.NOBODY
    needs_purpose: bool = True
    """False for what holds no personal data."""

    @property
    def names_source(self) -> bool:
        """Whether the call is about one source system of the caller's organisation."""
        return "{source}" in self.path

    @property
    def is_change(self) -> bool:
        """Whether something is changed, so that the intent is recorded first. Reusing an assessment looks at one that
        may be another owner's, and changes only what the own organisation makes of it."""
        return self.action in (Action.WRITE, Action.STEWARD) or self.path.endswith("/reuse")

    @property
    def spans_owners(self) -> bool:
        """Whether a change of the own organisation's takes knowing another owner's person: the other side of a link."""
        return self.action is Action.STEWARD and self.path.endswith(("/decision", "/undo"))

    @property
    def is_stream(self) -> bool:
        """Whether the body is passed on as it comes, however large."""
        return self.path.endswith("/loads")


LOOKING: Final = tuple(role for role in Role if role is not Role.OPERATOR)
"""Roles with which a call about people is decided at all: an agreement may name any but the platform's operator."""

_ASSERTING: Final = (Role.SYSTEM,)
_WORKING: Final = (Role.FRONTLINE, Role.CASEWORKER, Role.SOCIAL_WORKER)

_PEOPLE: Final = (
    Forwarded(method="PUT", path="/v1/sources/{source}/records/{local_id}", action=Action.WRITE, roles=_ASSERTING),
    Forwarded(method="GET", path="/v1/sources/{source}/records/{local_id}", action=Action.READ, roles=LOOKING),
    Forwarded(method="DELETE", path="/v1/sources/{source}/records/{local_id}", action=Action.WRITE, roles=_ASSERTING),
    Forwarded(method="POST", path="/v1/sources/{source}/loads", action=Action.WRITE, roles=_ASSERTING),
    Forwarded(method="GET", path="/v1/loads/{load_id}", action=Action.READ, roles=_ASSERTING),
    Forwarded(method="GET", path="/v1/loads/{load_id}/rejects", action=Action.READ, roles=_ASSERTING),
    Forwarded(method="POST", path="/v1/people/search", action=Action.SEARCH, roles=LOOKING),
    Forwarded(method="GET", path="/v1/people/{person_id}/household", action=Action.READ, roles=LOOKING),
    Forwarded(
        method="GET",
        path="/v1/people/{person_id}/protection",
        action=Action.READ,
        roles=(Role.STEWARD, Role.IG_LEAD),
    ),
    Forwarded(method="PUT", path="/v1/people/{person_id}/protection", action=Action.STEWARD, roles=(Role.STEWARD,)),
    Forwarded(method="DELETE", path="/v1/people/{person_id}/protection", action=Action.STEWARD, roles=(Role.STEWARD,)),
)

_STEWARDING: Final = (Role.STEWARD,)
_STEWARDSHIP: Final = (
    Forwarded(method="GET", path="/v1/reviews", action=Action.READ, roles=_STEWARDING),
    Forwarded(method="POST", path="/v1/reviews/{review_id}/decision", action=Action.STEWARD, roles=_STEWARDING),
    Forwarded(method="POST", path="/v1/people/{person_id}/merge", action=Action.STEWARD, roles=_STEWARDING),
    Forwarded(method="POST", path="/v1/people/{person_id}/split", action=Action.STEWARD, roles=_STEWARDING),
    Forwarded(method="POST", path="/v1/stewardship/{stewardship_id}/undo", action=Action.STEWARD, roles=_STEWARDING),
)
"""What stewards do; they look at possible matches as readers, so that clauses of other owners count."""


def _work(
    method: str, path: str, *, about: About, action: Action = Action.WRITE, roles: tuple[Role, ...] = _WORKING
) -> Forwarded:
    return Forwarded(method=method, path=path, action=action, roles=roles, service=CASE_EPISODES, about=about)


_CASES: Final = (
    Forwarded(
        method="GET",
        path="/v1/catalogue",
        action=Action.READ,
        roles=tuple(Role),
        service=CASE_EPISODES,
        needs_purpose=False,
    ),
    _work("POST", "/v1/contacts", about=About.SUBJECT),
    _work("POST", "/v1/cases", about=About.SUBJECT),
    _work("GET", "/v1/cases/{case_id}", about=About.ITEM, action=Action.READ, roles=LOOKING),
    _work("PATCH", "/v1/cases/{case_id}", about=About.ITEM),
    _work("POST", "/v1/cases/{case_id}/transitions", about=About.ITEM),
    _work("POST", "/v1/cases/{case_id}/notes", about=About.ITEM),
    _work("GET", "/v1/work-queue", about=About.NOBODY, action=Action.READ),
    _work("GET", "/v1/episodes/{episode_id}", about=About.ITEM, action=Action.READ, roles=LOOKING),
    _work("POST", "/v1/episodes/{episode_id}/transitions", about=About.ITEM),
    _work("POST", "/v1/episodes/{episode_id}/regroup", about=About.ITEM),
    _work("POST", "/v1/assessments", about=About.SUBJECT),
    _work("GET", "/v1/people/{person_id}/assessments", about=About.PERSON, action=Action.READ, roles=LOOKING),
    _work("POST", "/v1/assessments/{assessment_id}/transitions", about=About.ITEM),
    _work("POST", "/v1/assessments/{assessment_id}/reuse", about=About.ITEM, action=Action.READ),
)

FORWARDED: Final = (*_PEOPLE, *_STEWARDSHIP, *_CASES)
