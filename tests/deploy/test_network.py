"""Who may connect to whom in each overlay: exactly what the architecture draws, computed from what is rendered."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from deploy.checks.network import Edge, Network, Pod
from deploy.checks.operators import operated_pods, operated_policies
from deploy.checks.rendering import OVERLAYS, Manifest, of_kind
from deploy.checks.workloads import pods
from tests.deploy.overlays import overlay_of

INNER: Final = ("customer-index", "case-episodes", "referrals")
SERVICES: Final = ("gateway", *INNER)
FOLLOWERS: Final = INNER
WITH_JOBS: Final = ("gateway", "customer-index", "referrals")

PARTS: Final[Mapping[str, frozenset[str]]] = {
    "local": frozenset({"one-of-each"}),
    "partnership": frozenset({"fetched-keys", "valkey"}),
    "production": frozenset({"fetched-keys", "valkey", "tracing"}),
}
"""What an overlay has beside the services, their databases and Kafka, as far as somebody connects to it."""

OUTSIDE: Final = (
    Pod(name="ingress", namespace="way-in", labels={}),
    Pod(name="prometheus", namespace="monitoring", labels={}),
    Pod(name="collector", namespace="observability", labels={}),
    Pod(name="dns", namespace="kube-system", labels={"k8s-app": "kube-dns"}, hears=frozenset({53})),
    Pod(name="cnpg", namespace="cnpg-system", labels={"app.kubernetes.io/name": "cloudnative-pg"}),
    Pod(name="strimzi", namespace="strimzi", labels={"strimzi.io/kind": "cluster-operator"}),
    Pod(name="stranger", namespace="default", labels={}),
)
INTRUDER: Final = Pod(name="intruder", namespace="scv", labels={})
"""A pod in our own namespace, started by hand: policies hold it too."""
NAMESPACES: Final[Mapping[str, Mapping[str, str]]] = {
    "way-in": {"scv/part": "ingress"},
    "monitoring": {"scv/part": "monitoring"},
    "observability": {"scv/part": "tracing"},
}
WORLD: Final = "0.0.0.0/0"
PRIVATE: Final = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
ABROAD: Final = "-".join([WORLD, *PRIVATE])


def network(everything: Sequence[Manifest]) -> Network:
    return Network(
        pods=[*pods(everything), *operated_pods(everything), INTRUDER],
        policies=[*of_kind(everything, "NetworkPolicy"), *operated_policies(everything)],
        others=OUTSIDE,
        namespaces=NAMESPACES,
    )


def drawn(everything: Sequence[Manifest], parts: frozenset[str]) -> set[Edge]:
    """The edges of the architecture."""
    there = {pod.name for pod in (*pods(everything), *operated_pods(everything))}
    workers = [f"{service}-relay" for service in SERVICES]
    workers += [f"{service}-consumer" for service in FOLLOWERS]
    workers += [f"{service}-jobs" for service in WITH_JOBS]
    workers += sorted(name for name in there if name.endswith("-ledger"))

    edges = {Edge("ingress", "gateway-api", 8080)}
    edges |= {Edge("gateway-api", f"{service}-api", 8080) for service in INNER}
    edges |= {Edge("prometheus", f"{service}-api", 8080) for service in SERVICES}
    edges |= {Edge("prometheus", worker, 9090) for worker in workers}
    edges |= {Edge(pod, "dns", 53, protocol) for pod in {*there, "intruder"} for protocol in ("TCP", "UDP")}
    if "one-of-each" in parts:
        edges |= set(_one_of_each(there))
    else:
        edges |= {*_databases(there, workers), *_kafka(there, everything)}
    if "valkey" in parts:
        edges.add(Edge("gateway-api", "valkey-cache", 6379))
    if "tracing" in parts:
        edges |= {Edge(name, "collector", 4318) for name in (*workers, *(f"{service}-api" for service in SERVICES))}
    if "fetched-keys" in parts:
        edges.add(Edge("gateway-api", ABROAD, 443))
    return edges


def _one_of_each(there: set[str]) -> Iterator[Edge]:
    """A laptop's one PostgreSQL and one Kafka, without operators."""
    kinds = {name: name.rpartition("-")[2] for name in there if name.startswith(SERVICES)}
    yield from (Edge(name, "postgres-database", 5432) for name, kind in kinds.items() if kind != "topics")
    to_kafka = [name for name, kind in kinds.items() if kind in ("relay", "consumer", "topics")]
    yield from (Edge(name, "kafka-broker", 9092) for name in to_kafka)


