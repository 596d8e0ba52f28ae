"""The page of all settings, made from the classes they are read into: `docs/configuration.md`.

In this room: which process reads which class, and how a field is written in a table. A test holds the first to what
processes ask for. Not in this room: the other documents (`documents`).
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shared.settings import (
    KafkaSettings,
    LedgerSettings,
    LogSettings,
    OwnerSettings,
    ProvisionSettings,
    Told,
    WorkerSettings,
)
from shared.told import SECRET

Classes = Sequence[type[Told]]

PACKAGES: Final = ("customer_index", "case_episodes", "referrals", "gateway")
_UNITS: Final = {"_seconds": "seconds", "_bytes": "bytes"}
_BOUNDS: Final = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
_TYPES: Final[Mapping[Any, str]] = {
    str: "text",
    SecretStr: "text",
    int: "whole number",
    float: "number",
    Path: "path of a file",
    timedelta: "ISO 8601 duration",
}

_HEAD: Final = """\
# Configuration

Every process of a service reads environment variables with the service's prefix, and Kafka's from `KAFKA_…`. Written by
`make docs` from the classes that read them.

- **Files instead.** A variable may be a file in `/run/secrets`, named like it in lower case:
  `/run/secrets/gateway_permit_key` for `GATEWAY_PERMIT_KEY`. What is marked *secret* should be one. Where both are
  there the variable counts.
- **Wrong.** A process that misses a variable, or was given one that is not valid, writes one line to its log
  (`misconfigured`, with the names and never a value) and exits with 78.
- **Misspelt.** So does a process that finds a variable of its service's prefix that no process of the service reads: a
  misspelt safeguard must not pass for one. Files are not held to this, so that a secret can be there before the version
  that reads it. A Kubernetes pod needs `enableServiceLinks: false`; otherwise the cluster adds variables such as
  `GATEWAY_PORT` of its own.
- **Required** is what has no default; a process needs only what it reads. `migrate`, `provision`, `topics`, `redrive`
  and the like run once and end; `api`, `relay`, `consumer`, `jobs` and `ledger` go on.
"""

_TAIL: Final = """\
## Tracing: all processes
The standard variables of OpenTelemetry. Nothing is exported, and nothing costs, unless one of the first two is there.

