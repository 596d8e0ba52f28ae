"""The gateway's own description with those of the inner services merged in.

Only routes the gateway passes on are described; an inner service that cannot be asked is left out until it can.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from gateway.forwarding import FORWARDED

_BEARER: Final = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_PURPOSE: Final = {
    "name": "SCV-Purpose",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "why the call is made",
}
_REFERENCE: Final = "#/components/schemas/"


def merged(own: Mapping[str, Any], inner: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the descriptions of inner services, by name, into the gateway's own."""
    whole = deepcopy(dict(own))
    schemas = whole.setdefault("components", {}).setdefault("schemas", {})
    whole["components"]["securitySchemes"] = {"bearer": _BEARER}
    whole["security"] = [{"bearer": []}]
    for forwarded in FORWARDED:
        described = inner.get(forwarded.service, {}).get("paths", {}).get(forwarded.path, {})
        operation = described.get(forwarded.method.lower())
        if operation is not None:
            outward = _renamed(_without_permit(operation), service=forwarded.service)
            whole["paths"].setdefault(forwarded.path, {})[forwarded.method.lower()] = outward
    for service, description in inner.items():
        for name, schema in description.get("components", {}).get("schemas", {}).items():
            schemas[_outward(name, service=service)] = _renamed(schema, service=service)
    return whole


def _without_permit(operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [each for each in operation.get("parameters", ()) if not each["name"].lower().startswith("scv-")]
    return {**operation, "parameters": [*parameters, _PURPOSE]}


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
