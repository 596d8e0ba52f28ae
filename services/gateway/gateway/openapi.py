"""The gateway's own description, and with those of the inner services merged in.

Only routes the gateway passes on are described; an inner service that cannot be asked is left out until it can.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from gateway.api.directory import OPEN
from gateway.forwarding import FORWARDED, About, Forwarded
from gateway.headers import ACTING_FOR, CASE, DESCRIBED, EMERGENCY, PURPOSE
from gateway.headers import described as header
from gateway.problems import (
    AuditUnavailable,
    MalformedCaseReference,
    NotAuthenticated,
    TooManyRequests,
    UnknownPerson,
)
from gateway.refusals import Refused
from gateway.upstream import REFERRALS
from shared.openapi import telling, with_problems
from shared.problems import PermitRefused, Problem

_PROOF: Final = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
_OF_ANY_CALL: Final = (MalformedCaseReference, NotAuthenticated, Refused, TooManyRequests, AuditUnavailable)
"""Problems that any governed call can meet, beside those that follow from its shape."""
_PERMIT_REFUSED: Final = str(PermitRefused.status)
_ANY: Final = (CASE,)
_CHANGE: Final = (PURPOSE, CASE, ACTING_FOR)
_LOOK: Final = (*_CHANGE, EMERGENCY)
_BESIDE_FORWARDED: Final = (
    ("GET", "/v1/referrals", _LOOK),
    ("GET", "/v1/referrals/{referral_id}", _LOOK),
    ("POST", "/v1/referrals/{referral_id}/transitions", _CHANGE),
    ("GET", "/v1/referrals/{referral_id}/payload", _LOOK),
    ("GET", "/v1/events", _ANY),
    ("PUT", "/v1/organisations/{org}/services/{service_id}", _ANY),
    *(("GET", path, ()) for path in OPEN),
)
"""Routes of the referrals service that the gateway passes on after a decision of its own, and the headers they take;
none where they are open to all."""
_REFERENCE: Final = "#/components/schemas/"


def described(document: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the gateway's own routes: with their problems, and with what their headers hold."""
    whole = with_problems(document, always=_OF_ANY_CALL, proof=_PROOF)
    for operation in (each for operations in whole["paths"].values() for each in operations.values()):
        operation["parameters"] = [
            header(each["name"]) if each["name"] in DESCRIBED else each for each in operation.get("parameters", ())
        ]
    return whole


def merged(own: Mapping[str, Any], inner: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the descriptions of inner services, by name, into the gateway's own."""
    whole = deepcopy(dict(own))
    schemas = whole["components"]["schemas"]
    passed_on = [(each.service, each.method, each.path, _headers_of(each), _problems_of(each)) for each in FORWARDED]
    passed_on += [(REFERRALS, *each, _OF_ANY_CALL) for each in _BESIDE_FORWARDED]
    for service, method, path, headers, problems in passed_on:
        operation = inner.get(service, {}).get("paths", {}).get(path, {}).get(method.lower())
        if operation is not None:
            outward = _outward_operation(operation, headers=headers, problems=problems)
            whole["paths"].setdefault(path, {})[method.lower()] = _renamed(outward, service=service)
    for service, description in inner.items():
        for name, schema in description.get("components", {}).get("schemas", {}).items():
            schemas[_outward(name, service=service)] = _renamed(schema, service=service)
    return whole


def _headers_of(forwarded: Forwarded) -> Sequence[str]:
    if not forwarded.needs_purpose:
        return _ANY
    return _CHANGE if forwarded.is_change else _LOOK


def _problems_of(forwarded: Forwarded) -> Sequence[type[Problem]]:
    """List the problems of a route beside those of the service: whom it is about, the gateway finds out."""
    return (*_OF_ANY_CALL, UnknownPerson) if forwarded.about is About.SUBJECT else _OF_ANY_CALL


def _outward_operation(
    operation: Mapping[str, Any], *, headers: Sequence[str], problems: Sequence[type[Problem]]
) -> dict[str, Any]:
    """Describe an operation as callers see it: proven by a token if by anything, and with the headers it takes."""
    if not headers:
        return dict(operation)
    responses = {status: told for status, told in operation["responses"].items() if status != _PERMIT_REFUSED}
    parameters = [*operation.get("parameters", ()), *map(header, headers)]
    return telling({**operation, "parameters": parameters, "responses": responses}, problems)


def _renamed(value: Any, *, service: str) -> Any:
    """Point references to an inner service's schemas to where they are in the merged description."""
    if isinstance(value, Mapping):
        return {name: _renamed(each, service=service) for name, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, service=service) for each in value]
    if isinstance(value, str) and value.startswith(_REFERENCE):
        return _REFERENCE + _outward(value.removeprefix(_REFERENCE), service=service)
    return value


def _outward(name: str, *, service: str) -> str:
    return f"{service}.{name}"