| variable | meaning |
|---|---|
| `OTEL_EXPORTER_OTLP_ENDPOINT` | where spans are sent over HTTP, such as `http://collector:4318` |
| `OTEL_TRACES_EXPORTER` | `otlp`, `console` or `none` |
| `OTEL_SERVICE_NAME` | another name than the service's own |
| `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | which traces are kept: `parentbased_traceidratio`, `0.1` |

## The `scv` command and the single node
| variable | default | meaning |
|---|---|---|
| `SCV_DATA` | `.scv` | the data directory of `scv run`, and of every command that looks for the running node |
| `SCV_GATEWAY` | the running node's | the gateway that `scv audit checkpoint` and `scv audit export` ask |
| `SCV_TOKEN` | – | *secret*: the token of an information-governance lead for that gateway |

The node makes its databases, keys and secrets itself. What has a default above applies to it too, under the same names.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of a service, and who reads it; `required_by` are the processes that do not start without."""

    variable: str
    field: FieldInfo
    read_by: tuple[str, ...]

    @property
    def is_secret(self) -> bool:
        """Whether nobody but the process may read the value."""
        return SECRET in self.field.metadata or SecretStr in _members(self.field.annotation)


def processes_of(package: str) -> Mapping[str, Any]:
    """Give the processes of a service by name."""
    found: Mapping[str, Any] = importlib.import_module(f"{package}.__main__").PROCESSES
    return found


def prefix_of(package: str) -> str:
    """Give the prefix of a service's variables."""
    return f"{package.upper()}_"


def classes_read(package: str, process: str) -> Classes:
    """Give the classes that a process of a service reads its settings into."""
    own = importlib.import_module(f"{package}.settings")
    with_kafka = (LogSettings, WorkerSettings, KafkaSettings)
    read: Mapping[str, Classes] = {
        "api": (own.Settings,),
        "relay": with_kafka,
        "consumer": with_kafka,
        "topics": with_kafka,
        "redrive": with_kafka,
        "jobs": (LogSettings, WorkerSettings),
        "provision": (LogSettings, ProvisionSettings),
        "migrate": (LogSettings, OwnerSettings),
        "ledger": (LogSettings, LedgerSettings, WorkerSettings),
        "replay": (LogSettings, LedgerSettings, OwnerSettings),
        **_BESIDE.get(package, lambda _: {})(own),
    }
    return read[process]


_BESIDE: Final[Mapping[str, Any]] = {
    "customer_index": lambda own: {"jobs": (LogSettings, WorkerSettings, own.JobSettings)},
    "gateway": lambda own: {
        "jobs": (LogSettings, WorkerSettings, own.JobSettings),
        "found": (LogSettings, own.FoundingSettings),
    },
}


def settings_of(package: str) -> list[Setting]:
    """List the settings of a service under its own prefix, in the order in which its processes read them."""
    found: dict[str, Setting] = {}
    for process in processes_of(package):
        for name, field in _fields(classes_read(package, process)):
            variable = f"{prefix_of(package)}{name}".upper()
            known = found.get(variable)
            readers = () if known is None else known.read_by
            found[variable] = Setting(variable, field, tuple(dict.fromkeys([*readers, process])))
    return list(found.values())


def page() -> str:
    """Render `docs/configuration.md`."""
    parts = [_HEAD]
    for package in PACKAGES:
        name = package.replace("_", "-")
        parts += [f"## {name}: `{prefix_of(package)}…`", _table(settings_of(package), everyone=processes_of(package))]
    kafka = [
        Setting(f"KAFKA_{field_name}".upper(), field, ()) for field_name, field in KafkaSettings.model_fields.items()
    ]
    parts += [
        f"## Kafka: `KAFKA_…`\nRead by {_listed(('relay', 'consumer', 'topics', 'redrive'))} of every service.\n",
        _table(kafka, everyone=()),
    ]
    return "\n".join([*parts, _TAIL])


def _fields(classes: Classes) -> Iterator[tuple[str, FieldInfo]]:
    for kind in classes:
        if kind is not KafkaSettings:
            yield from kind.model_fields.items()


def _table(settings: Sequence[Setting], *, everyone: Any) -> str:
    lines = ["| variable | read by | kind | default | meaning |", "|---|---|---|---|---|"]
    for one in settings:
        readers = "all" if set(one.read_by) == set(everyone) else _listed(one.read_by)
        kind = _kind(one.variable, one.field) + (", *secret*" if one.is_secret else "")
        meaning = " ".join((one.field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{one.variable}` | {readers} | {kind} | {_default(one.field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _kind(variable: str, field: FieldInfo) -> str:
    members = [one for one in _members(field.annotation) if one is not NoneType]
    told = " or ".join(dict.fromkeys(_type(one) for one in members))
    bounds = [
        f"{sign} {getattr(bound, type(bound).__name__.lower())}"
        for bound in _metadata(field)
        for sign in [_BOUNDS.get(type(bound))]
        if sign is not None
    ]
    units = [unit for ending, unit in _UNITS.items() if variable.lower().endswith(ending)]
    return ", ".join([told, *units, *bounds])


def _type(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{one}`" for one in get_args(kind))
    return _TYPES.get(kind, "JSON")


def _members(annotation: Any) -> tuple[Any, ...]:
    """Take a union apart, and types out of what annotates them."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(member for one in get_args(annotation) for member in _members(one))
    return _members(annotation.__origin__) if hasattr(annotation, "__metadata__") else (annotation,)


def _metadata(field: FieldInfo) -> Iterator[Any]:
    """Give what annotates a field, also where it stands inside a union."""
    yield from field.metadata
    for member in get_args(field.annotation):
        for one in getattr(member, "__metadata__", ()):
            yield from one.metadata if isinstance(one, FieldInfo) else (one,)


def _default(field: FieldInfo) -> str:
    match field.default:
        case value if value is PydanticUndefined:
            return "required"
        case None:
            return "–"
        case timedelta() as span:
            return f"`P{span.days}D`"
        case value:
            return f"`{value}`"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
