"""What every pod must be: the Pod Security Standard `restricted`, field by field, and what we ask beyond it.

In this room: pure rules over one workload, which say in words what is wrong. Not in this room: what refers to what
(`references`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.checks.workloads import Container, Workload

VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
SAFE_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    }
)
SECCOMP: Final = frozenset({"RuntimeDefault", "Localhost"})
DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
LONG_RUNNING: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet"})

Fields = Mapping[str, Any]


def breaches_of_restricted(workload: Workload) -> list[str]:
    """Say every way in which a pod would be refused by Pod Security `restricted`, or warned about."""
    return [f"{workload}: {breach}" for breach in (*_of_pod(workload), *_of_containers(workload))]


def breaches_of_ours(workload: Workload) -> list[str]:
    """Say what a pod lacks of what we ask beyond `restricted`: resources, a read-only root, no token, probes."""
    found = [*_of_running(workload)]
    if workload.pod.get("automountServiceAccountToken") is not False:
        found.append("mounts a token of the API server: automountServiceAccountToken: false")
    for container in workload.containers:
        found += [f"{container['name']}: {breach}" for breach in _of_container(container)]
    return [f"{workload}: {breach}" for breach in found]


def without_digest(workload: Workload) -> list[str]:
    """Give the images that are not named by their digest."""
    return [
        f"{workload}: {container['image']}"
        for container in workload.containers
        if not DIGEST.search(container.get("image", ""))
    ]


def _of_pod(workload: Workload) -> Iterator[str]:
    pod = workload.pod
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} is set"
    if pod.get("securityContext", {}).get("windowsOptions", {}).get("hostProcess"):
        yield "runs as a host process"
    for volume in pod.get("volumes", ()):
        if not volume.keys() - {"name"} <= VOLUMES:
            yield f"volume {volume['name']} is of a kind that is not allowed"
    for sysctl in pod.get("securityContext", {}).get("sysctls", ()):
        if sysctl["name"] not in SAFE_SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    if pod.get("securityContext", {}).get("runAsUser") == 0:
        yield "runs as root"
    yield from _of_profiles(pod.get("securityContext", {}))


def _of_containers(workload: Workload) -> Iterator[str]:
    outer = workload.pod.get("securityContext", {})
    for container in workload.containers:
        inner = container.get("securityContext", {})
        for breach in (*_of_context(inner, outer), *_of_profiles(inner), *_of_host(container)):
            yield f"{container['name']}: {breach}"


def _of_context(inner: Fields, outer: Fields) -> Iterator[str]:
    capabilities = inner.get("capabilities", {})
    if inner.get("privileged"):
        yield "is privileged"
    if inner.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation must be false"
    if "ALL" not in capabilities.get("drop", ()):
        yield "capabilities: drop must hold ALL"
    if set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities: add may hold NET_BIND_SERVICE only"
    if inner.get("runAsNonRoot", outer.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot must be true"
    if inner.get("runAsUser") == 0:
        yield "runs as root"
    if inner.get("procMount", "Default") != "Default":
        yield "procMount is set"
    if inner.get("seccompProfile", outer.get("seccompProfile", {})).get("type") not in SECCOMP:
        yield "seccompProfile must be RuntimeDefault"


def _of_profiles(context: Fields) -> Iterator[str]:
    if context.get("seccompProfile", {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield "seccompProfile is Unconfined"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield "appArmorProfile is Unconfined"
    options = context.get("seLinuxOptions", {})
    if options.get("type", "container_t") not in {"container_t", "container_init_t", "container_kvm_t"}:
        yield "seLinuxOptions type"
    if options.get("user") or options.get("role"):
        yield "seLinuxOptions user or role"


def _of_host(container: Container) -> Iterator[str]:
    for port in container.get("ports", ()):
        if port.get("hostPort"):
            yield f"hostPort {port['hostPort']}"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name, {})
        for way in ("httpGet", "tcpSocket"):
            if probe.get(way, {}).get("host"):
                yield f"{name} names a host"
    for hook in container.get("lifecycle", {}).values():
        if any(hook.get(way, {}).get("host") for way in ("httpGet", "tcpSocket")):
            yield "a lifecycle hook names a host"


def _of_container(container: Container) -> Iterator[str]:
    resources = container.get("resources", {})
    for what in ("cpu", "memory"):
        if what not in resources.get("requests", {}):
            yield f"asks for no {what}"
    if "memory" not in resources.get("limits", {}):
        yield "has no limit of memory"
    if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
        yield "may write to its root"
    if container.get("env") and any(one["name"].endswith("PASSWORD") and "value" in one for one in container["env"]):
        yield "is told a password in the open"


def _of_running(workload: Workload) -> Iterator[str]:
    if workload.kind not in LONG_RUNNING:
        return
    for container in workload.pod["containers"]:
        named = {port.get("name"): port["containerPort"] for port in container.get("ports", ())}
        for name in ("livenessProbe", "readinessProbe"):
            probe = container.get(name)
            if probe is None:
                yield f"{container['name']}: has no {name}"
                continue
            for way in ("httpGet", "tcpSocket", "grpc"):
                port = probe.get(way, {}).get("port")
                if port is not None and port not in named and port not in named.values():
                    yield f"{container['name']}: {name} asks port {port}, which it does not have"
