"""What every pod of an overlay is, and that whatever a manifest names is there."""

import copy
from typing import Any, Final

import pytest

from deploy.checks.hardening import LONG_RUNNING, breaches_of_ours, breaches_of_restricted, without_digest
from deploy.checks.manifests import RUNBOOK
from deploy.checks.references import dangling, secrets_with_data
from deploy.checks.rendering import OVERLAYS, Manifest, of_kind
from deploy.checks.told import environment
from deploy.checks.workloads import Workload, workloads
from shared.settings import ServiceSettings
from tests.deploy.overlays import overlay_of

WITH_OPERATORS: Final = ("partnership", "production")
NEEDS_A_TOKEN: Final[frozenset[str]] = frozenset()
"""Workloads that talk to Kubernetes' API; none does."""


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_meets_the_strictest_standard_and_ours(name: str) -> None:
    for workload in workloads(overlay_of(name)):
        assert breaches_of_restricted(workload) == []
        if workload.name not in NEEDS_A_TOKEN:
            assert breaches_of_ours(workload) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_namespace_refuses_anything_less(name: str) -> None:
    namespaces = list(of_kind(overlay_of(name), "Namespace"))

    assert namespaces
    for namespace in namespaces:
        for mode in ("enforce", "audit", "warn"):
            assert namespace["metadata"]["labels"][f"pod-security.kubernetes.io/{mode}"] == "restricted"


@pytest.mark.parametrize("name", WITH_OPERATORS)
def test_images_are_named_by_their_digest(name: str) -> None:
    for workload in workloads(overlay_of(name)):
        assert without_digest(workload) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_whatever_is_named_is_there(name: str) -> None:
    assert dangling(overlay_of(name), runbook=RUNBOOK.read_text("utf-8")) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_secret_is_written_out(name: str) -> None:
    assert secrets_with_data(overlay_of(name)) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_pod_has_the_time_to_leave(name: str) -> None:
    everything = overlay_of(name)
    for workload in workloads(everything):
        if workload.labels.get("app.kubernetes.io/component") == "api":
            container = workload.pod["containers"][0]
            sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            drain = _drain(environment(container, workload, everything))

            assert workload.pod["terminationGracePeriodSeconds"] > sleep + drain, str(workload)


def _drain(told: dict[str, str | None]) -> float:
    set_to = [float(value) for key, value in told.items() if key.endswith("_DRAIN_SECONDS") and value is not None]
    return set_to[0] if set_to else float(ServiceSettings.model_fields["drain_seconds"].default)


@pytest.mark.parametrize("name", WITH_OPERATORS)
def test_the_replicas_of_an_api_stand_apart_and_leave_one_by_one(name: str) -> None:
    everything = overlay_of(name)
    apis = [one for one in workloads(everything) if one.labels.get("app.kubernetes.io/component") == "api"]
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in of_kind(everything, "HorizontalPodAutoscaler")
    }
    kept = [one["spec"]["selector"]["matchLabels"] for one in of_kind(everything, "PodDisruptionBudget")]

    assert len(apis) == 4
    for api in apis:
        spread = api.pod["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} >= {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        assert all(one["labelSelector"]["matchLabels"].items() <= api.labels.items() for one in spread)
        assert scaled[api.name]["minReplicas"] >= 2
        assert any(labels.items() <= api.labels.items() for labels in kept)
        assert api.manifest["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_process_of_ours_is_asked_whether_it_lives_on_the_port_it_has(name: str) -> None:
    ports = {"api": 8080, "relay": 9090, "consumer": 9090, "jobs": 9090, "ledger": 9090}
    for workload in workloads(overlay_of(name)):
        part = workload.labels.get("app.kubernetes.io/component", "")
        if workload.kind in LONG_RUNNING and part in ports:
            container = workload.pod["containers"][0]
            named = {one["name"]: one["containerPort"] for one in container["ports"]}
            for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz"), ("startupProbe", "/livez")):
                asked = container[probe]["httpGet"]
                assert (asked["path"], named.get(asked["port"], asked["port"])) == (path, ports[part]), str(workload)


SPOILT: Final[dict[str, tuple[list[str], Any]]] = {
    "privileged": (["securityContext", "privileged"], True),
    "allowPrivilegeEscalation": (["securityContext", "allowPrivilegeEscalation"], True),
    "runAsNonRoot": (["securityContext", "runAsNonRoot"], False),
    "runs as root": (["securityContext", "runAsUser"], 0),
    "drop must hold ALL": (["securityContext", "capabilities"], {"drop": ["NET_RAW"]}),
    "NET_BIND_SERVICE only": (["securityContext", "capabilities"], {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "seccompProfile": (["securityContext", "seccompProfile"], {"type": "Unconfined"}),
    "procMount": (["securityContext", "procMount"], "Unmasked"),
    "hostPort": (["ports"], [{"containerPort": 8080, "hostPort": 80}]),
    "names a host": (["livenessProbe"], {"httpGet": {"host": "127.0.0.1", "port": 1, "path": "/"}}),
}


@pytest.mark.parametrize("breach", SPOILT)
def test_each_field_of_the_standard_is_looked_at(breach: str) -> None:
    workload = _spoilt(*SPOILT[breach])

    assert any(breach in one for one in breaches_of_restricted(workload))


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_a_pod_may_not_share_its_hosts_namespaces(field: str) -> None:
    manifest = _api()
    manifest["spec"]["template"]["spec"][field] = True

    assert any(field in one for one in breaches_of_restricted(workloads([manifest])[0]))


def test_a_pod_may_not_mount_its_hosts_files() -> None:
    manifest = _api()
    manifest["spec"]["template"]["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}})

    assert any("volume host" in one for one in breaches_of_restricted(workloads([manifest])[0]))


def test_a_container_that_runs_first_is_held_to_the_same() -> None:
    manifest = _api()
    manifest["spec"]["template"]["spec"]["initContainers"] = [{"name": "first", "image": "first"}]

    assert any("first: allowPrivilegeEscalation" in one for one in breaches_of_restricted(workloads([manifest])[0]))


@pytest.mark.parametrize(("kind", "field"), [("Service", "selector"), ("PodDisruptionBudget", "selector")])
def test_what_selects_nobody_is_found(kind: str, field: str) -> None:
    everything = copy.deepcopy(list(overlay_of("partnership")))
    one = next(of_kind(everything, kind))
    one["spec"][field] = {"app": "nobody"} if kind == "Service" else {"matchLabels": {"app": "nobody"}}

    assert any(one["metadata"]["name"] in what for what in dangling(everything, runbook=RUNBOOK.read_text("utf-8")))


def test_a_secret_that_nobody_makes_is_found() -> None:
    assert any("Secret gateway-secrets" in what for what in dangling(overlay_of("partnership"), runbook=""))


def _api() -> Any:
    return copy.deepcopy(next(one for one in overlay_of("partnership") if one["metadata"]["name"] == "gateway-api"))


def _spoilt(path: list[str], value: Any) -> Workload:
    manifest: Manifest = _api()
    place = manifest["spec"]["template"]["spec"]["containers"][0]
    for step in path[:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = value
    return workloads([manifest])[0]