def _databases(there: set[str], workers: Sequence[str]) -> Iterator[Edge]:
    for service in SERVICES:
        db, join, pooler = f"{service}-db", f"{service}-db join", f"{service}-db-pooler"
        yield Edge(f"{service}-api", pooler, 5432)
        yield Edge(pooler, db, 5432)
        once = [
            f"{service}-{name}" for name in ("provision", "migrate", "found", "replay") if f"{service}-{name}" in there
        ]
        for source in (*once, *(worker for worker in workers if worker.startswith(f"{service}-"))):
            yield Edge(source, db, 5432)
        # CloudNativePG: instances follow the primary, and the operator asks how they are.
        for source in (db, join, "cnpg"):
            yield from (Edge(source, db, port) for port in (5432, 8000))
        yield Edge("cnpg", pooler, 5432)
        yield Edge("prometheus", db, 9187)
        yield Edge("prometheus", pooler, 9127)
        # The API of Kubernetes and the store of backups have no address that could be known.
        yield from (Edge(source, WORLD, port) for source in (db, join, pooler) for port in (443, 6443))


def _kafka(there: set[str], everything: Sequence[Manifest]) -> Iterator[Edge]:
    nodes = [f"scv-{pool['metadata']['name']}" for pool in of_kind(everything, "KafkaNodePool")]
    operators = [name for name in ("scv-entity-operator",) if name in there]
    topics = [name for name in there if name.endswith("-topics")]
    for node in nodes:
        for client in (
            *topics,
            *(f"{service}-relay" for service in SERVICES),
            *(f"{one}-consumer" for one in FOLLOWERS),
        ):
            yield Edge(client, node, 9093)
        for source in (*nodes, "strimzi"):
            yield from (Edge(source, node, port) for port in (9090, 9091))
        yield from (Edge(operator, node, 9091) for operator in operators)
        yield Edge("strimzi", node, 8443)
        # Strimzi opens the port of the metrics to whoever is let out to it.
        yield from (Edge(one.name, node, 9404) for one in OUTSIDE)
    yield from (Edge(source, WORLD, port) for source in (*nodes, *operators) for port in (443, 6443))


def differences(everything: Sequence[Manifest], parts: frozenset[str]) -> list[str]:
    found, wanted = network(everything).edges(), drawn(everything, parts)
    more = [f"is let through and not drawn: {edge}" for edge in sorted(found - wanted)]
    return [*more, *(f"is drawn and not let through: {edge}" for edge in sorted(wanted - found))]


@pytest.mark.parametrize("name", OVERLAYS)
def test_exactly_the_edges_that_are_drawn_are_let_through(name: str) -> None:
    assert differences(overlay_of(name), PARTS[name]) == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_policy_is_about_somebody_and_names_somebody(name: str) -> None:
    everything = overlay_of(name)
    ours = network(everything)
    for policy in of_kind(everything, "NetworkPolicy"):
        assert ours.selected(policy), f"{policy['metadata']['name']} is about nobody"
        for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
            for peer in (*rule.get("from", ()), *rule.get("to", ())):
                if "ipBlock" not in peer:
                    assert ours.peers(peer, policy=policy), f"{policy['metadata']['name']} names nobody: {peer}"


@pytest.mark.parametrize("name", OVERLAYS)
def test_without_any_one_policy_the_graph_is_another(name: str) -> None:
    everything = overlay_of(name)
    for policy in of_kind(everything, "NetworkPolicy"):
        others = [one for one in everything if one is not policy]
        assert differences(others, PARTS[name]), f"{policy['metadata']['name']} could go and nobody would notice"


ADDED: Final[Mapping[str, dict[str, Any]]] = {
    "anybody to an inner service": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "case-episodes"}},
        "ingress": [{}],
    },
    "a relay to the world": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/component": "relay"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": WORLD}}]}],
    },
    "the gateway to another namespace": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}]}],
    },
    "another port of the gateway": {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}},
        "ingress": [
            {"from": [{"namespaceSelector": {"matchLabels": {"scv/part": "ingress"}}}], "ports": [{"port": 9}]}
        ],
    },
}


@pytest.mark.parametrize("spec", ADDED.values(), ids=ADDED.keys())
def test_with_one_policy_more_the_graph_is_another(spec: dict[str, Any]) -> None:
    everything = overlay_of("partnership")
    added = {"kind": "NetworkPolicy", "metadata": {"name": "added", "namespace": "scv"}, "spec": spec}

    found = set(differences([*everything, {"apiVersion": "networking.k8s.io/v1", **added}], PARTS["partnership"]))

    assert found - set(differences(everything, PARTS["partnership"]))


def test_a_listener_of_kafka_that_names_no_peers_is_open_to_all() -> None:
    everything = copy.deepcopy(list(overlay_of("partnership")))
    for kafka in of_kind(everything, "Kafka"):
        del kafka["spec"]["kafka"]["listeners"][0]["networkPolicyPeers"]

    assert any("stranger" in what and "9093" in what for what in differences(everything, PARTS["partnership"]))


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_pod_without_labels_talks_to_names_only(name: str) -> None:
    touched = [edge for edge in network(overlay_of(name)).edges() if "intruder" in (edge.source, edge.target)]

    assert {edge.target for edge in touched} == {"dns"}
