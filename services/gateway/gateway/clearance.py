"""Who is cleared for which protections.

Pure. A protection keeps a person's whereabouts, or the person, from every call that is not cleared for its scheme with
its owner. Nobody is cleared for another organisation's but in an emergency, and then never for seals and refuges.
"""

from collections.abc import Iterable
from typing import Final

from gateway.standing import Caller
from shared.categories import SEALS, Protection, Purpose, Role

_SAFEGUARDING: Final = frozenset({Purpose.ADULT_SAFEGUARDING, Purpose.CHILD_SAFEGUARDING})
_CARE: Final = _SAFEGUARDING | {Purpose.ADULT_SOCIAL_CARE}

_EVERY_SCHEME: Final = {
    Role.SYSTEM: frozenset(Purpose),
    Role.STEWARD: frozenset({Purpose.DATA_STEWARDSHIP}),
    Role.IG_LEAD: frozenset({Purpose.SUBJECT_RIGHTS}),
}
"""Roles whose task it is to keep the whole record, and the purposes for which they do."""
_BUT_SEALS: Final = {Role.SOCIAL_WORKER: _CARE, Role.CASEWORKER: _SAFEGUARDING}
"""Roles that must reach whom they protect; an identity under seal is not theirs to open."""

_IN_EMERGENCY: Final = frozenset(Protection) - SEALS - {Protection.REFUGE}


def cleared_for(caller: Caller, *, purpose: Purpose, in_emergency: Iterable[str] = ()) -> tuple[str, ...]:
    """List, as `owner/scheme` in order, the protections that hide nothing from a call.

    `in_emergency` are the owners whose data an emergency has opened to it.
    """
    schemes = frozenset(Protection) - SEALS if _holds(caller, purpose=purpose, among=_BUT_SEALS) else frozenset()
    if _holds(caller, purpose=purpose, among=_EVERY_SCHEME):
        schemes = frozenset(Protection)
    opened = {(owner, scheme) for owner in in_emergency for scheme in _IN_EMERGENCY}
    return _named({(caller.org, scheme) for scheme in schemes} | opened)


def cleared_for_all(owner: str) -> tuple[str, ...]:
    """List every protection of an owner, for what the gateway asks on its own account."""
    return _named((owner, scheme) for scheme in Protection)


def _holds(caller: Caller, *, purpose: Purpose, among: dict[Role, frozenset[Purpose]]) -> bool:
    return any(purpose in among.get(role, ()) for role in caller.held_roles)


def _named(pairs: Iterable[tuple[str, Protection]]) -> tuple[str, ...]:
    return tuple(sorted(f"{owner}/{scheme}" for owner, scheme in pairs))
