"""The gateway's own description with those of the inner services merged in.

Only routes the gateway passes on are described; an inner service that cannot be asked is left out until it can.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from gateway.api.directory import OPEN
from gateway.forwarding import FORWARDED
from gateway.upstream import REFERRALS

_BEARER: Final = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_PURPOSE: Final = {
    "name": "SCV-Purpose",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "why the call is made",
}
_BESIDE_FORWARDED: Final = (
    ("GET", "/v1/referrals", True),
    ("GET", "/v1/referrals/{referral_id}", True),
    ("POST", "/v1/referrals/{referral_id}/transitions", True),
    ("GET", "/v1/referrals/{referral_id}/payload", True),
    ("GET", "/v1/events", False),
    ("PUT", "/v1/organisations/{org}/services/{service_id}", False),
    *(("GET", path, False) for path in OPEN),
)
"""Routes of the referrals service that the gateway passes on after a decision of its own, and whether they ask for a
purpose."""
_REFERENCE: Final = "#/components/schemas/"


def merged(own: Mapping[str, Any], inner: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the descriptions of inner services, by name, into the gateway's own."""
    whole = deepcopy(dict(own))
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    whole["components"]["securitySchemes"] = {"bearer": _BEARER}
    whole["security"] = [{"bearer": []}]
    passed_on = [(each.service, each.method, each.path, each.needs_purpose) for each in FORWARDED]
    passed_on += [(REFERRALS, *each) for each in _BESIDE_FORWARDED]
    for service, method, path, needs_purpose in passed_on:
        operation = inner.get(service, {}).get("paths", {}).get(path, {}).get(method.lower())
        if operation is not None:
            outward = _renamed(_outward_operation(operation, needs_purpose=needs_purpose), service=service)
            whole["paths"].setdefault(path, {})[method.lower()] = outward
    for service, description in inner.items():
        for name, schema in description.get("components", {}).get("schemas", {}).items():
            schemas[_outward(name, service=service)] = _renamed(schema, service=service)
    return whole


def _outward_operation(operation: Mapping[str, Any], *, needs_purpose: bool) -> dict[str, Any]:
    """Describe an operation as callers see it: without the permit, and with the purpose where it asks for one."""
    parameters = [each for each in operation.get("parameters", ()) if not each["name"].lower().startswith("scv-")]
    return {**operation, "parameters": [*parameters, *([_PURPOSE] if needs_purpose else [])]}


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
