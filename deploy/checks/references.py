"""What manifests name must be there: secrets, keys, config maps, accounts, ports, and what budgets and scalers are of.

A secret is there if an operator makes it of a custom resource or the install runbook says how to make it; none is
written in a manifest. In this room: pure rules over an overlay's manifests, which say in words what dangles.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from deploy.checks.network import Pod
from deploy.checks.operators import operated_pods
from deploy.checks.rendering import Manifest, name_of, namespace_of, of_kind
from deploy.checks.selectors import selects
from deploy.checks.workloads import Workload, pods, workloads

Key = tuple[str, str]
"""Namespace and name."""

_CERTIFICATE: Final = frozenset({"tls.crt", "tls.key", "ca.crt"})
_USER: Final = frozenset({"ca.crt", "user.crt", "user.key", "user.p12", "user.password"})
_DATABASE: Final = frozenset({"username", "password", "host", "port", "dbname", "uri", "jdbc-uri", "pgpass"})
_AUTHORITY: Final = frozenset({"ca.crt", "ca.key", "ca.p12", "ca.password"})


def dangling(everything: Sequence[Manifest], *, runbook: str) -> list[str]:
    """Say everything that is named and not there; `runbook` is the text that says which secrets are made by hand."""
    return [
        *_secrets_and_maps(everything, runbook=runbook),
        *_accounts(everything),
        *_services(everything),
        *_backends(everything),
        *_budgets_and_scalers(everything),
    ]


def secrets_with_data(everything: Iterable[Manifest]) -> list[str]:
    """Give the secrets that are written out in manifests."""
    return [name_of(one) for one in of_kind(everything, "Secret") if one.get("data") or one.get("stringData")]


def made_secrets(everything: Iterable[Manifest]) -> dict[Key, frozenset[str]]:
    """Give the secrets that operators make of custom resources, with their keys."""
    found: dict[Key, frozenset[str]] = {}
    for one in everything:
        name, namespace, group = one["metadata"]["name"], namespace_of(one), one["apiVersion"].partition("/")[0]
        match group, one["kind"]:
            case "cert-manager.io", "Certificate":
                found[namespace, one["spec"]["secretName"]] = _CERTIFICATE
            case "kafka.strimzi.io", "KafkaUser":
                found[namespace, name] = _USER
            case "kafka.strimzi.io", "Kafka":
                found[namespace, f"{name}-cluster-ca-cert"] = found[namespace, f"{name}-clients-ca-cert"] = _AUTHORITY
            case "postgresql.cnpg.io", "Cluster":
                for suffix in ("app", "superuser"):
                    found[namespace, f"{name}-{suffix}"] = _DATABASE
                found[namespace, f"{name}-ca"] = frozenset({"ca.crt", "ca.key"})
                found[namespace, f"{name}-server"] = found[namespace, f"{name}-replication"] = _CERTIFICATE
            case _, "Ingress":
                # Where an issuer is named, cert-manager makes the certificate of the ingress.
                if any(key.startswith("cert-manager.io/") for key in one["metadata"].get("annotations", {})):
                    for tls in one["spec"].get("tls", ()):
                        found[namespace, tls["secretName"]] = _CERTIFICATE
    return found


def referred(workload: Workload) -> Iterator[tuple[str, str, str | None]]:
    """Give what a pod is told or mounts: kind, name, and the key where one is named; optional ones are left out."""
    for container in workload.containers:
        for one in container.get("env", ()):
            source = one.get("valueFrom", {})
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if field in source and not source[field].get("optional"):
                    yield kind, source[field]["name"], source[field]["key"]
        for one in container.get("envFrom", ()):
            for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if field in one and not one[field].get("optional"):
                    yield kind, one[field]["name"], None
    for volume in workload.pod.get("volumes", ()):
        yield from _mounted(volume)
        for source in volume.get("projected", {}).get("sources", ()):
            yield from _mounted(source)


def _mounted(volume: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    for field, kind in (("secret", "Secret"), ("configMap", "ConfigMap")):
        source = volume.get(field)
        if source is not None and not source.get("optional"):
            name = source.get("secretName") or source["name"]
            keys = [item["key"] for item in source.get("items", ())]
            yield from ((kind, name, key) for key in keys or [None])


def _secrets_and_maps(everything: Sequence[Manifest], *, runbook: str) -> Iterator[str]:
    made = made_secrets(everything)
    maps = {
        (namespace_of(one), one["metadata"]["name"]): frozenset({*one.get("data", {}), *one.get("binaryData", {})})
        for one in of_kind(everything, "ConfigMap")
    }
    for workload in workloads(everything):
        for kind, name, key in referred(workload):
            there = (made if kind == "Secret" else maps).get((namespace_of(workload.manifest), name))
            if there is None:
                if kind == "ConfigMap" or not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", runbook):
                    yield f"{workload}: {kind} {name} is made by nobody"
            elif key is not None and key not in there:
                yield f"{workload}: {kind} {name} has no {key}"


def _accounts(everything: Sequence[Manifest]) -> Iterator[str]:
    there = {(namespace_of(one), one["metadata"]["name"]) for one in of_kind(everything, "ServiceAccount")}
    for workload in workloads(everything):
        account = workload.pod.get("serviceAccountName", "default")
        if account != "default" and (namespace_of(workload.manifest), account) not in there:
            yield f"{workload}: ServiceAccount {account} is not there"


def _services(everything: Sequence[Manifest]) -> Iterator[str]:
    there = [*pods(everything), *operated_pods(everything)]
    for service in of_kind(everything, "Service"):
        selector = service["spec"].get("selector")
        if not selector:
            continue
        chosen = [
            pod
            for pod in there
            if pod.namespace == namespace_of(service) and selects({"matchLabels": selector}, pod.labels)
        ]
        if not chosen:
            yield f"{name_of(service)}: selects no pod"
        for port, pod in ((port, pod) for port in service["spec"]["ports"] for pod in chosen):
            target = port.get("targetPort", port["port"])
            if not _has_port(pod, target):
                yield f"{name_of(service)}: {pod.name} has no port {target}"


def _has_port(pod: Pod, target: str | int) -> bool:
    return target in pod.ports or target in pod.ports.values()


def _backends(everything: Sequence[Manifest]) -> Iterator[str]:
    ports = {
        (namespace_of(one), one["metadata"]["name"]): {
            value for port in one["spec"]["ports"] for value in (port.get("name"), port["port"])
        }
        for one in of_kind(everything, "Service")
    }
    for route in of_kind(everything, "Ingress", "HTTPRoute"):
        for service, port in _led_to(route):
            if port not in ports.get((namespace_of(route), service), set()):
                yield f"{name_of(route)}: leads to {service}:{port}, which is not there"


def _led_to(route: Manifest) -> Iterator[tuple[str, str | int]]:
    """Give the services and ports that an Ingress or an HTTPRoute leads to."""
    for rule in route["spec"].get("rules", ()):
        for path in rule.get("http", {}).get("paths", ()):
            service = path["backend"]["service"]
            yield service["name"], service["port"].get("name") or service["port"]["number"]
        for backend in rule.get("backendRefs", ()):
            yield backend["name"], backend["port"]


def _budgets_and_scalers(everything: Sequence[Manifest]) -> Iterator[str]:
    there = workloads(everything)
    named = {(namespace_of(one.manifest), one.kind, one.name): one for one in there}
    for budget in of_kind(everything, "PodDisruptionBudget"):
        chosen = [
            one
            for one in there
            if namespace_of(one.manifest) == namespace_of(budget) and selects(budget["spec"]["selector"], one.labels)
        ]
        if len(chosen) != 1:
            yield f"{name_of(budget)}: is of {len(chosen)} workloads, not of one"
        else:
            yield from _room(budget, chosen[0], everything)
    for scaler in of_kind(everything, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = named.get((namespace_of(scaler), target["kind"], target["name"]))
        if workload is None:
            yield f"{name_of(scaler)}: scales {target['kind']} {target['name']}, which is not there"
        elif "replicas" in workload.manifest["spec"]:
            yield f"{workload}: states replicas, which every `apply` would set back, though a scaler is at work"


def _room(budget: Manifest, workload: Workload, everything: Sequence[Manifest]) -> Iterator[str]:
    """A budget that lets no pod go keeps a node from ever being drained."""
    least = [
        scaler["spec"].get("minReplicas", 1)
        for scaler in of_kind(everything, "HorizontalPodAutoscaler")
        if namespace_of(scaler) == namespace_of(budget) and scaler["spec"]["scaleTargetRef"]["name"] == workload.name
    ]
    replicas = least[0] if least else workload.manifest["spec"].get("replicas", 1)
    keep = budget["spec"].get("minAvailable")
    if budget["spec"].get("maxUnavailable") == 0 or (isinstance(keep, int) and keep >= replicas):
        yield f"{name_of(budget)}: lets none of {replicas} go, so that no node can be drained"
