"""The workloads of an overlay, and the pods that each of them makes.

Not in this room: what must hold of a pod (`hardening`, `references`), and what operators make (`operators`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.checks.network import Pod
from deploy.checks.rendering import Manifest, name_of, namespace_of

KINDS: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"})

Container = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """Whatever makes pods: its manifest, and the pod it makes."""

    manifest: Manifest
    template: Mapping[str, Any]

    def __str__(self) -> str:
        return name_of(self.manifest)

    @property
    def name(self) -> str:
        """Its name in its namespace."""
        return str(self.manifest["metadata"]["name"])

    @property
    def role(self) -> str:
        """What it is and which part of that, by the labels of its pods: `gateway-api`."""
        parts = [self.labels.get(f"app.kubernetes.io/{label}") for label in ("name", "component")]
        return "-".join(part for part in parts if part) or self.name

    @property
    def kind(self) -> str:
        """`Deployment`, `Job`, …."""
        return str(self.manifest["kind"])

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        labels: Mapping[str, str] = self.template.get("metadata", {}).get("labels", {})
        return labels

    @property
    def pod(self) -> Mapping[str, Any]:
        """The specification of its pods."""
        pod: Mapping[str, Any] = self.template["spec"]
        return pod

    @property
    def containers(self) -> list[Container]:
        """Every container of a pod, those that run before the others included."""
        return [*self.pod.get("initContainers", ()), *self.pod["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """The ports its pods name."""
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", ())
            if "name" in port
        }


def workloads(everything: Iterable[Manifest]) -> list[Workload]:
    """Give everything that makes pods."""
    return list(_workloads(everything))


def pods(everything: Iterable[Manifest]) -> list[Pod]:
    """Give the pods of the workloads, as policies see them, each named by what it is and which part of that."""
    return [
        Pod(name=one.role, namespace=namespace_of(one.manifest), labels=one.labels, ports=one.ports)
        for one in workloads(everything)
    ]


def _workloads(everything: Iterable[Manifest]) -> Iterator[Workload]:
    for manifest in everything:
        if manifest["kind"] not in KINDS or "." in manifest["apiVersion"].partition("/")[0]:
            continue
        match manifest["kind"]:
            case "Pod":
                yield Workload(manifest, manifest)
            case "CronJob":
                yield Workload(manifest, manifest["spec"]["jobTemplate"]["spec"]["template"])
            case _:
                yield Workload(manifest, manifest["spec"]["template"])
