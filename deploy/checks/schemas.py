"""Custom resources against the definitions (CRDs) of their operators, as far as these are here.

`make manifests-crds` makes them in `.tools/crds` from the operators' published packages, and `CRDS=FOLDER` adds those
of a cluster. In this room: reading definitions, and what of a manifest they refuse. Not in this room: where they come
from (README.md), and Strimzi's kinds, which Strimzi's classes read (`strimzi`).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes with uvicorn, without types

from deploy.checks import strimzi
from deploy.checks.rendering import ROOT, Manifest, name_of

CRDS: Final = ROOT / ".tools/crds"
HOW_TO: Final = (
    "`make manifests-crds` makes schemas of most, CRDS=FOLDER adds those of a cluster (deploy/checks/README.md)"
)

Schema = Mapping[str, Any]


def folders() -> list[Path]:
    """Give where definitions are: what we made, and what `CRDS` names."""
    named = os.environ.get("CRDS")
    return [CRDS, *([Path(named)] if named else [])]


@lru_cache
def definitions() -> list[Manifest]:
    """Give the definitions that are here."""
    files = sorted(file for folder in folders() for file in folder.rglob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text("utf-8")) if _is_definition(one)]


def split(custom: Iterable[Manifest]) -> tuple[list[Manifest], list[Manifest]]:
    """Part custom resources into those we have a schema of, and those we have not."""
    parted: tuple[list[Manifest], list[Manifest]] = ([], [])
    for one in custom:
        seen = _schema(one) is not None or (strimzi.is_ours(one) and strimzi.is_here())
        parted[0 if seen else 1].append(one)
    return parted


def wrong(custom: Sequence[Manifest]) -> list[str]:
    """Say what of some manifests their schemas refuse; a field that a schema does not have is refused too."""
    schemas = [(one, _schema(one)) for one in custom]
    found = [f"{name_of(one)}: {what}" for one, schema in schemas if schema for what in refused(one, schema, "")]
    return found + strimzi.wrong([one for one, schema in schemas if schema is None])


def refused(value: Any, schema: Schema, path: str) -> list[str]:
    """Say what a structural schema refuses of a value, field by field; rules in CEL are the API server's to run."""
    if not path:
        # Type and metadata are the API server's own in every kind.
        properties = {**schema.get("properties", {}), "apiVersion": {}, "kind": {}, "metadata": {}}
        schema = {**schema, "properties": properties}
    if schema.get("x-kubernetes-int-or-string"):
        return [] if isinstance(value, int | str) else [f"{path}: neither a number nor a word"]
    if value is None:
        return [] if schema.get("nullable") or not schema.get("type") else [f"{path}: is empty"]
    kind = schema.get("type")
    if kind is not None and not _is_of(value, kind):
        return [f"{path}: is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path}: is none of {', '.join(map(str, schema['enum']))}"]
    if isinstance(value, Mapping):
        return _refused_fields(value, schema, path)
    if isinstance(value, list):
        return [what for n, one in enumerate(value) for what in refused(one, schema.get("items", {}), f"{path}/{n}")]
    return []


def _refused_fields(value: Mapping[str, Any], schema: Schema, path: str) -> list[str]:
    found = [f"{path}/{name}: is missing" for name in schema.get("required", ()) if name not in value]
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name, one in value.items():
        where = f"{path}/{name}"
        if name in properties:
            found += refused(one, properties[name], where)
        elif isinstance(others, Mapping):
            found += refused(one, others, where)
        elif properties and not others and not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.append(f"{where}: there is no such field")
    return found


def _schema(manifest: Manifest) -> Schema | None:
    group, _, version = manifest["apiVersion"].rpartition("/")
    for one in definitions():
        spec = one["spec"]
        if (spec["group"], spec["names"]["kind"]) == (group, manifest["kind"]):
            for served in spec["versions"]:
                if served["name"] == version and served["served"]:
                    schema: Schema = served["schema"]["openAPIV3Schema"]
                    return schema
    return None


def _is_definition(one: Any) -> bool:
    return isinstance(one, Mapping) and one.get("kind") == "CustomResourceDefinition"


def _is_of(value: Any, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return True
