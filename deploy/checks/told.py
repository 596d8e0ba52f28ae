"""Which names of settings there are: those of the services' classes, and those of programs that are not ours.

In this room: what a name in a manifest, a compose file or a directory of secrets may be. Not in this room: what the
settings mean (their classes say it) and who is told which.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

import shared.settings
from deploy.checks.rendering import Manifest, namespace_of, of_kind
from deploy.checks.workloads import Container, Workload, workloads
from shared.settings import Told

SERVICES: Final = ("case_episodes", "customer_index", "gateway", "referrals")
STANDARD: Final = re.compile(
    # OpenTelemetry SDK and OTLP exporter, Python's own, the time zone, and what asyncpg shares with libpq
    r"OTEL_(SDK_DISABLED|SERVICE_NAME|RESOURCE_ATTRIBUTES|LOG_LEVEL|PROPAGATORS|TRACES_(EXPORTER|SAMPLER|SAMPLER_ARG)"
    r"|BSP_[A-Z_]+|EXPORTER_OTLP_(TRACES_)?(ENDPOINT|HEADERS|TIMEOUT|PROTOCOL|CERTIFICATE|CLIENT_KEY|CLIENT_CERTIFICATE"
    r"|COMPRESSION|INSECURE))|PYTHON(UNBUFFERED|DONTWRITEBYTECODE|HASHSEED|MALLOC)|TZ|TMPDIR|HOME|SSL_CERT_FILE|PGSSL(MODE|ROOTCERT)"
)
FOREIGN: Final[Mapping[str, re.Pattern[str]]] = {
    "postgres": re.compile(r"POSTGRES_(PASSWORD|PASSWORD_FILE|USER|DB|INITDB_ARGS|HOST_AUTH_METHOD)|PGDATA"),
    "grafana": re.compile(r"GF_[A-Z_]+"),
}
"""What images of others are told, by a word of their name."""


@lru_cache
def names() -> Mapping[str, list[Any]]:
    """Give every variable of the services' settings with the types that its classes give it."""
    found: dict[str, list[Any]] = {}
    for prefix, settings in _classes():
        for name, field in settings.model_fields.items():
            found.setdefault(f"{prefix}{name}".upper(), []).append(_type_of(field))
    return found


def unknown(told: Mapping[str, str | None], *, image: str) -> list[str]:
    """Say which variables of a container nobody reads, or which have a value that their class refuses.

    `told` gives values; None where the value is not known.
    """
    ours = names()
    foreign = [pattern for word, pattern in FOREIGN.items() if word in image]
    found = []
    for name, value in told.items():
        if STANDARD.fullmatch(name) or any(pattern.fullmatch(name) for pattern in foreign):
            continue
        if name not in ours:
            found.append(f"{name} is no setting")
        elif value is not None and not any(_accepts(kind, value) for kind in ours[name]):
            found.append(f"{name} cannot be {value!r}")
    return found


def unknown_in(everything: Sequence[Manifest]) -> list[str]:
    """Say which variables and secret files in an overlay's manifests nobody reads."""
    maps = {
        (namespace_of(one), one["metadata"]["name"]): one.get("data", {}) for one in of_kind(everything, "ConfigMap")
    }
    return [
        f"{workload} {container['name']}: {what}"
        for workload in workloads(everything)
        for container in workload.containers
        for what in (
            *unknown(_told(container, workload, maps), image=container.get("image", "")),
            *(
                f"/run/secrets/{name} is no setting"
                for name in _files(container, workload)
                if name.upper() not in names()
            ),
        )
    ]


def environment(container: Container, workload: Workload, everything: Sequence[Manifest]) -> dict[str, str | None]:
    """Give what a container is told by variables, from config maps too; None where the value is not known."""
    maps = {
        (namespace_of(one), one["metadata"]["name"]): one.get("data", {}) for one in of_kind(everything, "ConfigMap")
    }
    return _told(container, workload, maps)


def _told(
    container: Container, workload: Workload, maps: Mapping[tuple[str, str], Mapping[str, str]]
) -> dict[str, str | None]:
    namespace = namespace_of(workload.manifest)
    told: dict[str, str | None] = {}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            told |= maps.get((namespace, source["configMapRef"]["name"]), {})
    for one in container.get("env", ()):
        value = one.get("value")
        referred = one.get("valueFrom", {}).get("configMapKeyRef")
        if referred:
            value = maps.get((namespace, referred["name"]), {}).get(referred["key"])
        told[one["name"]] = None if value is None or "$(" in value else value
    return told


def _files(container: Container, workload: Workload) -> Iterator[str]:
    """Give the names of files in a container's directory of secrets, as far as the manifest names them."""
    mounted = {one["name"]: one for one in container.get("volumeMounts", ()) if one["mountPath"] == "/run/secrets"}
    for volume in workload.pod.get("volumes", ()):
        if volume["name"] in mounted:
            for source in (volume, *volume.get("projected", {}).get("sources", ())):
                yield from (item["path"] for item in source.get("secret", {}).get("items", ()))


def _classes() -> Iterator[tuple[str, type[Told]]]:
    """Give every class of settings with its prefix; those without one of their own are read with each service's.

    What services make their own classes of is none that is read itself.
    """
    common = [one for one in _told_in(shared.settings) if not one.__subclasses__()]
    yield from ((prefix, one) for one in common if (prefix := one.model_config.get("env_prefix", "")))
    for service in SERVICES:
        own = list(_told_in(import_module(f"{service}.settings")))
        prefix = f"{service}_".upper()
        yield from ((prefix, one) for one in (*own, *common) if one.model_config.get("env_prefix", "") in ("", prefix))


def _told_in(module: Any) -> Iterator[type[Told]]:
    return (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Told))


def _type_of(field: Any) -> Any:
    return TypeAdapter(field.annotation if not field.metadata else _annotated(field))


def _annotated(field: Any) -> Any:
    from typing import Annotated

    return Annotated[field.annotation, *field.metadata]


def _accepts(kind: Any, value: str) -> bool:
    """Say whether a setting may be given as this text: as it is, or as JSON where it is not one word."""
    for read in (kind.validate_python, kind.validate_json):
        try:
            read(value)
        except ValidationError:
            continue
        return True
    return False
